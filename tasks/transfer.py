"""Stage 3, transfer: an ancestor meets the new data. One heir an ancestor and objective, and a control from scratch."""

from typing import TYPE_CHECKING

from model_registry.reference import DataRef, ModelRef
from tasks import progress
from tasks.adapt import changed_columns
from tasks.data.dataset import DataSet
from tasks.derive import derive, opened, parent, standing
from tasks.fresh import architecture_of, fresh
from tasks.learning import augmenter, curves, note, pairs, target_solution, validation_facts
from tasks.origin import origin_of
from tasks.source_rows import source_rows
from tasks.stage import Job, stage_task
from tasks.tracking import stage_run

if TYPE_CHECKING:
    from tasks.methods.networks.fit import FitSettings

_NEXT_DRAW = 7919  # a prime: seeds of one recipe's draws are not those of its neighbour's


def make_heir(job: Job, key: str, ancestor: ModelRef, data: DataRef, objective: str, draw: int = 0) -> ModelRef | None:
    """Leads an ancestor to the target by one objective: new head, staged unfreezing, early stopping on validation.

    The head is kept where the ancestor tells the very same classes apart. Weights pruned to zero stay zero.

    Args:
        job: The loop's run.
        key: The stage's cache key.
        ancestor: The version to start from.
        data: The target data set.
        objective: A name in `transfer.objectives`.
        draw: Which of the heirs that differ in chance alone; all of them start from the same weights, head included.

    Returns:
        The heir; None where the objective can't be used on this ancestor, as its rows are not here, say: an heir by another
        objective under this one's name would mislead, and a second one by the same would add nothing.

    Raises:
        InputError: The ancestor can't take the target's input.
    """
    from tasks.methods.transfer.objectives import Source, Start, Unsuited, objectives
    from tasks.methods.transfer.run import transfer

    version, folder, solution = opened(ancestor)
    made = standing(job, key)
    if made is not None:
        return made
    config, rows = job.recipe.transfer, DataSet.open(data)
    label = version.label if objective == "fine_tuning" else f"{version.label} by {objective}"
    label = f"{label}, draw {draw + 1}" if draw else label
    with stage_run(job.experiment_id, job.run_id, "transfer", f"3 transfer {label}") as run:
        run.inherits(version)
        run.reads(rows.card, context="training")
        run.params(
            {
                "ancestor": version.label,
                "objective": objective,
                "draw": draw,
                "patience": config.patience,
                "batch_size": config.batch_size,
                "recalibrate": config.recalibrate,
            }
        )
        run.params({f"stage_{number}": str(stage.model_dump()) for number, stage in enumerate(config.stages)})
        train, validation = pairs(rows)
        origin = origin_of(job, version, folder, solution, rows, train[0])
        theirs, why = source_rows(version, data, rows) if objectives.get(objective).reads_rows else (None, "")
        most = sum(stage.epochs for stage in config.stages)
        progress.report("transfer", label, 0, most)
        try:
            heir = transfer(
                objective,
                Start(origin.model, origin.head_kept, train, validation, _stages(job, draw)),
                Source(origin.network, theirs),
                strength=config.strength_of(objective),
                augment=augmenter(job, rows),
                on_epoch=lambda epoch, logs: progress.report("transfer", label, epoch, most, note(logs)),
            )
        except Unsuited as error:
            run.tags({"bequest.outcome": f"{version.label} has no heir by {objective}: {why or error}"})
            progress.report("transfer", label, most, most, "left out")
            return None
        told = [changed_columns(version, solution, rows), f"{objective} on the target's rows, {why}" if why else ""]
        if any(told):
            run.tags({"bequest.outcome": "; ".join(each for each in told if each)})
        for number, history in enumerate(heir.histories):
            run.history(curves(history), prefix=f"stage_{number}_")
        found = {
            **validation_facts(heir.model, rows),
            "epochs": sum(history.epochs_run for history in heir.histories),
            "head_kept": origin.head_kept,
            "recalibrated_layers": origin.recalibrated if config.recalibrate else None,
            "strength": heir.strength,
            "penalty": heir.penalty,
        }
        figures = {name: value for name, value in found.items() if value is not None}
        run.metrics(figures)
        return derive(
            job,
            run,
            key,
            heir.model,
            operation="fine-tuned",
            parents=[parent(version)],
            solution=target_solution(job, rows, solution.tuned),
            data=data,
            facts=figures | {"objective": objective},
        )


def _stages(job: Job, draw: int = 0) -> "tuple[FitSettings, ...]":
    """The recipe's stages, as the training takes them."""
    from tasks.methods.networks.fit import FitSettings

    config = job.recipe.transfer
    return tuple(
        FitSettings(
            epochs=stage.epochs,
            batch_size=config.batch_size,
            learning_rate=stage.learning_rate,
            patience=config.patience,
            seed=job.recipe.seed + _NEXT_DRAW * draw,
            trainable=stage.unfreeze,
            decay=stage.decay,
        )
        for stage in config.stages
    )


def from_scratch(job: Job, key: str, data: DataRef) -> ModelRef:
    """Trains the control: the recipe's own network on the target alone, with the same budget of epochs."""
    from tasks.methods.networks.fit import FitSettings, fit

    made = standing(job, key)
    if made is not None:
        return made
    config, rows = job.recipe.transfer, DataSet.open(data)
    with stage_run(job.experiment_id, job.run_id, "transfer", "3 from scratch") as run:
        run.reads(rows.card, context="training")
        run.params(job.recipe.model.model_dump(mode="json") | {"architecture": architecture_of(job.recipe, rows)})
        model = fresh(job.recipe, rows)
        most = sum(stage.epochs for stage in config.stages)
        progress.report("transfer", "from scratch", 0, most)
        settings = FitSettings(
            epochs=most,
            batch_size=config.batch_size,
            learning_rate=max(stage.learning_rate for stage in config.stages),
            patience=config.patience,
            seed=job.recipe.seed,
        )
        history = fit(
            model,
            *pairs(rows),
            settings,
            augment=augmenter(job, rows),
            on_epoch=lambda epoch, logs: progress.report("transfer", "from scratch", epoch, most, note(logs)),
        )
        run.history(curves(history))
        facts = {**validation_facts(model, rows), "epochs": history.epochs_run}
        run.metrics(facts)
        return derive(
            job,
            run,
            key,
            model,
            operation="trained",
            parents=[],
            solution=target_solution(job, rows, None),
            data=data,
            facts=facts,
        )


@stage_task
def transfer(job: Job, key: str, ancestor: ModelRef, data: DataRef, objective: str, draw: int = 0) -> ModelRef | None:
    """Runs `make_heir` as a Prefect task."""
    return make_heir(job, key, ancestor, data, objective, draw)


@stage_task
def control(job: Job, key: str, data: DataRef) -> ModelRef:
    """Runs `from_scratch` as a Prefect task."""
    return from_scratch(job, key, data)
