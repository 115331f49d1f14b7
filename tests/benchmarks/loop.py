"""What a loop costs and gives: the digits recipe and its two earlier projects, by the command line, on fresh workspaces.

    make bench NAME=loop

Speed is told beside a bare script that trains the same network on the same rows and converts it, run in between; it does
one training where the loop does some twenty, and registers, judges and deploys nothing. Accuracy is that of the test
split (scikit-learn's digits, rows 0.5 to 0.85, a fifth of them), read once for each seed; `from_scratch_accuracy` is the
control's, trained on the same rows with the same budget of epochs.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from _record import record

SEEDS = (0, 1, 2)
ROOT = Path(__file__).parents[2]
BEQUEST = [str(Path(sys.executable).parent / "bequest")]

BARE = """
import _settings  # noqa: F401  (before numpy)
import numpy as np
from tasks.methods.backend import keras, tf
from tasks.methods.networks.architectures import build
from sklearn.datasets import load_digits
x, y = load_digits(return_X_y=True)
rows = np.random.default_rng(0).permutation(len(y))[898:1527]
x, y = (x[rows] / 16).reshape(-1, 8, 8, 1).astype("float32"), y[rows]
model = build("cnn", (8, 8, 1), 10, hidden=[64, 32], filters=[16, 32], dropout=0.1, seed=0)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x[:377], y[:377], validation_data=(x[377:503], y[377:503]), epochs=28, batch_size=32, verbose=0)
converter = tf.lite.TFLiteConverter.from_keras_model(model)
converter.convert()
"""


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, str]:
    """Wall seconds and standard output of a command that must end well."""
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command[:4])} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return time.perf_counter() - start, done.stdout


def one_seed(seed: int) -> dict[str, Any]:
    """A fresh workspace: the first run, the same again, the bare script in between."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PREFECT_"))}
        environment["BEQUEST_HOME"] = f"{folder}/home"
        recipes = ROOT / "deployments" / "recipes"
        stated = yaml.safe_load((recipes / "digits.yaml").read_text())
        stated["inherit"]["prepare"] = [str(recipes / each) for each in stated["inherit"]["prepare"]]
        stated["evaluate"]["gate"] = {}  # the figures are wanted, whatever they are
        recipe = Path(folder) / "digits.yaml"
        recipe.write_text(yaml.safe_dump(stated | {"seed": seed}))
        command = [*BEQUEST, "run", str(recipe), "--json"]
        run_s, printed = timed(command, environment)
        bare_s, _ = timed([sys.executable, "-c", BARE], environment)
        rerun_s, again = timed(command, environment)
        help_s = min(timed([*BEQUEST, "--help"], environment)[0] for _ in range(5))
        outcome = json.loads(printed)[0]
        if not json.loads(again)[0]["unchanged"]:
            sys.exit("the second run was expected to skip every stage")
        verdict = outcome["verdict"]
        return {
            "run_s": run_s,
            "rerun_s": rerun_s,
            "bare_s": bare_s,
            "help_s": help_s,
            "accuracy": verdict["metrics"]["accuracy"],
            "from_scratch_accuracy": verdict["control_metrics"]["accuracy"],
            "size_bytes": verdict["metrics"]["size_bytes"],
        }


def main() -> None:
    """Measures and writes the results: minima of seconds, means of accuracies."""
    found = [one_seed(seed) for seed in SEEDS]
    figures: dict[str, Any] = {
        name: round(min(each[name] for each in found), 2) for name in ("run_s", "rerun_s", "bare_s", "help_s")
    }
    figures["run_to_bare_ratio"] = round(figures["run_s"] / figures["bare_s"], 2)
    figures["rerun_to_run_ratio"] = round(figures["rerun_s"] / figures["run_s"], 3)
    for name in ("accuracy", "from_scratch_accuracy", "size_bytes"):
        figures[name] = round(sum(each[name] for each in found) / len(found), 4)
        figures[f"{name}_by_seed"] = [round(each[name], 4) for each in found]
    record(
        "loop",
        figures,
        ("tensorflow", "tensorflow-model-optimization", "mlflow", "prefect", "great-expectations"),
        data="scikit-learn digits, rows 0.5 to 0.85 of a shuffle with seed 0",
        seeds=list(SEEDS),
        split="stratified 0.6 / 0.2 / 0.2; accuracies are the test split's, read once",
    )


if __name__ == "__main__":
    main()
