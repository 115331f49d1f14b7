"""Deep fusion: the members' features side by side under a head that is trained for them."""

import numpy as np

from tasks.methods.fusion.deep.run import fuse_features
from tasks.methods.fusion.making.base import Lessons, Made, Members, NoFusion, leave_one_out
from tasks.methods.metrics.log_loss import row_losses
from tasks.methods.networks.predict import predict


def joined(name: str, members: Members, lessons: Lessons) -> Made:
    """Trains the joint head on training rows; validation only says when to stop, as it did for each member.

    Args:
        name: A name in `joins`.
        members: The family.
        lessons: Its rows, how to train, and whether the members' own weights are tuned afterwards.

    Raises:
        NoFusion: There is one member alone.
    """
    count = len(members.models)
    if count < 2:
        raise NoFusion(f"{name} joins nothing: there is one member alone")
    tune = lessons.settings if lessons.tune else None
    fused = fuse_features(
        name, members.models, lessons.train, lessons.validation, lessons.settings, tune=tune, augment=lessons.augment
    )
    losses = row_losses(predict(fused.model, lessons.validation[0]), lessons.y)
    return Made(
        name=name,
        model=fused.model,
        losses=losses,
        shares=np.full(count, 1 / count),
        what=f"features of {count} members joined by {name}{', tuned as a whole' if tune else ''}",
        contributions=lambda: leave_one_out(members, losses, lessons.y, lambda rest: joined(name, rest, lessons)),
    )
