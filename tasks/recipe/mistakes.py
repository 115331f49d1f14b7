"""What is wrong with a recipe: where, what was expected, what was received."""

from dataclasses import dataclass
from typing import Any

from model_registry.errors import InputError
from tasks.recipe.plain_yaml import KeyPath


@dataclass(frozen=True)
class Mistake:
    """One thing to mend. `line` is None where the recipe is no file."""

    path: KeyPath
    message: str
    line: int | None = None
    missing: bool = False

    def text(self, origin: str) -> str:
        """`FILE:LINE: dotted.path: expected ... Received: ...`."""
        where = origin if self.line is None else f"{origin}:{self.line}"
        return ": ".join(part for part in (where, dotted(self.path), self.message) if part)


class RecipeError(InputError):
    """A recipe with mistakes; the message has one line for each."""

    def __init__(self, origin: str, mistakes: list[Mistake]) -> None:
        self.origin = origin
        self.mistakes = sorted(mistakes, key=lambda mistake: mistake.line or 0)
        super().__init__("\n".join(mistake.text(origin) for mistake in self.mistakes))

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuilds from its parts: an exception's default is to hand its message to `__init__`."""
        return type(self), (self.origin, self.mistakes)


def dotted(path: KeyPath) -> str:
    """E.g. `transfer.stages[0].unfreeze`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def shown(value: Any) -> str:
    """A value as the recipe writes it, shortened where long."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    text = text if len(text) <= 80 else f"{text[:77]}..."
    return f"a list: {text}" if isinstance(value, list) else f"keys: {text}" if isinstance(value, dict) else text
