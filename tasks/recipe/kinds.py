"""Kinds of value that recipe fields share: limited numbers, names out of a list, registry addresses."""

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from tasks.methods.metrics import METRIC_NAMES, direction
from tasks.methods.registry import Methods

BUNDLED = ("bundled:breast_cancer", "bundled:digits", "bundled:iris", "bundled:wine")
COST_METRICS = frozenset({"size_bytes", "parameters", "nonzero_parameters", "latency_ms"})
_ANCESTOR = re.compile(r"models:/[^/@\s]+[/@][^/@\s]+")


def did_you_mean(received: object, names: Iterable[str]) -> str:
    """` Did you mean 'x'?` with the nearest of `names`, or an empty string where none is near."""
    if not isinstance(received, str):
        return ""
    folded = {name.lower(): name for name in names}
    near = difflib.get_close_matches(received.lower(), folded, n=1)
    return f" Did you mean {folded[near[0]]!r}?" if near else ""


@dataclass(frozen=True)
class OneOf:
    """Marks text that must be one of a list of names; the names are asked for late, so a family may still grow."""

    names: Callable[[], list[str]]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Adds the check to the schema of the text itself."""
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def check(self, name: str) -> str:
        """Gives `name` back.

        Raises:
            ValueError: It is none of the names; the message gives the nearest.
        """
        names = self.names()
        if name not in names:
            raise ValueError(f"expected one of {names}. Received: {name!r}.{did_you_mean(name, names)}")
        return name


def one_of(methods: Methods[Any]) -> OneOf:
    """The registered names of one family of methods."""
    return OneOf(methods.names)


def metric_names() -> list[str]:
    """Metrics a gate may limit: of the predictions, and of what serving them costs."""
    return sorted(METRIC_NAMES | COST_METRICS)


def floor_names() -> list[str]:
    """Metrics of the predictions that a floor has a meaning for: those of which more is better."""
    return sorted(name for name in METRIC_NAMES if direction(name) == "maximize")


def _address(uri: str) -> str:
    if _ANCESTOR.fullmatch(uri):
        return uri
    hint = ""
    if uri == "auto":
        hint = " Write `auto` on its own, not in a list."
    elif _ANCESTOR.fullmatch(f"models:/{uri}"):
        hint = f" Did you mean 'models:/{uri}'?"
    raise ValueError(f"expected models:/NAME@ALIAS or models:/NAME/VERSION. Received: {uri!r}.{hint}")


def _source(source: str) -> str:
    if source.startswith("bundled:") and source not in BUNDLED:
        raise ValueError(f"expected one of {list(BUNDLED)}. Received: {source!r}.{did_you_mean(source, BUNDLED)}")
    return source


Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Sparsity = Annotated[float, Field(ge=0.0, lt=1.0)]
Count = Annotated[int, Field(ge=1)]
Metric = Annotated[str, OneOf(metric_names)]
Ancestor = Annotated[str, AfterValidator(_address)]
Source = Annotated[str, Field(min_length=1), AfterValidator(_source)]
