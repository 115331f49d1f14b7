"""A network that needed the user's word to be built is kept as a flatbuffer, which needs nobody's."""

from dataclasses import replace
from pathlib import Path

from tasks.methods.networks.formats.outside import Found
from tasks.methods.networks.formats.refusal import refusal
from tasks.methods.quantization.convert import convert


def as_flatbuffer(path: Path, found: Found) -> Found:
    """What was found, as a flatbuffer where the user vouched for a part of it; else as it is.

    Args:
        path: Its file, for the message.
        found: What was read from it.

    Raises:
        InputError: LiteRT cannot run it.
    """
    if found.model is None or not found.vouched:
        return found
    try:
        flatbuffer = convert(found.model, "float32")
    except ValueError as error:
        raise refusal(path, f"a model that can only be kept as a flatbuffer, and {error}", "Replace that layer.") from error
    return replace(found, form=f"{found.form}, converted", model=None, flatbuffer=flatbuffer)
