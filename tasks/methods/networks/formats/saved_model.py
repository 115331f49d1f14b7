"""SavedModel folders: built anew from tf_keras' own description, else brought in as a flatbuffer of their vetted graph."""

import json
from pathlib import Path
from typing import Any

from tasks.methods.backend import keras, tf
from tasks.methods.networks.formats.built_in import require_built_in
from tasks.methods.networks.formats.outside import Consent, Found
from tasks.methods.networks.formats.refusal import first_line, refusal
from tasks.methods.networks.formats.saved_model_graph import require_harmless
from tasks.methods.quiet import quiet

_SIGNATURE = "serving_default"
_AS_GRAPH = " Its graph alone can be brought in without that code, as teacher and ensemble member: --inference-only."


def read_saved_model(path: Path, consent: Consent, *, inference_only: bool = False) -> Found:
    """Reads a SavedModel folder.

    Where tf_keras wrote it of a functional or Sequential model, its layers are built anew and given its variables, and its
    graph is never run. Any other becomes a LiteRT flatbuffer.

    Args:
        path: The folder.
        consent: What the user vouches for.
        inference_only: Make a flatbuffer of it although its layers could be built.

    Raises:
        InputError: It holds something that is not built in, a graph that might do harm, or one LiteRT cannot run.
    """
    described, variables = path / "keras_metadata.pb", path / "variables" / "variables"
    if inference_only:
        return _as_flatbuffer(path, "asked for")
    if not described.is_file():
        return _as_flatbuffer(path, "no keras_metadata.pb in it")
    config = _configuration(described)
    if config is None:
        return _as_flatbuffer(path, "its root is not a functional or Sequential model of tf_keras")
    if not variables.with_suffix(".index").is_file():
        raise refusal(path, "a SavedModel without its variables", "Copy the folder 'variables' beside saved_model.pb.")
    vouched = require_built_in(path, config, consent, also=_AS_GRAPH)
    model = keras.models.model_from_json(json.dumps(config), custom_objects=dict(consent.objects))
    status = model.load_weights(str(variables))
    status.expect_partial()
    status.assert_existing_objects_matched()
    return Found("tf_keras SavedModel", model, vouched=vouched)


def _configuration(described: Path) -> dict[str, Any] | None:
    from tf_keras.protobuf import saved_metadata_pb2

    metadata = saved_metadata_pb2.SavedMetadata()
    metadata.ParseFromString(described.read_bytes())
    root = next((node for node in metadata.nodes if node.node_path == "root"), None)
    found: dict[str, Any] | None = json.loads(root.metadata).get("model_config") if root else None
    return found


def _as_flatbuffer(path: Path, why: str) -> Found:
    """The graph of its serving signature, as LiteRT runs it."""
    require_harmless(path, _SIGNATURE)
    with quiet():
        converter = tf.lite.TFLiteConverter.from_saved_model(str(path), signature_keys=[_SIGNATURE])
        try:
            flatbuffer: bytes = converter.convert()
        except Exception as error:  # the converter raises types of its own
            raise refusal(
                path, f"a graph that LiteRT cannot run ({first_line(error)})", "Save it from operations that LiteRT has."
            ) from error
    return Found(f"SavedModel, converted ({why})", flatbuffer=flatbuffer)
