"""Holds plain data against the schema, and says every mistake in words instead of pydantic's."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tasks.recipe.describe import choices, describe, members, section_of, unwrap
from tasks.recipe.kinds import did_you_mean
from tasks.recipe.mistakes import Mistake, dotted, shown
from tasks.recipe.plain_yaml import KeyPath
from tasks.recipe.schema import Recipe

OWN_WORDS = "value_error"  # pydantic's type of an error that a validator of the schema raised


def validate(stated: Any) -> tuple[Recipe | None, list[Mistake]]:
    """Holds plain data against the schema.

    Numbers, texts and truth values are not converted into each other: `epochs: "10"` and `epochs: true` are mistakes.

    Returns:
        The recipe, or None and all mistakes.
    """
    if not isinstance(stated, Mapping):
        return None, [Mistake((), f"expected keys such as `name` and `data`. Received: {shown(stated)}")]
    try:
        text = json.dumps(stated)
    except (TypeError, ValueError, RecursionError) as error:
        return None, [Mistake((), f"expected text, numbers, true, false, null, lists and keys only. Received: {error}")]
    try:
        return Recipe.model_validate_json(text, strict=True), []
    except ValidationError as error:
        return None, list(_told(error.errors(include_url=False)))


@dataclass(frozen=True)
class _Place:
    """Where an error is: the path in the data (without pydantic's tags of unions) and what may stand there."""

    path: KeyPath
    annotation: Any
    metadata: tuple[Any, ...] = ()
    parent: type[BaseModel] | None = None
    description: str = ""
    has_default: bool = False


def _told(errors: list[ErrorDetails]) -> Iterator[Mistake]:
    places = [_place(error["loc"]) for error in errors]
    told: set[KeyPath] = set()
    for place, error in zip(places, errors, strict=True):
        deeper = any(len(other.path) > len(place.path) and other.path[: len(place.path)] == place.path for other in places)
        # A union complains once for each of its members: one mistake, or none where a member's own parts are at fault.
        if len(members(place.annotation)) > 1 and (place.path in told or deeper):
            continue
        told.add(place.path)
        yield Mistake(place.path, _message(place, error), missing=error["type"] == "missing")


def _place(location: tuple[int | str, ...]) -> _Place:
    place = _Place((), Recipe)
    for part in location:
        if part == "[key]":
            keys, marks = unwrap(get_args(place.annotation)[0]) if get_origin(place.annotation) is dict else (str, ())
            return _Place(place.path, keys, marks)
        place = _step(place, part)
    return place


def _step(place: _Place, part: int | str) -> _Place:
    path = (*place.path, part)
    section = section_of(place.annotation)
    if section is not None:
        field = section.model_fields.get(str(part))
        if field is None:
            return _Place(path, None, parent=section)
        words = field.description or ""
        return _Place(path, field.annotation, tuple(field.metadata), section, words, not field.is_required())
    alternatives = members(place.annotation)
    containers = [alternative for alternative in alternatives if get_origin(unwrap(alternative)[0]) in (list, tuple, dict)]
    if len(alternatives) > 1 and not isinstance(part, int):
        return place  # pydantic's tag of one alternative, no key of the data
    bare, _ = unwrap(containers[0] if containers else place.annotation)
    items = get_args(bare)
    if get_origin(bare) is dict:
        # A key at fault is told from its value by a further `[key]`, which wants the mapping's own type; the inner one's,
        # where mappings are nested: the keys of an outer one are the user's own names, which are never at fault.
        return _Place(path, items[1] if get_origin(unwrap(items[1])[0]) is dict else bare)
    return _Place(path, items[part] if get_origin(bare) is tuple and isinstance(part, int) and part < len(items) else items[0])


def _message(place: _Place, error: ErrorDetails) -> str:
    received = error["input"]
    kind = error["type"]
    if kind == OWN_WORDS:
        words = str(error["ctx"]["error"])
        return words if words[-1] in ".?" else f"{words}."
    if kind == "extra_forbidden":
        names = list(place.parent.model_fields) if place.parent else []
        key = place.path[-1]
        return f"expected one of the keys {names}. Received: {key!r}.{did_you_mean(key, names) or _elsewhere(str(key))}"
    annotation, metadata = place.annotation, place.metadata
    if get_origin(annotation) is dict and kind != "dict_type":
        annotation, metadata = get_args(annotation)[1], ()
    expected = describe(annotation, metadata)
    if kind in ("missing", "string_pattern_mismatch") and place.description:
        expected += f" ({place.description.removesuffix('.')})"
    if kind == "finite_number":
        expected += ", finite"
    if kind == "missing" or received is None:
        keep = " Remove the line to keep the default." if place.has_default else ""
        return f"expected {expected}. Received: nothing.{keep}"
    return f"expected {expected}. Received: {shown(received)}.{_hint(received, annotation, metadata)}"


def _hint(received: Any, annotation: Any, metadata: tuple[Any, ...]) -> str:
    """The remedy, where the slip is a common one."""
    names = choices(annotation, metadata)
    near = did_you_mean(received, [name for name in names if isinstance(name, str)])
    if near:
        return near
    bare, marks = unwrap(annotation, metadata)
    if isinstance(received, str):
        return _text_hint(received, bare, marks)
    if isinstance(received, bool | int | float) and bare is str and not names:
        return " Write it in quotes."
    if isinstance(received, int | float) and 1 < received <= 100 and describe(bare, marks).startswith("a number in [0, 1"):
        return f" It is a fraction, not a percentage. Did you mean {received / 100:g}?"
    return ""


def _text_hint(received: str, bare: Any, marks: tuple[Any, ...]) -> str:
    if bare is bool:
        means = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}
        return f" Did you mean {means[received.lower()]}?" if received.lower() in means else ""
    if bare in (int, float) and re.fullmatch(r"[-+]?[0-9.]+([eE][-+]?[0-9]+)?", received):
        return " Write it without quotes."
    if any(get_origin(unwrap(member)[0]) is list for member in members(bare)):
        return f" Write a list: [{received}]."
    pattern = next((mark.pattern for mark in marks if getattr(mark, "pattern", None)), None)
    if pattern:
        near = re.sub(r"[^a-z0-9._-]+", "-", received.lower()).strip("-._")
        return f" Did you mean {near!r}?" if re.fullmatch(pattern, near) else ""
    return ""


def _elsewhere(key: str) -> str:
    """Where else in the recipe a key of that name stands, if in one place only."""
    found = [path for path in _paths(Recipe, ()) if path[-1] == key]
    return f" Did you mean '{dotted(found[0])}'?" if len(found) == 1 else ""


def _paths(section: type[BaseModel], above: KeyPath) -> Iterator[KeyPath]:
    for name, field in section.model_fields.items():
        yield (*above, name)
        below = section_of(field.annotation)
        if below is not None:
            yield from _paths(below, (*above, name))
