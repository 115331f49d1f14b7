"""Models on disk: written as `.keras`, read from what users bring, and never trusted."""

import json
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from model_registry.errors import InputError
from tasks.methods.backend import keras
from tasks.methods.networks.formats.read import read
from tasks.methods.networks.formats.refusal import refusal

WITHOUT_NETWORK = "without_network.json"  # stands in a version's folder in a network's place, and says why there is none


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
    """Reads a Keras model without executing anything its file brings along.

    Args:
        path: A `.keras` archive (of tf_keras, or of Keras 3 where its layers exist in both), an `.h5` file, or a SavedModel
            folder written by tf_keras.

    Returns:
        The model, not compiled.

    Raises:
        InputError: The file is missing, damaged, not a Keras model, or holds more than built-in layers; or the version it
            would belong to has no network.
    """
    path = Path(path)
    if not path.exists():
        marker = path.with_name(WITHOUT_NETWORK)
        if marker.is_file():
            raise InputError(json.loads(marker.read_text())["reason"])
        raise InputError(f"{path}: expected a Keras model. Found nothing there; check the path.")
    found = read(path)
    if found.model is None:
        raise refusal(path, f"a model without a network to train further ({found.form})")
    return found.model


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
