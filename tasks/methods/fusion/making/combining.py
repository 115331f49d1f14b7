"""An ensemble: the members' decisions are combined, and each row is judged by weights that it had no share in."""

import numpy as np

from tasks.methods.fusion.combiners import combiners
from tasks.methods.fusion.contributions import contributions
from tasks.methods.fusion.making.base import Lessons, Made, Members, NoFusion
from tasks.methods.fusion.out_of_fold import out_of_fold
from tasks.methods.metrics.log_loss import row_losses
from tasks.methods.networks.fuse import fuse_models


def combined(name: str, members: Members, lessons: Lessons) -> Made:
    """Fits a combiner on all validation rows for the network, and out of fold for its losses.

    Args:
        name: A name in `combiners`.
        members: The family.
        lessons: Its validation rows and seed.

    Raises:
        NoFusion: All weight falls to one member.
    """
    fit, y, seed = combiners.get(name), lessons.y, lessons.settings.seed
    combiner = fit(members.probabilities, y, seed)
    if np.count_nonzero(combiner.shares) < 2:
        raise NoFusion(f"{name} gives all weight to {members.labels[int(combiner.shares.argmax())]}")
    return Made(
        name=name,
        model=fuse_models(members.models, combiner),
        losses=row_losses(out_of_fold(fit, members.probabilities, y, seed), y),
        shares=combiner.shares,
        what=f"{np.count_nonzero(combiner.shares)} of {len(members.models)} members, combined by {name}",
        contributions=lambda: contributions(fit, members.probabilities, y, seed),
    )
