"""Bagging: every member sees other rows."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tasks.methods.fusion.combiners.linear_pool import LinearPool
from tasks.methods.fusion.growing.base import Grown, copy_of, growers, seeds

if TYPE_CHECKING:
    from tasks.methods.backend import keras
    from tasks.methods.networks.fit import FitSettings
    from tasks.methods.networks.loop import Augment
    from tasks.methods.networks.rows import Rows


@growers.register("bagging", reference="Breiman, 1996, doi:10.1007/BF00058655")
def bagging(
    start: "keras.Model",
    train: "Rows",
    validation: "Rows",
    settings: "FitSettings",
    count: int,
    seed: int,
    augment: "Augment | None" = None,
) -> Grown:
    """Each member is trained from a copy of `start` on a bootstrap sample of the rows; their mean is taken. See `Grow`.

    `settings.epochs` is for each member.
    """
    from tasks.methods.networks.fit import fit
    from tasks.methods.networks.rows import checked

    x, y = checked("train", train, start)
    models = []
    for position, own in enumerate(seeds(seed, count)):
        drawn = np.sort(np.random.default_rng(own).integers(0, len(x), len(x)))
        member = copy_of(start, position)
        fit(member, (x[drawn], y[drawn]), validation, replace(settings, seed=own), augment=augment)
        models.append(member)
    return Grown(models, LinearPool(np.ones(count)))
