"""Constant: everything goes at once, and all of training is recovery."""

from tasks.methods.pruning.schedules.base import schedules


@schedules.register("constant", reference="tfmot ConstantSparsity; one-shot pruning, Han et al., 2015, arXiv:1506.02626")
def constant(progress: float, start: float, end: float) -> float:
    """The sparsity `end`, from the first moment on.

    Args:
        progress: Share of the ramp's steps that are done, [0, 1].
        start: Sparsity before the ramp, [0, 1).
        end: Sparsity to reach, [start, 1).
    """
    return end
