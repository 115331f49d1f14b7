"""What every schedule looks like: the share of the ramp that is done in, the sparsity to have by then out."""

from typing import Protocol

from tasks.methods.registry import Methods


class Schedule(Protocol):
    """Gives the sparsity at one moment of training."""

    def __call__(self, progress: float, start: float, end: float) -> float:
        """The sparsity to have.

        Args:
            progress: Share of the ramp's steps that are done, [0, 1].
            start: Sparsity before the ramp, [0, 1).
            end: Sparsity to reach, [start, 1).

        Returns:
            A sparsity in [start, end] that never falls as `progress` rises, and is `end` at progress 1.
        """


schedules: Methods[Schedule] = Methods("schedule")
