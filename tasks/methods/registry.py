"""A family of interchangeable methods, each registered by name from its own file."""

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Methods(Generic[T]):
    """Names to methods.

    A family's package imports its files, and each file registers its method, so that adding one is one new file.
    """

    def __init__(self, family: str) -> None:
        self.family = family
        self.references: dict[str, str] = {}
        self._methods: dict[str, T] = {}

    def register(self, name: str, *, reference: str) -> Callable[[T], T]:
        """Registers the decorated method.

        Args:
            name: What a recipe calls it.
            reference: Where it comes from, e.g. an arXiv number.

        Raises:
            ValueError: The name is taken.
        """

        def add(method: T) -> T:
            if name in self._methods:
                raise ValueError(f"{self.family} {name!r} is registered twice")
            self._methods[name] = method
            self.references[name] = reference
            return method

        return add

    def get(self, name: str) -> T:
        """The method called `name`.

        Raises:
            ValueError: No such method; the message names the nearest.
        """
        if name not in self._methods:
            near = difflib.get_close_matches(name, self._methods, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"expected one of {self.names()}. Received: {name!r}.{hint}")
        return self._methods[name]

    def names(self) -> list[str]:
        """All registered names, sorted."""
        return sorted(self._methods)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())


def import_siblings(package: str, path: list[str]) -> None:
    """Imports every module of a family's package, so that each registers its method.

    Args:
        package: The package's `__name__`.
        path: The package's `__path__`.
    """
    for module in pkgutil.iter_modules(path):
        importlib.import_module(f"{package}.{module.name}")
