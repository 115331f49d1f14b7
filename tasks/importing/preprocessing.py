"""How a network from outside was fed: a file that the user gives, or what Keras says of its own networks.

For pictures: `mode: tf`, `caffe` or `torch`; or `scale` and `offset` (numbers, or lists of one a channel), so that the network
is fed pixel * scale + offset with pixels from 0 to 255; perhaps `channels: bgr`. For tables: `columns`, a list of `name`,
`offset` and `scale` in the order of the network's inputs, so that it is fed (value - offset) / scale.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_registry.errors import InputError
from tasks.data.transform import FORMAT, FORMAT_VERSION
from tasks.methods.picture_input import PictureInput
from tasks.recipe import plain_yaml

_MODES = ("tf", "caffe", "torch")
_KEYS = ("mode", "scale", "offset", "channels", "columns")
_CHANNELS = {"rgb": (), "bgr": (2, 1, 0)}


@dataclass(frozen=True)
class Fed:
    """How a network was fed; one of the two is None.

    Attributes:
        pictures: How it wants pixels.
        columns: The fitted state of a table, as bequest's own preprocessing has it.
        words: The same in words.
    """

    pictures: PictureInput | None = None
    columns: dict[str, Any] | None = None
    words: str = ""

    def require_fits(self, input_shape: tuple[int | None, ...]) -> None:
        """Refuses a network that takes another number of channels or columns.

        Args:
            input_shape: Of one row.

        Raises:
            InputError: It takes others.
        """
        known = input_shape[-1]
        if self.pictures is not None and self.pictures.channels not in (None, known if len(input_shape) == 3 else -1):
            raise InputError(
                f"--preprocessing: expected one for inputs of shape {list(input_shape)}. "
                f"Received: one for pictures of {self.pictures.channels} channels."
            )
        if self.columns is not None and (len(input_shape) != 1 or len(self.columns["columns"]) != known):
            raise InputError(
                f"--preprocessing: expected one for inputs of shape {list(input_shape)}. "
                f"Received: {len(self.columns['columns'])} columns."
            )


def read_fed(path: Path) -> Fed:
    """Reads the user's file, YAML or JSON.

    Raises:
        InputError: It is not there, or states something else than one way of feeding a network.
    """
    try:
        document = plain_yaml.read(path.read_bytes(), str(path))
    except OSError as error:
        raise InputError(f"--preprocessing {path}: expected a readable file. Received: {error.strerror}.") from error
    stated = document.data
    if document.mistakes or not isinstance(stated, dict) or not stated:
        raise _wrong(path, "no such keys")
    unknown = sorted(set(map(str, stated)) - set(_KEYS))
    if unknown:
        raise _wrong(path, f"the key {unknown[0]!r}")
    try:
        if "columns" in stated:
            return _columns(path, stated)
        return _pictures(path, stated)
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise _wrong(path, str(error)) from error


def _pictures(path: Path, stated: dict[str, Any]) -> Fed:
    if "mode" in stated:
        if set(stated) != {"mode"} or stated["mode"] not in _MODES:
            raise _wrong(path, f"mode: {stated['mode']!r}, and {len(stated) - 1} other keys")
        wants = PictureInput.of_mode(stated["mode"])
        return Fed(wants, words=f"{stated['mode']}: {wants}")
    channels = stated.get("channels", "rgb")
    if "scale" not in stated or channels not in _CHANNELS:
        raise _wrong(path, f"scale: {stated.get('scale')!r}, channels: {channels!r}")
    wants = PictureInput(_numbers(path, stated, "scale"), _numbers(path, stated, "offset"), _CHANNELS[channels])
    return Fed(wants, words=str(wants))


def _columns(path: Path, stated: dict[str, Any]) -> Fed:
    listed = stated["columns"]
    if set(stated) != {"columns"} or not isinstance(listed, list) or not listed:
        raise _wrong(path, "columns that are no list, or other keys beside them")
    columns = []
    for each in listed:
        numbers = [each.get("offset", 0.0), each.get("scale", 1.0)] if isinstance(each, dict) else ["", ""]
        sound = isinstance(each, dict) and isinstance(each.get("name"), str) and set(each) <= {"name", "offset", "scale"}
        if not sound or any(isinstance(n, bool) or not isinstance(n, int | float) for n in numbers) or not numbers[1]:
            raise _wrong(path, f"the column {each!r}")
        offset, scale = map(float, numbers)
        columns.append(
            {"name": each["name"], "kind": "numeric", "fill": None, "fences": None, "offset": offset, "scale": scale}
        )
    names = [column["name"] for column in columns]
    if len(set(names)) != len(names):
        raise _wrong(path, "a column named twice")
    state = {"format": FORMAT, "format_version": FORMAT_VERSION, "modality": "tabular", "columns": columns}
    return Fed(columns=state, words=f"(value - offset) / scale of the columns {', '.join(names)}"[:500])


def _numbers(path: Path, stated: dict[str, Any], key: str) -> tuple[float, ...]:
    value = stated.get(key, 0.0)
    numbers = value if isinstance(value, list) else [value]
    if not numbers or any(isinstance(number, bool) or not isinstance(number, int | float) for number in numbers):
        raise _wrong(path, f"{key}: {value!r}")
    return tuple(float(number) for number in numbers)


def _wrong(path: Path, received: str) -> InputError:
    return InputError(
        f"--preprocessing {path}: expected `mode` (one of {list(_MODES)}); or `scale`, `offset` and perhaps `channels` (rgb, "
        "bgr), for pixels from 0 to 255; or for tables `columns`, each with `name`, `offset` and `scale`. "
        f"Received: {received}."
    )
