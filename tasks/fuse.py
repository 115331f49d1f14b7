"""Stage 4, fuse: several heirs to one exportable model, or the single best heir where fusion gains nothing."""

from typing import TYPE_CHECKING, Any

import numpy as np

from model_registry.reference import DataRef, ModelRef
from model_registry.versions import Operation, Parent, Version
from tasks import progress
from tasks.data.dataset import DataSet
from tasks.derive import derive, parent, standing
from tasks.family import FROM_SCRATCH, Heir, family_of, opened_heirs
from tasks.learning import augmenter, pairs, target_solution, validation_facts
from tasks.methods.fusion.ways import kind_of
from tasks.stage import Job, stage_task
from tasks.tracking import StageRun, stage_run

if TYPE_CHECKING:
    from tasks.methods.fusion.contest import Contest
    from tasks.methods.fusion.making.base import Lessons, Made, Members

FUSED_BY = ("batch_size", "learning_rate", "patience")
"""Settings of `train` that this stage trains by, too."""


def fuse_heirs(job: Job, key: str, heirs: list[ModelRef], data: DataRef) -> ModelRef:
    """Makes one network of the heirs in every way that the recipe names, and takes what gains more than chance.

    All is judged on validation rows, each by a fit that had no share in it.

    Args:
        job: The loop's run.
        key: The stage's cache key.
        heirs: Versions made on the target data, at least one.
        data: The target data set.

    Returns:
        The fused version; the best heir where no fused model gains `fuse.min_gain` of log loss over it, and more than
        chance, within the budget.

    Raises:
        BequestError: No heir gives numbers on the validation rows.
    """
    config, rows = job.recipe.fuse, DataSet.open(data)
    found = opened_heirs(heirs)
    made = standing(job, key)
    if made is not None:
        return made
    if len(heirs) == 1 and not any(kind_of(way) == "grow" for way in config.ways):
        return heirs[0]
    labels = [heir.version.label for heir in found]
    progress.report("fuse", ", ".join(labels), 0, 1)
    with stage_run(job.experiment_id, job.run_id, "fuse", f"4 fuse {len(heirs)} heirs") as run:
        run.inherits(*(heir.version for heir in found))
        run.params(config.model_dump(mode="json") | {"heirs": labels})
        members, kept, notes = family_of(job, found, rows, origins=config.needs_origins)
        lessons = _lessons(job, rows)
        outcome, told = _chosen(job, members, lessons)
        records = _records(members, lessons, outcome.taken)
        _tell(job, run, outcome, records, [*notes, *told])
        if outcome.taken is None:
            progress.report("fuse", ", ".join(labels), 1, 1, f"{kept[outcome.member].version.label} alone")
            return kept[outcome.member].version.ref
        judged = next(each for each in outcome.choice.table if each.option.name == outcome.choice.name)
        facts = {
            **validation_facts(outcome.taken.model, rows),
            "method": outcome.taken.name,
            "made": outcome.taken.what,
            "gain_log_loss": judged.gain,
            "gain_log_loss_low": judged.low,
            "members": records,
        }
        run.metrics({name: value for name, value in facts.items() if isinstance(value, float)})
        progress.report("fuse", ", ".join(labels), 1, 1, f"{outcome.taken.name}, gain {judged.gain:.4f}")
        operation, parents = _edges(outcome.taken, kept, outcome.member)
        return derive(
            job,
            run,
            key,
            outcome.taken.model,
            operation=operation,
            parents=parents,
            solution=target_solution(job, rows, kept[outcome.member].solution.tuned),
            data=data,
            facts=facts,
        )


def _lessons(job: Job, rows: DataSet) -> "Lessons":
    """How this stage trains: by the settings of `train`, for `fuse.epochs`."""
    from tasks.methods.fusion.making.base import Lessons
    from tasks.methods.networks.fit import FitSettings

    config, how, (train, validation) = job.recipe.fuse, job.recipe.train, pairs(rows)
    settings = FitSettings(epochs=config.epochs, seed=job.recipe.seed, **{name: getattr(how, name) for name in FUSED_BY})
    return Lessons(train, validation, settings, augmenter(job, rows), tune=config.tune, count=config.members)


