"""An ensemble grown for the purpose, from the network that the best member started from."""

import numpy as np

from tasks.methods.fusion.growing import growers
from tasks.methods.fusion.making.base import Lessons, Made, Members, NoFusion
from tasks.methods.metrics.log_loss import row_losses
from tasks.methods.networks.fuse import fuse_models
from tasks.methods.networks.predict import predict


def grown(name: str, members: Members, lessons: Lessons) -> Made:
    """Grows new members; those of the family have no share in it but for the choice of where to start.

    Args:
        name: A name in `growers`.
        members: The family, with its branches.
        lessons: Its rows, how to train, and how many to grow.

    Raises:
        NoFusion: What the best member started from is not known.
    """
    best = members.best(lessons.y)
    branch = members.branch_of(best)
    if branch is None:
        raise NoFusion(f"{name} grows nothing: what {members.labels[best]} started from is not known")
    settings = lessons.settings
    found = growers.get(name)(
        branch.origin, lessons.train, lessons.validation, settings, lessons.count, settings.seed, lessons.augment
    )
    model = fuse_models(found.models, found.combiner)
    count = len(members.models)
    return Made(
        name=name,
        model=model,
        losses=row_losses(predict(model, lessons.validation[0]), lessons.y),
        shares=np.zeros(count),
        what=f"{len(found.models)} networks grown by {name} from {branch.name}",
        contributions=lambda: np.zeros(count),
        grown_from=branch,
    )
