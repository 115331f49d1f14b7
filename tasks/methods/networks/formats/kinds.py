"""What a file is, by its content: a name proves nothing. What may run code when it is read is refused here."""

import zipfile
from pathlib import Path
from typing import Literal

from tasks.methods.networks.formats.refusal import refusal, refusals

Kind = Literal["keras", "hdf5", "saved_model", "tflite", "onnx"]

KERAS_MEMBERS = ("config.json", "metadata.json", "model.weights.h5")
_ZIP, _HDF5, _NUMPY, _PICKLE = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"\x93NUMPY", b"\x80"
_PICKLED = {".pkl", ".pickle", ".joblib", ".sav", ".pt", ".pth", ".ckpt"}
_EXPORT = (
    "Load it where it was made, where its code is trusted, and save it in a form without code: model.save('model.keras') "
    "for Keras, torch.onnx.export(model.eval(), sample, 'model.onnx') for PyTorch."
)
_ONNX_START = b"\x08"  # the tag of `ir_version`, the first field that every exporter writes


def kind_of(path: Path) -> Kind:
    """The form a model is stored in.

    Raises:
        InputError: It is none that can be read; the message says what it is and what to do.
    """
    if path.is_dir():
        return _folder(path)
    with refusals(path), path.open("rb") as file:
        head = file.read(8)
    if not head:
        raise refusal(path, "an empty file", "Copy it again from where it came from.")
    if head == _HDF5:
        return "hdf5"
    if head[4:] == b"TFL3":
        return "tflite"
    if head.startswith(_ZIP):
        return _archive(path)
    if head.startswith(_NUMPY):
        raise refusal(path, "a NumPy array, which is no model and may hold pickled objects", _EXPORT)
    if head.startswith(_PICKLE) or path.suffix.lower() in _PICKLED:
        raise refusal(path, "a pickle, which may run any code when it is read", _EXPORT)
    if head.startswith(_ONNX_START):
        return "onnx"
    raise refusal(path, f"a file of another kind (it starts with {head!r})")


def _folder(path: Path) -> Kind:
    if (path / "saved_model.pb").is_file():
        return "saved_model"
    if (path / "saved_model.pbtxt").is_file():
        raise refusal(path, "a SavedModel written as text", "Save it again in the binary form, as saved_model.pb.")
    holds = sorted(entry.name for entry in path.iterdir())
    held = f"; it holds {', '.join(holds[:5])}{', ...' if len(holds) > 5 else ''}" if holds else "; it is empty"
    raise refusal(
        path,
        f"a folder without saved_model.pb, so not a Keras SavedModel{held}",
        "Give the folder that holds saved_model.pb, or a model's file.",
    )


def _archive(path: Path) -> Kind:
    """A zip archive: what Keras writes, or something that only looks like it."""
    with refusals(path), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    outside = [name for name in names if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/")]
    if outside:
        raise refusal(path, f"an archive with members that point outside of it ({outside[0]!r})", "Do not trust this file.")
    if any(name.endswith("data.pkl") for name in names):
        raise refusal(path, "a PyTorch archive, which is pickled and may run any code when it is read", _EXPORT)
    if any(name.endswith(".npy") for name in names):
        raise refusal(path, "NumPy arrays (.npz), which are no model and may hold pickled objects", _EXPORT)
    missing = [name for name in KERAS_MEMBERS if name not in names]
    if missing:
        raise refusal(path, f"a zip archive without {', '.join(missing)}, so not a .keras file")
    return "keras"
