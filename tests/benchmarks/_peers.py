"""Other servers of the same network, each as its own documentation starts it."""

import os
import subprocess
import sys
from pathlib import Path

LITSERVE = """
import sys
import numpy as np
import litserve as ls
from ai_edge_litert.interpreter import Interpreter

class Api(ls.LitAPI):
    def setup(self, device):
        self.interpreter = Interpreter(model_path=sys.argv[1], num_threads=1)
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]["index"]
        self.output = self.interpreter.get_output_details()[0]["index"]

    def decode_request(self, request):
        return np.array(request["instances"], np.float32)

    def predict(self, x):
        self.interpreter.set_tensor(self.input, x)
        self.interpreter.invoke()
        return self.interpreter.get_tensor(self.output)

    def encode_response(self, output):
        return {"predictions": output.tolist()}

if __name__ == "__main__":
    api = Api(api_path="/invocations")
    server = ls.LitServer(api, accelerator="cpu", workers_per_device=int(sys.argv[3]))
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False, log_level="warning")
"""


def serving_python() -> str:
    """The small install's Python (BEQUEST_BENCH_SERVING), else this one."""
    return os.environ.get("BEQUEST_BENCH_SERVING", sys.executable)


def ours(bundle: Path, port: int) -> subprocess.Popen:
    """The server under test."""
    command = [serving_python(), "-P", "-m", "deployments.serving", str(bundle), "--port", str(port)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def mlflow(model: Path, port: int) -> subprocess.Popen:
    """`mlflow models serve` in this environment."""
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model), "-p", str(port), "--env-manager", "local"]
    # It starts `uvicorn` by name.
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)


def litserve(python: str, script: Path, flatbuffer: Path, port: int, workers: int = 1) -> subprocess.Popen:
    """LitServe over LiteRT, in an environment of its own."""
    script.write_text(LITSERVE)
    command = [python, str(script), str(flatbuffer), str(port), str(workers)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
