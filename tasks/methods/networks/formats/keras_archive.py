"""`.keras` archives, of tf_keras and of Keras 3."""

import json
import tempfile
import zipfile
from pathlib import Path

from tasks.methods.backend import keras
from tasks.methods.networks.formats import limits
from tasks.methods.networks.formats.built_in import require_built_in, without_compile
from tasks.methods.networks.formats.keras3 import build_from_store, is_keras3
from tasks.methods.networks.formats.kinds import KERAS_MEMBERS
from tasks.methods.networks.formats.outside import Consent, Found
from tasks.methods.networks.formats.refusal import refusal

_CONFIG, _METADATA, _WEIGHTS = KERAS_MEMBERS


def read_keras(path: Path, consent: Consent) -> Found:
    """Reads an archive; Keras gets to see a copy of its three vetted members, no assets, no compile settings.

    Args:
        path: The file.
        consent: What the user vouches for; archives of Keras 3 are translated, so nothing in them can be vouched for.

    Raises:
        InputError: It holds something that is not built in.
    """
    with zipfile.ZipFile(path) as archive:
        limits.require_members(path, archive)
        config, metadata = json.loads(archive.read(_CONFIG)), json.loads(archive.read(_METADATA))
        weights = archive.read(_WEIGHTS)
    if not isinstance(config, dict) or not isinstance(metadata, dict):
        raise refusal(path, f"an archive whose {_CONFIG} or {_METADATA} is no JSON object")
    with tempfile.TemporaryDirectory(prefix="bequest-") as folder:
        store, copy = Path(folder, _WEIGHTS), Path(folder, "model.keras")
        store.write_bytes(weights)
        limits.require_own_data(path, store)
        config = without_compile(config)
        if is_keras3(metadata.get("keras_version")):
            return build_from_store(path, config, store, str(metadata["keras_version"]))
        vouched = require_built_in(path, config, consent)
        with zipfile.ZipFile(copy, "w") as archive:
            for name, content in ((_METADATA, json.dumps(metadata)), (_CONFIG, json.dumps(config)), (_WEIGHTS, weights)):
                archive.writestr(name, content)
        model = keras.models.load_model(copy, compile=False, safe_mode=not vouched, custom_objects=dict(consent.objects))
        return Found(f"tf_keras {metadata.get('keras_version')} archive", model, vouched=vouched)
