"""The error for a file that is not read: what was expected, what was found, what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile

from model_registry.errors import InputError

_SAVE = "Save a functional or Sequential model with model.save('model.keras') and give that file."


def refusal(path: Path, found: str, remedy: str = _SAVE) -> InputError:
    """The error for a file that is not read.

    Args:
        path: The file or folder.
        found: What it is, or what is wrong with it.
        remedy: What to do instead.
    """
    return InputError(
        f"{path}: expected a Keras model of built-in layers (.keras, .h5, a SavedModel folder), an ONNX model or a LiteRT "
        f"flatbuffer. Found {found}. {remedy}"
    )


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turns whatever reading a damaged or hostile file raises into a refusal that names the file."""
    try:
        yield
    except InputError:
        raise
    except (OSError, BadZipFile, EOFError) as error:
        raise refusal(path, f"a damaged or truncated file ({first_line(error)})") from error
    except Exception as error:  # Keras raises whatever a wrong configuration leads to
        raise refusal(path, f"a model that cannot be built ({type(error).__name__}: {first_line(error)})") from error


def first_line(error: BaseException) -> str:
    """The first line of an error that says something."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
