"""Spherical interpolation: the best point on the great circle between the best two members, array by array."""

import numpy as np

from tasks.methods.fusion.merging.line import inferences, walked
from tasks.methods.fusion.merging.mergers.base import Family, Merged, merger, mergers
from tasks.methods.fusion.merging.units import Weights

PARALLEL = 0.9995  # |cosine| from which sin(angle) is too near zero to divide by


@mergers.register("slerp", reference="Shoemake, 1985, doi:10.1145/325334.325242")
@merger(inferences=inferences)
def slerp(family: Family) -> Merged:
    """w = sin((1 - alpha) omega) / sin omega w_best + sin(alpha omega) / sin omega w_second, omega the angle between them.

    A straight line cuts through the sphere: half-way between weights at a right angle it has 0.71 of their norm, and
    every layer's outputs shrink by as much. The circle keeps the norm. Each array has its own angle, since each layer has
    its own scale: with one angle for all, the largest kernel would set that of every bias. Alpha in tenths by validation loss.
    One inference a member and ten more.
    """

    def circle(best: Weights, second: Weights, alpha: float) -> Weights:
        pairs = zip(best, second, family.trainable, strict=True)
        return [arc(a, b, alpha) if trainable else (1 - alpha) * a + alpha * b for a, b, trainable in pairs]

    return walked(family, circle)


def arc(start: np.ndarray, end: np.ndarray, alpha: float) -> np.ndarray:
    """The point at `alpha` on the great circle from `start` to `end`.

    On the straight line instead where the two are nearly parallel, as there the two agree; or opposite, where there are
    many circles; or where one is zero.

    Args:
        start: float, any shape.
        end: Likewise.
        alpha: [0, 1].

    Returns:
        float64, of the same shape.
    """
    one, other = start.astype(np.float64), end.astype(np.float64)
    norms = np.linalg.norm(one) * np.linalg.norm(other)
    cosine = float(np.vdot(one, other) / norms) if norms else 1.0
    if abs(cosine) > PARALLEL:
        return np.asarray((1 - alpha) * one + alpha * other)
    angle = np.arccos(cosine)
    return np.asarray((np.sin((1 - alpha) * angle) * one + np.sin(alpha * angle) * other) / np.sin(angle))
