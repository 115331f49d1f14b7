"""What was brought in is run once on random rows, and compared with what its own library computes."""

from pathlib import Path
from typing import Any

import numpy as np

from model_registry.errors import InputError
from tasks.importing.preprocessing import Fed
from tasks.methods.litert import LiteRunner
from tasks.methods.networks import store
from tasks.methods.networks.formats.outside import CannotCompareError, Found
from tasks.methods.networks.formats.refusal import first_line
from tasks.methods.networks.predict import predict

TOLERANCE = 1e-4  # of the largest output: probabilities of a thousand classes are all small
_FREE_PICTURE, _FREE = 224, 32  # sizes tried where a network leaves them free


def probe(path: Path, found: Found, fed: Fed | None) -> dict[str, Any]:
    """Runs a model on random rows.

    Args:
        path: Its file, for messages.
        found: What was read from it.
        fed: How it was fed when it was trained, if known.

    Returns:
        Facts: shapes, size, what its outputs are, and how they compare with the original's.

    Raises:
        InputError: Several inputs or outputs, outputs that are not finite, or others than the original's.
    """
    facts = _described(path, found)
    shape = tuple(facts["input_shape"])
    if fed is not None:
        fed.require_fits(shape)
    rows = _rows(shape, fed)
    try:
        y = predict(found.model, rows) if found.model is not None else LiteRunner(found.flatbuffer or b"").run(rows)
    except Exception as error:  # a graph that cannot be run raises whatever TensorFlow or LiteRT raise
        raise InputError(
            f"{path}: cannot be run on rows of shape {list(rows.shape[1:])} ({first_line(error)}). "
            "Save it with the input shape it needs."
        ) from error
    if not np.isfinite(y).all():
        raise InputError(
            f"{path}: its outputs on random input are not finite. Expected a trained model; its weights may be damaged."
        )
    return facts | {"outputs": _kind(y), "compared": _compared(path, found, rows, y)}


def _described(path: Path, found: Found) -> dict[str, Any]:
    types = {"input_dtype": "float32", "output_dtype": "float32"}
    if found.model is not None:
        inputs, outputs = len(found.model.inputs), len(found.model.outputs)
        if inputs != 1 or outputs != 1:
            raise InputError(f"{path}: expected one input and one output. Received: {inputs} and {outputs}.")
        return store.describe(found.model) | types
    assert found.flatbuffer is not None
    runner = LiteRunner(found.flatbuffer)
    shape = runner.input_shape
    output = runner.run(np.zeros((1, *shape), np.float32)).shape[1:]
    return {
        "input_shape": shape,
        "output_shape": output,
        "classes": output[-1] if output else 1,
        "size_bytes": len(found.flatbuffer),
        "stored_dtype": str(runner.input_dtype),
    } | types


def _rows(shape: tuple[int | None, ...], fed: Fed | None) -> np.ndarray:
    """Rows on several scales, so that an activation that saturates on one of them hides nothing: float32 [6, ...]."""
    free = _FREE_PICTURE if len(shape) == 3 else _FREE
    unit = np.random.default_rng(0).random((6, *(size or free for size in shape)), dtype=np.float32)
    if fed is not None and fed.pictures is not None and fed.pictures.channels in (None, unit.shape[-1]):
        return fed.pictures.apply(unit)
    scaled: np.ndarray = np.concatenate([unit[:2], 2 * unit[2:4] - 1, 255 * unit[4:]])
    return scaled


def _kind(y: np.ndarray) -> str:
    """What a teacher's outputs would be taken for."""
    if y.ndim != 2:
        return "features"
    unit = np.allclose(y.sum(axis=1), 1, atol=0.02)  # an int8 softmax is that far off
    return "probabilities" if y.min() >= -1e-6 and unit else "scores"


def _compared(path: Path, found: Found, rows: np.ndarray, y: np.ndarray) -> str:
    if found.original is None:
        return "read by its own library"
    try:
        expected = found.original(rows)
    except CannotCompareError as error:
        return f"not compared: {error}"
    except ValueError as error:
        raise InputError(f"{path}: expected a file that {found.library} itself can run. Received: {error}.") from error
    if expected.shape != y.shape:
        raise InputError(
            f"{path}: the translation has outputs of shape {list(y.shape[1:])}, {found.library} of {list(expected.shape[1:])}. "
            "It is not registered."
        )
    apart, limit = float(np.abs(expected - y).max()), TOLERANCE * float(np.abs(expected).max())
    if not apart <= limit:  # NaN is no equality either
        raise InputError(
            f"{path}: expected outputs within {limit:.1e} of those of {found.library} on random input. Received: {apart:.1e}. "
            "The translation does not compute the same, so it is not registered."
        )
    return f"with {found.library}: at most {apart:.1e} apart on {len(rows)} random rows"
