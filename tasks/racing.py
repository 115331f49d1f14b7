"""The race: the best candidates and a network from scratch are trained for a few epochs on some of the target's rows."""

from typing import Any

import numpy as np

from tasks import progress
from tasks.candidates import Candidate, Sample, drawn
from tasks.derive import opened
from tasks.fresh import fresh
from tasks.learning import Pair, augmenter
from tasks.methods.selection.race import Race, race
from tasks.origin import origin_from, origin_of
from tasks.recipe.inherit_schema import InheritRace
from tasks.stage import Job

CONTROL = "from scratch"


def hold(job: Job, settings: InheritRace, contestants: dict[str, Candidate], sample: Sample) -> Race:
    """Races candidates and the control by successive halving; the control stays to the end.

    Ancestors learn as in the last stage of transfer. Where its first stage is the new head's, that head starts as the best
    linear one on what they know (Kumar et al., 2022, arXiv:2202.10054): under a head that knows nothing yet, a deep ancestor
    would lose what it knows before so short a race is over. The control learns at the highest rate of the stages, as it does
    in transfer. Rows, their order and augmentation are the same for all.

    Args:
        job: The loop's run.
        settings: The recipe's.
        contestants: By label.
        sample: What they were judged on; validation rows of its data set judge here, the test split is not read.
    """
    rows = sample.rows
    train, validation = (drawn(rows.split(name), settings.rows, job.recipe.seed) for name in ("train", "validation"))
    racers: dict[str, Any] = {}
    names = [*contestants, CONTROL]

    def trained(name: str, epochs: int) -> np.ndarray:
        progress.report("select", f"race: {name}", 0, 1, f"{epochs} epochs")
        if name not in racers:
            racers[name] = _racer(job, contestants.get(name), sample, train, validation)
        losses: np.ndarray = racers[name](epochs)
        progress.report("select", f"race: {name}", 1, 1, f"validation loss {losses.mean():.3f}")
        return losses

    return race(names, trained, epochs=settings.epochs, kept=[CONTROL])


def _racer(job: Job, candidate: Candidate | None, sample: Sample, train: Pair, validation: Pair) -> Any:
    """An ancestor as transfer starts from it, or the control where there is none."""
    from tasks.methods.networks.racing import Racer
    from tasks.methods.pruning.masks import Masks

    config, last, rows = job.recipe.transfer, job.recipe.transfer.stages[-1], sample.rows
    network = fresh(job.recipe, rows) if candidate is None else _start(job, candidate, sample, train, validation)
    return Racer(
        network,
        train,
        validation,
        batch_size=config.batch_size,
        learning_rate=max(stage.learning_rate for stage in config.stages) if candidate is None else last.learning_rate,
        seed=job.recipe.seed,
        trainable="all" if candidate is None else last.unfreeze,
        augment=augmenter(job, rows),
        masks=Masks.of(network),
    )


def _start(job: Job, candidate: Candidate, sample: Sample, train: Pair, validation: Pair) -> Any:
    from tasks.methods.transfer.probe import probed

    known = candidate.opened
    if known is None or candidate.solution is None:
        origin = origin_of(job, *opened(candidate.version.ref), sample.rows, train[0])
    else:
        origin = origin_from(job, known.network, candidate.solution, sample.rows)
    if origin.head_kept or job.recipe.transfer.stages[0].unfreeze != "head":
        return origin.model
    count = len(train[0])  # rows are drawn in one order, so the sample's are these, or the first of them
    features = known.features[:count] if known is not None and len(known.features) >= count else None
    return probed(origin.model, train, validation, job.recipe.seed, features=features)
