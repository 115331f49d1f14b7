"""The scores of a whole network: a criterion, over each of its kernels."""

from collections.abc import Callable
from functools import cache

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.pruning.criteria import Kernel, criteria
from tasks.methods.pruning.masks import kernels, output_axes

GetGradients = Callable[[], dict[str, np.ndarray]]


def layer_scores(
    model: keras.Model, criterion: str, gradients: GetGradients, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Scores of every weight that can be pruned; what is zero already goes first, whatever the criterion says.

    Args:
        model: A network whose layers' names differ.
        criterion: A registered criterion.
        gradients: Gives layer name -> size of the loss's gradient (see `Gradients`); called once, and only if needed.
        rng: Draws what is random in the scores.

    Returns:
        Layer name -> float64, shape of its kernel; lowest are pruned first, -inf where the weight is zero.

    Raises:
        ValueError: No such criterion.
    """
    score, sizes, axes = criteria.get(criterion), cache(gradients), output_axes(model)
    found = {}
    for name, kernel in kernels(model).items():
        weights = kernel.numpy()
        scores = score(Kernel(weights, lambda name=name: sizes()[name], rng, axes[name]))  # type: ignore[misc]
        found[name] = np.where(weights == 0, -np.inf, scores)
    return found
