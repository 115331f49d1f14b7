"""Masks that tfmot draws inside the training graph, every few steps: the smallest weights of each layer."""

from tasks.methods.backend import keras
from tasks.methods.pruning.masks import kernels
from tasks.methods.pruning.masks import sparsity as sparsity_of
from tasks.methods.pruning.plan import RAMP, Plan
from tasks.methods.pruning.schedules.polynomial import POWER
from tasks.methods.pruning.targets import layer_targets
from tasks.methods.pruning.wrapped import Wrapped, pruning_schedule

_UPDATES = 32  # times the masks are drawn anew on the way


class InGraph:
    """Magnitude, with a sparsity for each layer, under the polynomial or the constant schedule.

    Args:
        model: A flat functional model; its layers are taken over.
        plan: How; one that `can` accepts.
        epochs: Passes over the rows.
        steps: Steps in each.
    """

    def __init__(self, model: keras.Model, plan: Plan, epochs: int, steps: int) -> None:
        start, targets = sparsity_of(model), layer_targets(plan.sparsity, kernels(model))
        last, frequency = (1, 1) if plan.schedule == "constant" else _ramp(epochs, steps)

        def schedule(name: str) -> object:
            end = max(start[name], targets[name])
            if plan.schedule == "constant":  # drawn once: what is zero is the smallest ever after
                return pruning_schedule.ConstantSparsity(end, begin_step=last, end_step=last, frequency=frequency)
            return pruning_schedule.PolynomialDecay(start[name], end, 0, last, power=POWER, frequency=frequency)

        self.wrapped, self.full_from = Wrapped(model, {name: schedule(name) for name in start}), -(-last // steps)

    @staticmethod
    def can(plan: Plan) -> bool:
        """Whether tfmot knows how."""
        known = plan.criterion == "magnitude" and plan.budget == "per_layer" and plan.m_by_n is None
        return known and plan.schedule in ("polynomial", "constant")

    def before(self, epoch: int) -> None:
        """Nothing: the graph counts its steps by itself."""


def _ramp(epochs: int, steps: int) -> tuple[int, int]:
    """Last step of the ramp, and steps between two updates of the masks.

    tfmot updates on multiples of the frequency alone, so the last step has to be one, or full sparsity is never reached.
    """
    total = epochs * steps
    last = max(1, min(round(RAMP * total), total - steps if epochs > 1 else total))
    frequency = max(1, last // _UPDATES)
    return last - last % frequency, frequency
