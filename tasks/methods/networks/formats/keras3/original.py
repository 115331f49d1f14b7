"""What Keras 3 itself computes, where it is installed: in a process of its own, as one process can have one Keras only."""

import importlib.metadata
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tasks.methods.networks.formats.outside import CannotCompareError

_CODE = """
import sys
import numpy as np
import keras
model = keras.saving.load_model(sys.argv[1], compile=False, safe_mode=True)
np.save(sys.argv[3], np.asarray(model(np.load(sys.argv[2]), training=False)))
"""
_TIMEOUT_S = 600


def outputs(path: Path, x: np.ndarray) -> np.ndarray:
    """The outputs of a model as Keras 3 computes them.

    Args:
        path: A file whose configuration is vetted.
        x: float32 [n, ...].

    Raises:
        CannotCompareError: Keras 3 is not installed.
        ValueError: Keras 3 cannot run its own file; the message says why.
    """
    try:
        version = importlib.metadata.version("keras")
    except importlib.metadata.PackageNotFoundError:
        version = ""
    if int(version.split(".")[0] or 0) < 3:
        raise CannotCompareError("Keras 3 is not installed here")
    environment = os.environ | {
        "KERAS_BACKEND": "tensorflow",
        "TF_USE_LEGACY_KERAS": "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    with tempfile.TemporaryDirectory(prefix="bequest-") as folder:
        rows, result = Path(folder, "x.npy"), Path(folder, "y.npy")
        np.save(rows, x)
        # -P: nothing of the folder the command was given in is imported.
        command = [sys.executable, "-P", "-c", _CODE, str(path), str(rows), str(result)]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, check=False
        )
        if not result.is_file():
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise ValueError(f"Keras {version} cannot run it: {lines[-1] if lines else f'exit code {done.returncode}'}")
        found: np.ndarray = np.load(result, allow_pickle=False)
        return found
