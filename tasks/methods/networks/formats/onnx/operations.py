"""Which ONNX operations can be translated, and how: every file of this package registers its own."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.methods.networks.formats.onnx.translation import Node, Translation

Translate = Callable[["Translation", "Node"], Any]
operations: dict[str, Translate] = {}


class UntranslatableError(ValueError):
    """An operation, or a way of using it, that no built-in layer computes."""


def translates(*names: str) -> Callable[[Translate], Translate]:
    """Registers a function for operations of those names.

    Args:
        names: ONNX operation types.
    """

    def register(function: Translate) -> Translate:
        operations.update(dict.fromkeys(names, function))
        return function

    return register
