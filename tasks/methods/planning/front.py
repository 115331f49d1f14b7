"""What compression gave, weighed: the points that no other beats, and the one to take."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log


@dataclass(frozen=True)
class Point:
    """One compressed network as it would be served, judged on the validation rows.

    Attributes:
        steps: What made it, in order, e.g. ("channels 0.5", "clusters 16").
        mode: How it was converted.
        accuracy: A fraction in [0, 1].
        interval: Its bootstrap interval.
        log_loss: Nats a row.
        size_bytes: Of the flatbuffer.
        packed_bytes: Of its transport form.
        latency_ms: Of one row on one thread.
        training_steps: Optimizer steps that its making took.
        candidate: Position of the network in the search; several modes share one.
    """

    steps: tuple[str, ...]
    mode: str
    accuracy: float
    interval: tuple[float, float]
    log_loss: float
    size_bytes: int
    packed_bytes: int
    latency_ms: float
    training_steps: int
    candidate: int

    @property
    def title(self) -> str:
        """Its steps and mode, as people write them."""
        return " > ".join([*self.steps, self.mode])


@dataclass(frozen=True)
class Budget:
    """What serving may cost; None where it does not matter.

    Args:
        size_bytes: Most bytes of the flatbuffer.
        packed_bytes: Most bytes of its transport form.
        latency_ms: Most milliseconds of one row on one thread.
        ratio: Least factor by which the flatbuffer is smaller than that of the network as trained, in float32.
    """

    size_bytes: float | None = None
    packed_bytes: float | None = None
    latency_ms: float | None = None
    ratio: float | None = None

    @property
    def packed(self) -> bool:
        """Whether the transport form is what is to be small: zeros and clusters help there alone."""
        return self.packed_bytes is not None

    def excess(self, point: Point, reference: Point) -> float:
        """By what factor a point passes the tightest limit; 1 or less is within.

        Args:
            point: The point.
            reference: The network as trained, in float32.
        """
        factors = [
            point.size_bytes / self.size_bytes if self.size_bytes else 0.0,
            point.packed_bytes / self.packed_bytes if self.packed_bytes else 0.0,
            point.latency_ms / self.latency_ms if self.latency_ms else 0.0,
            self.ratio * point.size_bytes / reference.size_bytes if self.ratio else 0.0,
        ]
        return max(factors)


def front(points: Sequence[Point], *, packed: bool = False) -> list[Point]:
    """The points that no other beats, smallest first (Pareto).

    One point beats another where it is no worse in accuracy, bytes and latency (told apart in steps of a tenth), and better
    in one of them. Of equals, the one that took fewer training steps stays.

    Args:
        points: What was found.
        packed: Whether bytes are those of the transport form, not of the flatbuffer.
    """

    def size(point: Point) -> int:
        return point.packed_bytes if packed else point.size_bytes

    def no_worse(one: Point, other: Point) -> bool:
        return one.accuracy >= other.accuracy and size(one) <= size(other) and _pace(one.latency_ms) <= _pace(other.latency_ms)

    ranked = sorted(points, key=lambda point: (size(point), point.latency_ms, -point.accuracy, point.training_steps))
    kept: list[Point] = []
    for point in ranked:
        if not any(no_worse(other, point) for other in kept):
            kept = [other for other in kept if not no_worse(point, other)] + [point]
    return kept


def pick(points: Sequence[Point], reference: Point, budget: Budget, max_drop: float) -> tuple[Point, bool]:
    """The point to serve, and whether it keeps within the budget.

    Of the points that lose at most `max_drop` of accuracy: the most accurate within the budget, of equals the smallest.
    Where none is within it, accuracy goes first: the one that passes the budget by the least factor. The reference is always
    among them, so there is always one.

    Args:
        points: What was found.
        reference: The network as trained, in float32.
        budget: What serving may cost.
        max_drop: Largest loss of accuracy against the reference, a fraction.
    """
    allowed = [point for point in [*points, reference] if reference.accuracy - point.accuracy <= max_drop + 1e-9]
    within = [point for point in allowed if budget.excess(point, reference) <= 1]
    if within:
        size = "packed_bytes" if budget.packed else "size_bytes"
        return min(within, key=lambda point: (-point.accuracy, getattr(point, size), point.latency_ms)), True
    return min(allowed, key=lambda point: (budget.excess(point, reference), -point.accuracy)), False


def _pace(latency_ms: float) -> int:
    """Milliseconds in steps of a tenth: smaller differences are noise of the measurement."""
    return round(log(max(latency_ms, 1e-9)) / log(1.1))
