"""`.h5` files with a whole model, of Keras 2 and of Keras 3. Keras has no safe mode for them, so they are vetted first."""

import json
from pathlib import Path
from typing import Any

import h5py

from tasks.methods.backend import keras
from tasks.methods.networks.formats import limits
from tasks.methods.networks.formats.built_in import require_built_in, without_compile
from tasks.methods.networks.formats.keras3 import build_from_legacy, is_keras3
from tasks.methods.networks.formats.outside import Consent, Found
from tasks.methods.networks.formats.refusal import refusal

_WEIGHTS_ONLY = (
    "Name the network they belong to, e.g. --architecture MobileNet --set alpha=0.25 --set include_top=false "
    "--input 96,96,3, or save the whole model with model.save('model.keras')."
)


def read_hdf5(path: Path, consent: Consent) -> Found:
    """Reads a file with a configuration and weights.

    Args:
        path: The file.
        consent: What the user vouches for.

    Raises:
        InputError: It has weights only, or holds something that is not built in.
    """
    limits.require_own_data(path, path)
    with h5py.File(path, "r") as file:
        text, version = _text(file, "model_config"), _text(file, "keras_version")
    if not text:
        raise refusal(path, "an HDF5 file without a model's configuration (weights only)", _WEIGHTS_ONLY)
    config = without_compile(json.loads(text))
    if is_keras3(version):
        return build_from_legacy(path, config, version)
    vouched = require_built_in(path, config, consent)
    model = keras.models.load_model(path, compile=False, custom_objects=dict(consent.objects))
    return Found(f"Keras {version or '2'} HDF5 file", model, vouched=vouched)


def _text(file: Any, name: str) -> str:
    value = file.attrs.get(name, "")
    return value.decode() if isinstance(value, bytes) else str(value)