def _chosen(job: Job, members: "Members", lessons: "Lessons") -> "tuple[Contest, list[str]]":
    """Makes, measures and chooses; where asked for, or where the budget leaves no other, an ensemble is distilled."""
    from tasks.methods.fusion.contest import beyond_budget, contest
    from tasks.methods.fusion.making.base import NoFusion
    from tasks.methods.fusion.making.distilling import shrunk
    from tasks.methods.fusion.making.run import make

    config = job.recipe.fuse
    limits, ways = config.budget.limits, config.ways
    made, notes = make(ways, members, lessons, lambda way: progress.report("fuse", way, ways.index(way), len(ways)))
    outcome = contest(members, made, lessons, limits, config.min_gain)
    ensembles = {each.name: each for each in made if each.name not in outcome.unservable}
    if config.distil:
        table = (each.option for each in outcome.choice.table if not each.option.single)
        teacher = next((option.name for option in table), None)
    elif config.distil is None:
        teacher = beyond_budget(outcome.choice, config.min_gain)
    else:
        teacher = None
    if teacher:
        progress.report("fuse", f"{teacher}, distilled", 0, 1)
        try:
            made.append(shrunk(ensembles[teacher], members, lessons))
            outcome = contest(members, made, lessons, limits, config.min_gain, outcome.flatbuffers)
        except NoFusion as error:
            notes.append(str(error))
    notes += [f"{name} is left out: LiteRT has no operation for one of its layers" for name in outcome.unservable]
    return outcome, notes


def _records(members: "Members", lessons: "Lessons", taken: "Made | None") -> list[dict[str, Any]]:
    """What each member is worth: alone, and in what was made."""
    shares = np.zeros(len(members.labels)) if taken is None else taken.shares
    worth = np.zeros(len(members.labels)) if taken is None else taken.contributions()
    return [
        {
            "version": label,
            "validation_log_loss": round(float(loss), 6),
            "weight": round(float(share), 6),
            "contribution": round(float(each), 6),
        }
        for label, loss, share, each in zip(members.labels, members.losses(lessons.y).mean(axis=1), shares, worth, strict=True)
    ]


def _tell(job: Job, run: StageRun, outcome: "Contest", records: list[dict[str, Any]], notes: list[str]) -> None:
    from tasks.methods.fusion.picture import fusion_png

    run.json("members.json", records)
    run.json(
        "fusion.json",
        [
            {
                "name": each.option.name,
                "member": each.option.single,
                "validation_log_loss": each.option.loss,
                "gain": each.gain,
                "gain_low": each.low,
                "latency_ms": each.option.latency_ms,
                "size_bytes": each.option.size_bytes,
                "within_budget": each.within,
                "taken": each.option.name == outcome.choice.name,
            }
            for each in outcome.choice.table
        ],
    )
    run.picture("fusion.png", fusion_png(outcome.choice, job.recipe.fuse.budget.limits))
    run.tags({"bequest.outcome": "; ".join([outcome.choice.reason, *notes])})


def _edges(made: "Made", heirs: list[Heir], best: int) -> tuple[Operation, list[Parent]]:
    """What made the version, and of whom: members that count, or the network that its own were grown from."""
    if made.student:
        taught = [heirs[index].version for index in np.flatnonzero(made.shares) if index != best]
        return "distilled", [parent(heirs[best].version), *(parent(version, "teacher") for version in taught)]
    if made.grown_from is not None:
        heir = heirs[made.grown_from.members[0]]
        ancestor: Version | None = None if made.grown_from.name == FROM_SCRATCH else heir.ancestor
        return ("trained", []) if ancestor is None else ("fused", [parent(ancestor)])
    return "fused", [parent(heirs[index].version) for index in np.flatnonzero(made.shares)]


@stage_task
def fuse(job: Job, key: str, heirs: list[ModelRef], data: DataRef) -> ModelRef:
    """Runs `fuse_heirs` as a Prefect task."""
    return fuse_heirs(job, key, heirs, data)
