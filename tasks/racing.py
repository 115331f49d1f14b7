"""The race: the best candidates and a network from scratch are trained for a few epochs on some of the target's rows."""

from typing import Any

import numpy as np

from model_registry.reference import ModelRef
from tasks import progress
from tasks.data.dataset import DataSet, Split
from tasks.derive import opened
from tasks.fresh import fresh
from tasks.learning import Pair, augmenter
from tasks.methods.selection.race import Race, race
from tasks.origin import origin_of
from tasks.recipe.inherit_schema import InheritRace
from tasks.stage import Job

CONTROL = "from scratch"


def hold(job: Job, settings: InheritRace, contestants: dict[str, ModelRef], rows: DataSet) -> Race:
    """Races candidates and the control by successive halving; the control stays to the end.

    Ancestors learn as in the last stage of transfer. Where its first stage is the new head's, that head starts as the best
    linear one on what they know (Kumar et al., 2022, arXiv:2202.10054): under a head that knows nothing yet, a deep ancestor
    would lose what it knows before so short a race is over. The control learns at the highest rate of the stages, as it does
    in transfer. Rows, their order and augmentation are the same for all.

    Args:
        job: The loop's run.
        settings: The recipe's.
        contestants: Label to version.
        rows: The target data set; validation judges, the test split is not read.
    """
    train, validation = (_drawn(rows.split(name), settings.rows, job.recipe.seed) for name in ("train", "validation"))
    racers: dict[str, Any] = {}
    names = [*contestants, CONTROL]

    def trained(name: str, epochs: int) -> np.ndarray:
        progress.report("select", f"race: {name}", 0, 1, f"{epochs} epochs")
        if name not in racers:
            racers[name] = _racer(job, contestants.get(name), rows, train, validation)
        losses: np.ndarray = racers[name](epochs)
        progress.report("select", f"race: {name}", 1, 1, f"validation loss {losses.mean():.3f}")
        return losses

    return race(names, trained, epochs=settings.epochs, kept=[CONTROL])


def _racer(job: Job, ref: ModelRef | None, rows: DataSet, train: Pair, validation: Pair) -> Any:
    """An ancestor as transfer starts from it, or the control where there is none."""
    from tasks.methods.networks.racing import Racer
    from tasks.methods.pruning.masks import Masks

    config, last = job.recipe.transfer, job.recipe.transfer.stages[-1]
    network = fresh(job.recipe, rows) if ref is None else _start(job, ref, rows, train, validation)
    return Racer(
        network,
        train,
        validation,
        batch_size=config.batch_size,
        learning_rate=max(stage.learning_rate for stage in config.stages) if ref is None else last.learning_rate,
        seed=job.recipe.seed,
        trainable="all" if ref is None else last.unfreeze,
        augment=augmenter(job, rows),
        masks=Masks.of(network),
    )


def _start(job: Job, ref: ModelRef, rows: DataSet, train: Pair, validation: Pair) -> Any:
    from tasks.methods.transfer.probe import probed

    origin = origin_of(job, *opened(ref), rows, train[0])
    if origin.head_kept or job.recipe.transfer.stages[0].unfreeze != "head":
        return origin.model
    return probed(origin.model, train, validation, job.recipe.seed)


def _drawn(split: Split, most: int, seed: int) -> Pair:
    kept = np.random.default_rng(seed).permutation(len(split.y))[:most]
    return split.x[kept], split.y[kept]
