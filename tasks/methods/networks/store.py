"""Models on disk: written as `.keras`, read from what users bring, and never trusted."""

import os
from pathlib import Path
from typing import Any
from uuid import uuid4
from zipfile import BadZipFile

import numpy as np

from model_registry.errors import InputError
from tasks.methods.backend import keras
from tasks.methods.networks.readers import read_hdf5, read_keras, read_saved_model, refusal

_ZIP, _HDF5, _PICKLE = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"\x80"


def save(model: keras.Model, path: Path) -> None:
    """Writes `model` as a `.keras` archive, in one move, so that a crash leaves no half of it.

    Raises:
        ValueError: The name does not end in `.keras`.
    """
    if path.suffix != ".keras":
        raise ValueError(f"Invalid `path`. Expected a name ending in .keras. Received: path={path}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{uuid4().hex}.keras")
    try:
        model.save(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def load(path: Path) -> keras.Model:
    """Reads a model without executing anything its file brings along.

    Args:
        path: A `.keras` archive (of tf_keras, or of Keras 3 where its layers exist in both), a legacy `.h5` file, or a
            SavedModel folder written by tf_keras.

    Returns:
        The model, not compiled.

    Raises:
        InputError: The file is missing, damaged, not a Keras model, or holds more than built-in layers.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: expected a Keras model. Found nothing there; check the path.")
    reader = _reader(path)
    try:
        model = reader(path)
    except InputError:
        raise
    except (OSError, BadZipFile, EOFError) as error:
        raise refusal(path, f"a damaged or truncated file ({_first_line(error)})") from error
    except Exception as error:  # Keras raises whatever a wrong configuration leads to
        raise refusal(path, f"a model that cannot be built ({type(error).__name__}: {_first_line(error)})") from error
    types = {layer.compute_dtype for layer in model._flatten_layers(include_self=False, recursive=True)} - {"float32"}
    if types:
        raise refusal(path, f"layers that take or compute {', '.join(sorted(types))}, where float32 is needed")
    broken = [weight.name for weight in model.weights if not np.isfinite(weight.numpy()).all()]
    if broken:
        raise refusal(path, f"weights that are NaN or infinite (first: {broken[0]})")
    return model


def describe(model: keras.Model) -> dict[str, Any]:
    """Size and shape of a network.

    Returns:
        parameters and nonzero_parameters (counts of weights), layers (those of nested models too, inputs included),
        input_shape and output_shape (one row's, None where a size is free), classes (units of the output).
    """
    weights = model.get_weights()
    output = tuple(model.outputs[0].shape[1:])
    return {
        "parameters": sum(int(weight.size) for weight in weights),
        "nonzero_parameters": sum(int(np.count_nonzero(weight)) for weight in weights),
        "layers": _layers(model),
        "input_shape": tuple(model.inputs[0].shape[1:]),
        "output_shape": output,
        "classes": output[-1],
    }


def _layers(model: keras.Model) -> int:
    return sum(_layers(layer) if isinstance(layer, keras.Model) else 1 for layer in model.layers)


def _reader(path: Path) -> Any:
    """By content: a name proves nothing."""
    if path.is_dir():
        return read_saved_model
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(_ZIP):
        return read_keras
    if head == _HDF5:
        return read_hdf5
    if head.startswith(_PICKLE):
        raise refusal(path, "a pickle, which may run any code when it is read")
    if head[4:] == b"TFL3":
        raise refusal(path, "a LiteRT flatbuffer, which cannot be trained further; give the Keras model it was made from")
    raise refusal(path, "an empty file" if not head else "a file of another kind")


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
