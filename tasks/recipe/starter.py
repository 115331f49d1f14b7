"""A first recipe to edit, written from the schema itself: every field, explained, so that it can never go stale."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tasks.recipe import plain_yaml
from tasks.recipe.describe import describe, is_section, section_of, unwrap
from tasks.recipe.load import parse
from tasks.recipe.schema import Recipe

WIDTH = 110
HEAD = """\
A bequest recipe: one project, end to end, from data to a served model.
Check it with `bequest recipe validate FILE`, run it with `bequest run FILE`.
A line with `#` right before a key is a setting at its default: to change it, take away that `#`, and the one before
the section it stands in. `# ` with a space is an explanation."""


def starter(
    name: str,
    source: str,
    *,
    target: str | None = None,
    ancestors: list[str] | str = "auto",
    description: str = "",
) -> str:
    """The text of a starter recipe.

    Args:
        name: Name of the registered model.
        source: Where rows come from, as in `data.source`.
        target: The label column, where the source does not say.
        ancestors: Whom to inherit from, as in `inherit.ancestors`.
        description: One line for people.

    Returns:
        YAML. What is given here and how far versions may move is stated; every other field is there with its
        description and default, commented out.

    Raises:
        InputError: A value given here is none that a recipe accepts.
    """
    data = {"source": source} if target is None else {"source": source, "target": target}
    deploy = {"to": Recipe.model_fields["deploy"].get_default(call_default_factory=True).to}
    inherit = {"ancestors": ancestors}
    stated = {"name": name, "description": description, "inherit": inherit, "data": data, "deploy": deploy}
    parse(stated, origin="starter recipe")
    lines = [*(f"# {line}" for line in HEAD.splitlines()), "", *_section(Recipe, stated, None, "")]
    return "\n".join(lines) + "\n"


def _section(
    section: type[BaseModel], stated: Mapping[str, Any] | None, defaults: BaseModel | None, indent: str
) -> Iterator[str]:
    """The lines of a section; `stated` is None where the section itself is commented out."""
    for name, field in section.model_fields.items():
        is_stated = stated is not None and name in stated
        mark = indent if is_stated else f"{indent}#"
        default = _default(name, field, defaults)
        below = section_of(field.annotation)
        if below is not None and default is None and not is_stated and not field.is_required():
            below = None  # null unless it is stated: its keys are told, not written
        for line in _explained(field, below is None):
            hang = "  " if line.startswith("- ") else ""
            yield from textwrap.wrap(line, WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# {hang}")
        if below is not None:
            yield f"{mark}{name}:"
            yield from _section(below, stated[name] if stated is not None and is_stated else None, default, f"{indent}  ")
        else:
            value = stated[name] if stated is not None and is_stated else _plain(default)
            yield from _setting(name, value, mark, indent)
        if not indent:
            yield ""


def _explained(field: FieldInfo, is_value: bool) -> Iterator[str]:
    words = field.description or ""
    bare, marks = unwrap(field.annotation, field.metadata)
    item = unwrap(get_args(bare)[0])[0] if get_origin(bare) is list else section_of(bare) if is_value else None
    if item is not None and is_section(item):
        yield words
        for name, part in item.model_fields.items():
            default = "" if part.is_required() else f" Default: {plain_yaml.inline(_plain(_default(name, part, None)))}."
            yield f"- {name}: {part.description} {_allowed(part.annotation, tuple(part.metadata))}{default}"
    elif is_value:
        yield f"{words} {_allowed(bare, marks)}".strip()
    else:
        yield words


def _allowed(annotation: Any, metadata: tuple[Any, ...]) -> str:
    words = describe(annotation, metadata)
    return "" if words in ("text", "text, or null") else f"Takes {words}."


def _default(name: str, field: FieldInfo, defaults: BaseModel | None) -> Any:
    """The field's value in its section's default, which need not be the field's own."""
    if defaults is not None:
        return getattr(defaults, name)
    return None if field.is_required() else field.get_default(call_default_factory=True)


def _plain(default: Any) -> Any:
    if isinstance(default, BaseModel):
        return default.model_dump(mode="json")
    return [_plain(item) for item in default] if isinstance(default, list | tuple) else default


def _setting(name: str, value: Any, mark: str, indent: str) -> Iterator[str]:
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        yield f"{mark}{name}:"
        item_mark = mark.replace(indent, f"{indent}  ", 1) if indent else f"  {mark}"
        for item in value:
            yield f"{item_mark}- {plain_yaml.inline(item)}"
    else:
        yield f"{mark}{name}: {plain_yaml.inline(value)}"
