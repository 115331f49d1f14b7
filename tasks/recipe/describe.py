"""Says in words what a field accepts, from its type and limits alone, so that errors and the starter never go stale."""

import types
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types as limits
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tasks.recipe.kinds import OneOf

PLAIN = {bool: "true or false", str: "text", int: "a whole number", float: "a number"}


def unwrap(annotation: Any, metadata: Iterable[Any] = ()) -> tuple[Any, tuple[Any, ...]]:
    """Takes `Annotated` off.

    Returns:
        The bare type, and all its marks: limits, patterns, lists of names.
    """
    marks = list(metadata)
    while get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        marks += more
    flat: list[Any] = []
    for mark in marks:
        flat += mark.metadata if isinstance(mark, FieldInfo) else [mark]
    return annotation, tuple(flat)


def members(annotation: Any) -> list[Any]:
    """The alternatives of a union, None left out; of anything else, itself alone."""
    annotation, _ = unwrap(annotation)
    if get_origin(annotation) in (Union, types.UnionType):
        return [member for member in get_args(annotation) if member is not type(None)]
    return [annotation]


def is_section(annotation: Any) -> bool:
    """Whether the type is a recipe section."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def section_of(annotation: Any) -> type[BaseModel] | None:
    """The section a field holds, also where it may be null; None where it holds none."""
    alone = members(annotation)
    return alone[0] if len(alone) == 1 and is_section(alone[0]) else None


def is_nullable(annotation: Any) -> bool:
    """Whether null is one of the values."""
    annotation, _ = unwrap(annotation)
    return get_origin(annotation) in (Union, types.UnionType) and type(None) in get_args(annotation)


def choices(annotation: Any, metadata: Iterable[Any] = ()) -> list[Any]:
    """The names a field accepts, where they can be listed; those of all alternatives of a union."""
    annotation, marks = unwrap(annotation, metadata)
    for mark in marks:
        if isinstance(mark, OneOf):
            return list(mark.names())
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [name for member in members(annotation) if member is not annotation for name in choices(member)]


def describe(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """What a field accepts, in words.

    Args:
        annotation: The field's type.
        metadata: Its limits, where pydantic has taken them off the type.

    Returns:
        E.g. `a number in [0, 1)`, `one of ['auto', 'cnn', 'mlp']`, `a list of 2, each a whole number >= 1, or null`.
    """
    bare, marks = unwrap(annotation, metadata)
    origin = get_origin(bare)
    if origin in (Union, types.UnionType):
        return ", or ".join([describe(member, marks) for member in members(bare)] + ["null"] * is_nullable(bare))
    names = choices(bare, marks)
    if names:
        return f"one of {names}" if len(names) > 1 else repr(names[0])
    if is_section(bare):
        return f"the keys {list(bare.model_fields)}"
    if origin is list:
        least = next((mark.min_length for mark in marks if isinstance(mark, limits.MinLen)), 0)
        return f"a list{f' of {least} or more' if least else ''}, {_each(get_args(bare)[0])}"
    if origin is tuple:
        return f"a list of {len(get_args(bare))}, {_each(get_args(bare)[0])}"
    if origin is dict:
        key, value = get_args(bare)
        return f"{describe(key)} as keys, each with {describe(value)}"
    return PLAIN[bare] + _limits(marks)


def _each(item: Any) -> str:
    return f"each {'with ' if is_section(item) else ''}{describe(item)}"


def _limits(marks: Iterable[Any]) -> str:
    found = {type(mark): mark for mark in marks}
    low = found.get(limits.Ge) or found.get(limits.Gt)
    high = found.get(limits.Le) or found.get(limits.Lt)
    least, most = (_bound(low), _bound(high))
    if low and high:
        opening, closing = "[" if limits.Ge in found else "(", "]" if limits.Le in found else ")"
        return f" in {opening}{least}, {most}{closing}"
    if low:
        return f" {'>=' if limits.Ge in found else '>'} {least}"
    if high:
        return f" {'<=' if limits.Le in found else '<'} {most}"
    pattern = next((mark.pattern for mark in marks if getattr(mark, "pattern", None)), None)
    if pattern:
        return f" that matches {pattern}"
    return ", not empty" if limits.MinLen in found else ""


def _bound(mark: Any) -> str:
    if mark is None:
        return ""
    value = next(getattr(mark, name) for name in ("ge", "gt", "le", "lt") if hasattr(mark, name))
    return f"{value:g}"
