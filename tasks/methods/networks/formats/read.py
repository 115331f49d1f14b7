"""One door for every form: what a file is decides who reads it."""

from pathlib import Path

from model_registry.errors import InputError
from tasks.methods.networks.formats.built_in import require_sound
from tasks.methods.networks.formats.hdf5 import read_hdf5
from tasks.methods.networks.formats.keras_archive import read_keras
from tasks.methods.networks.formats.kinds import kind_of
from tasks.methods.networks.formats.onnx.read import read_onnx
from tasks.methods.networks.formats.outside import Consent, Found
from tasks.methods.networks.formats.refusal import refusals
from tasks.methods.networks.formats.saved_model import read_saved_model
from tasks.methods.networks.formats.tflite import read_tflite


def read(path: Path, consent: Consent | None = None, *, inference_only: bool = False) -> Found:
    """Reads a model in whichever form it is stored.

    Args:
        path: A file, or a SavedModel folder.
        consent: What the user vouches for; nothing, if not given.
        inference_only: Bring a SavedModel in as a flatbuffer although its layers could be built.

    Raises:
        InputError: It is no model, damaged, or holds what is not safe; the message names it.
    """
    consent = consent or Consent()
    kind = kind_of(path)
    if inference_only and kind not in ("saved_model", "tflite"):
        raise InputError(
            f"--inference-only: expected a SavedModel folder or a .tflite file, whose graph runs without its layers. "
            f"Received: {path}. Leave the option out."
        )
    with refusals(path):
        if kind == "saved_model":
            found = read_saved_model(path, consent, inference_only=inference_only)
        elif kind in ("keras", "hdf5"):
            found = (read_keras if kind == "keras" else read_hdf5)(path, consent)
        else:
            found = (read_tflite if kind == "tflite" else read_onnx)(path)
    if found.model is not None:
        require_sound(path, found.model)
    return found
