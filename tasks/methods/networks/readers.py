"""Reads the three forms Keras stores models in, without executing anything a file brings along."""

import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import h5py

from model_registry.errors import InputError
from tasks.methods.backend import keras
from tasks.methods.networks import keras3
from tasks.methods.networks.vet import refused

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


def read_keras(path: Path) -> keras.Model:
    """A `.keras` archive, of tf_keras or of Keras 3."""
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        if not {_CONFIG, _METADATA, _WEIGHTS} <= names:
            found = "a PyTorch archive (pickled)" if any(name.endswith("data.pkl") for name in names) else "a zip archive"
            raise refusal(path, f"{found} without {_CONFIG}, {_METADATA} and {_WEIGHTS}")
        config, metadata = json.loads(archive.read(_CONFIG)), json.loads(archive.read(_METADATA))
        weights = archive.read(_WEIGHTS)
    with tempfile.TemporaryDirectory(prefix="bequest-") as folder:
        # A copy of three vetted members is what Keras gets to see: no assets, no compile settings, no other bytes.
        store = Path(folder, _WEIGHTS)
        store.write_bytes(weights)
        _require_own_data(path, store)
        if keras3.is_keras3(metadata.get("keras_version")):
            return _read_keras3(path, config, store)
        config = without_compile(config)
        require_built_in(path, config)
        copy = Path(folder, "model.keras")
        with zipfile.ZipFile(copy, "w") as archive:
            for name, content in ((_METADATA, json.dumps(metadata)), (_CONFIG, json.dumps(config)), (_WEIGHTS, weights)):
                archive.writestr(name, content)
        return keras.models.load_model(copy, compile=False, safe_mode=True)


def read_hdf5(path: Path) -> keras.Model:
    """A legacy `.h5` file. Keras has no safe mode for it, so its configuration is vetted first."""
    with h5py.File(path, "r") as file:
        text = file.attrs.get("model_config")
        version = file.attrs.get("keras_version", "")
        version = version.decode() if isinstance(version, bytes) else str(version)
    if text is None:
        raise refusal(
            path, "an HDF5 file without a model's configuration (weights only?); save the whole model, not its weights"
        )
    if keras3.is_keras3(version):
        raise refusal(path, f"an HDF5 file of Keras {version}; save it there as model.keras, which is read")
    _require_own_data(path, path)
    require_built_in(path, json.loads(text))
    return keras.models.load_model(path, compile=False)


def read_saved_model(path: Path) -> keras.Model:
    """A SavedModel folder of tf_keras: its layers are built anew and given its variables; its graph is never run."""
    from tf_keras.protobuf import saved_metadata_pb2

    described, variables = path / "keras_metadata.pb", path / "variables" / "variables"
    if not described.is_file() or not variables.with_suffix(".index").is_file():
        raise refusal(path, "a folder without keras_metadata.pb and variables, so not a Keras SavedModel")
    metadata = saved_metadata_pb2.SavedMetadata()
    metadata.ParseFromString(described.read_bytes())
    root = next((node for node in metadata.nodes if node.node_path == "root"), None)
    config = json.loads(root.metadata).get("model_config") if root else None
    if not config:
        raise refusal(path, "a SavedModel whose root is not a functional or Sequential model")
    require_built_in(path, config)
    model = keras.models.model_from_json(json.dumps(config))
    status = model.load_weights(str(variables))
    status.expect_partial()
    status.assert_existing_objects_matched()
    return model


def refusal(path: Path, found: str) -> InputError:
    """The error for a file that is not read."""
    return InputError(
        f"{path}: expected a Keras model of built-in layers (.keras, .h5 or a tf_keras SavedModel folder). "
        f"Found {found}. Save a functional or Sequential model with model.save('model.keras') and give that file."
    )


def require_built_in(path: Path, config: Any) -> None:
    """Refuses a configuration with anything but built-in parts.

    Raises:
        InputError: Names what was found.
    """
    found = refused(config)
    if found:
        raise InputError(
            f"{path}: expected built-in Keras layers only. Found {'; '.join(found)}. Nothing of the file was executed. "
            "Replace it by built-in layers (for a pruned or quantized model: strip its wrappers first) and save again."
        )


def without_compile(config: Any) -> Any:
    """The configuration without optimizers, losses and metrics, nested models included."""
    if isinstance(config, dict):
        return {key: without_compile(value) for key, value in config.items() if key != "compile_config"}
    return [without_compile(value) for value in config] if isinstance(config, list) else config


def _read_keras3(path: Path, config: Any, store: Path) -> keras.Model:
    try:
        translated = keras3.translate(without_compile(config))
    except ValueError as error:
        raise refusal(path, f"a model of Keras 3 that tf_keras cannot build: {error}") from error
    require_built_in(path, translated)
    model = keras.models.model_from_json(json.dumps(translated))
    with h5py.File(store, "r") as file:
        keras3.load_weights(model, translated, file)
    return model


def _require_own_data(path: Path, store: Path) -> None:
    """Refuses an HDF5 file that points at other files: reading it would read them."""
    outside: list[str] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
            outside.append(name)

    def visit_link(name: str, link: Any) -> None:
        if isinstance(link, h5py.ExternalLink):
            outside.append(name)

    with h5py.File(store, "r") as file:
        file.visititems_links(visit_link)
        if not outside:
            file.visititems(visit)
    if outside:
        raise refusal(path, f"weights that lie in other files ({outside[0]!r})")
