"""The numbers that the registry has of a version, how they change along an edge of the family tree, and which way is worse."""

from collections.abc import Mapping
from math import isfinite

from model_registry.versions import Version

COMPARED = (
    "validation_accuracy",
    "validation_log_loss",
    "test_accuracy",
    "size_bytes",
    "latency_ms",
    "sparsity",
    "parameters",
    "nonzero_parameters",
)
"""What is compared along every edge; other facts say how a version was made, not how good it is."""

_OF_THE_NETWORK = ("_bytes", "_ms", "seconds", "parameters", "sparsity")  # the same whatever rows it is shown
_LESS = ("_bytes", "_ms", "seconds", "loss", "brier", "error", "parameters", "drop", "disagreement", "difference", "drift")


def figures(version: Version, judged: Mapping[str, float | None] | None = None) -> dict[str, float]:
    """Every number known of a version: its facts, and what the test split said of it.

    Args:
        version: It.
        judged: Metrics of its stored verdict; a fact of the same name comes first.
    """
    known = {**(judged or {}), "test_accuracy": version.test_accuracy, **version.facts}
    return {
        name: value
        for name, value in known.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    }


def deltas(child: Version, parent: Version) -> dict[str, float]:
    """Child minus parent, for each figure in `COMPARED` that both have."""
    before, after = figures(parent), figures(child)
    return {name: after[name] - before[name] for name in COMPARED if name in before and name in after}


def lower_is_better(name: str) -> bool:
    """Whether less of a figure is better, told by its name: size_bytes, latency_ms, log_loss, ..."""
    return name.endswith(_LESS) and not name.startswith("gain")


def is_score(name: str) -> bool:
    """Whether a figure is about the rows of one data set: another one's are not comparable with it."""
    return not name.endswith(_OF_THE_NETWORK)


def signed(name: str, delta: float) -> str:
    """A change as people read it, with its sign: `size_bytes -12,345`, `test_accuracy +0.0123`."""
    return f"{name} {delta:+,.0f}" if float(delta).is_integer() and delta else f"{name} {delta:+.4f}"
