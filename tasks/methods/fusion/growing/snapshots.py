"""Snapshot ensembles: one training that comes to rest several times, and is kept each time."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tasks.methods.fusion.combiners import combiners
from tasks.methods.fusion.growing.base import Grown, copy_of, growers, seeds

if TYPE_CHECKING:
    from tasks.methods.backend import keras
    from tasks.methods.networks.fit import FitSettings
    from tasks.methods.networks.loop import Augment
    from tasks.methods.networks.rows import Rows


@growers.register("snapshots", reference="Huang et al., 2017, arXiv:1704.00109; warm restarts: Loshchilov & Hutter, 2017")
def snapshots(
    start: "keras.Model",
    train: "Rows",
    validation: "Rows",
    settings: "FitSettings",
    count: int,
    seed: int,
    augment: "Augment | None" = None,
) -> Grown:
    """Trains on from where it is in `count` cycles, each from the full learning rate down to 0 by a cosine; see `Grow`.

    The network at the end of each cycle is a member. Weights of their average are fitted on validation rows
    (`weighted_average`), so that early members which had not learned enough are left out, as the paper leaves out all but
    the last. `settings.epochs` is for all cycles together, so an ensemble costs what one network does to train; epochs that
    do not divide go to the first cycles. `settings.schedule` and `patience` do not apply: a cycle runs to its end, where
    validation was lowest or not. The optimizer's moments start anew with each cycle.

    Raises:
        ValueError: Fewer epochs than members; else as for `Grow`.
    """
    from tasks.methods.networks.predict import predict
    from tasks.methods.networks.rows import checked

    own_seeds = seeds(seed, count)
    if settings.epochs < count:
        raise ValueError(
            "Invalid `epochs`. Expected at least one for each of the cycles, which share them. "
            f"Received: epochs={settings.epochs}, count={count}."
        )
    models, latest = [], start
    for position, own in enumerate(own_seeds):
        member = copy_of(latest, position)
        epochs = settings.epochs // count + (position < settings.epochs % count)
        cycle = replace(settings, epochs=epochs, patience=epochs + 1, schedule="cosine", seed=own)
        _train_to_the_end(member, train, validation, cycle, augment)
        models.append(member)
        latest = member
    held_x, held_y = checked("validation", validation, start)
    return Grown(models, combiners.get("weighted_average")(np.stack([predict(member, held_x) for member in models]), held_y))


def _train_to_the_end(
    model: "keras.Model", train: "Rows", validation: "Rows", settings: "FitSettings", augment: "Augment | None"
) -> None:
    """`fit`, but that the last epoch's weights are kept, not those of the lowest validation loss."""
    from tasks.methods.networks.fit import fit

    last: list[list[np.ndarray]] = []

    def keep(epoch: int, log: dict[str, float]) -> None:
        last[:] = [model.get_weights()]

    fit(model, train, validation, settings, augment=augment, on_epoch=keep)
    model.set_weights(last[0])
