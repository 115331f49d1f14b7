"""How much each layer stands: accuracy by layer and sparsity, and the sparsities that stay inside an accuracy budget.

Networks are pruned at once and not retrained here, so what is lost is mostly more than gradual pruning to the same
sparsity loses: it shows which layers matter, not what the retrained network will reach.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.networks.graph import to_functional
from tasks.methods.networks.predict import predict
from tasks.methods.networks.rows import Rows, checked
from tasks.methods.pruning.gradients import Gradients
from tasks.methods.pruning.masks import kernels
from tasks.methods.pruning.prune_mask import fraction, prune_mask
from tasks.methods.pruning.scores import layer_scores
from tasks.methods.pruning.targets import layer_targets

Scan = dict[str, list[tuple[float, float]]]
_HALVINGS = 6  # the common scale is found to 1/64
_ROUNDING = 1e-9  # a drop of exactly the budget is allowed, whatever the last bit says


class OneShot:
    """Accuracy of a network that is pruned at once, at any sparsities, without retraining.

    Args:
        model: A trained classifier; it is not changed.
        x: Validation rows, float32 [n, ...].
        y: Class indices [n].
        criterion: A registered criterion.
        train: Training rows, for criteria that read the loss's gradient.
        seed: Seed of random scores, and of the rows drawn for the gradient.

    Raises:
        ValueError: No such criterion, rows that do not fit, or no training rows where the criterion needs them.
    """

    def __init__(
        self,
        model: keras.Model,
        x: np.ndarray,
        y: np.ndarray,
        criterion: str = "magnitude",
        train: Rows | None = None,
        seed: int = 0,
    ) -> None:
        self._model, rng = to_functional(model), np.random.default_rng(seed)
        self._x, self._y = checked("validation", (x, y), model)
        rows = checked("train", train, model) if train is not None else None
        gradients = partial(_gradients, self._model, criterion, rows, rng)
        self._scores = layer_scores(self._model, criterion, gradients, rng)
        self._whole = {name: kernel.numpy() for name, kernel in kernels(self._model).items()}

    @property
    def layers(self) -> list[str]:
        """The layers that can be pruned, in the order of the graph."""
        return list(self._whole)

    def __call__(self, sparsities: Mapping[str, float]) -> float:
        """Accuracy on the validation rows, [0, 1].

        Args:
            sparsities: Layer name -> sparsity, [0, 1); layers that are not named stay as they are.

        Raises:
            ValueError: A layer that does not exist, or a sparsity that is no fraction.
        """
        targets, variables = layer_targets(sparsities, self._whole), kernels(self._model)
        for name, sparsity in targets.items():
            variables[name].assign(self._whole[name] * prune_mask(self._scores[name], sparsity))
        return float((predict(self._model, self._x).argmax(axis=1) == self._y).mean())


def sensitivity_scan(accuracy: OneShot, sparsities: Sequence[float]) -> Scan:
    """Prunes one layer at a time, and reads the accuracy (Li et al., 2017, arXiv:1608.08710, section 3.2).

    Args:
        accuracy: Of the network.
        sparsities: Those to try, [0, 1).

    Returns:
        Layer name -> (sparsity, accuracy in [0, 1]), by rising sparsity; the first is (0, accuracy of the whole network).

    Raises:
        ValueError: A sparsity that is no fraction.
    """
    tried = sorted({fraction(float(sparsity), "sparsities") for sparsity in sparsities} - {0.0})
    whole = accuracy({})
    return {name: [(0.0, whole), *((each, accuracy({name: each})) for each in tried)] for name in accuracy.layers}


def choose_sparsities(scan: Scan, max_drop: float, joint: Callable[[Mapping[str, float]], float]) -> dict[str, float]:
    """The largest sparsities that together cost at most `max_drop`, as far as a scan of single layers tells.

    First each layer may spend the whole budget by itself: it gets the largest sparsity of the scan up to which no drop
    exceeds it. Then all are pruned together; where that costs too much, one common factor scales them down, found by
    bisection, each step judged on the real network.

    Args:
        scan: Of `sensitivity_scan`.
        max_drop: Accuracy that may be lost without retraining, a fraction of 1, >= 0.
        joint: Gives the accuracy at one sparsity a layer; a `OneShot` of the same network, rows and criterion.

    Returns:
        Layer name -> sparsity, [0, 1), for every layer of the scan; all 0 where nothing can go.

    Raises:
        ValueError: A negative budget, or one that is a percentage.
    """
    if not 0 <= max_drop < 1:
        raise ValueError(f"Invalid `max_drop`. Expected a fraction in [0, 1), not a percentage. Received: max_drop={max_drop}.")
    if not scan:
        return {}
    floor = next(iter(scan.values()))[0][1] - max_drop - _ROUNDING
    chosen = {}
    for name, points in scan.items():
        allowed = next((place for place, (_, accuracy) in enumerate(points) if accuracy < floor), len(points))
        chosen[name] = points[allowed - 1][0]
    if joint(chosen) >= floor:
        return chosen
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if joint({name: middle * sparsity for name, sparsity in chosen.items()}) >= floor:
            low = middle
        else:
            high = middle
    return {name: low * sparsity for name, sparsity in chosen.items()}


def _gradients(model: keras.Model, criterion: str, train: Rows | None, rng: np.random.Generator) -> dict[str, np.ndarray]:
    if train is None:
        raise ValueError(
            f"Invalid `train`. Expected training rows, since {criterion!r} reads the loss's gradient. Received: train=None."
        )
    return Gradients(model)(train, rng)
