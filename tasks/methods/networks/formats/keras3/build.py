"""Configuration and weights of Keras 3 to one tf_keras network, which can be compared with the original."""

import json
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tasks.methods.backend import keras
from tasks.methods.networks.formats.built_in import require_built_in
from tasks.methods.networks.formats.keras3.config import translate
from tasks.methods.networks.formats.keras3.original import outputs
from tasks.methods.networks.formats.keras3.weights import load_store
from tasks.methods.networks.formats.legacy_weights import load_legacy
from tasks.methods.networks.formats.outside import Found
from tasks.methods.networks.formats.refusal import refusal

_REMEDY = "Rebuild that part from layers that both have, or export the model to ONNX (model.export(..., format='onnx'))."


def is_keras3(version: Any) -> bool:
    """Whether a file's `keras_version` is that of the multi-backend Keras."""
    major = str(version or "").split(".")[0]
    return major.isdigit() and int(major) >= 3


def build_from_store(path: Path, config: dict[str, Any], store: Path, version: str) -> Found:
    """A network from a `.keras` archive's configuration and its `model.weights.h5`.

    Args:
        path: The archive.
        config: Its configuration, without compile settings.
        store: Its weights, unpacked.
        version: The Keras that wrote it.

    Raises:
        InputError: Names the layer or the setting that tf_keras has not, or the layer whose weights do not fit.
    """
    model, translated = _built(path, config)
    with h5py.File(store, "r") as file:
        load_store(model, translated["config"]["layers"], file)
    return _found(model, f"Keras {version} archive", partial(_archive_outputs, config, version, store.read_bytes()))


def build_from_legacy(path: Path, config: dict[str, Any], version: str) -> Found:
    """A network from a `.h5` file that Keras 3 wrote.

    Args:
        path: The file.
        config: Its configuration, without compile settings.
        version: The Keras that wrote it.

    Raises:
        InputError: Names the layer or the setting that tf_keras has not, or the layer whose weights do not fit.
    """
    model, _ = _built(path, config)
    with h5py.File(path, "r") as file:
        load_legacy(model, file["model_weights"])
    return _found(model, f"Keras {version} HDF5 file", partial(outputs, path))


def _built(path: Path, config: dict[str, Any]) -> tuple[keras.Model, dict[str, Any]]:
    try:
        translated = translate(config)
    except ValueError as error:
        raise refusal(path, f"a model of Keras 3 that tf_keras cannot build: {error}", _REMEDY) from error
    require_built_in(path, translated)
    return keras.models.model_from_json(json.dumps(translated)), translated


def _found(model: keras.Model, form: str, original: Callable[[np.ndarray], np.ndarray]) -> Found:
    return Found(form, model, original=original, library="Keras 3")


def _archive_outputs(config: dict[str, Any], version: str, weights: bytes, x: np.ndarray) -> np.ndarray:
    """What Keras 3 computes from the vetted members: it never gets to see the others."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="bequest-") as folder:
        copy = Path(folder, "model.keras")
        with zipfile.ZipFile(copy, "w") as archive:
            archive.writestr("metadata.json", json.dumps({"keras_version": version}))
            archive.writestr("config.json", json.dumps(config))
            archive.writestr("model.weights.h5", weights)
        return outputs(copy, x)
