"""Stage 3, transfer: an ancestor meets the new data. One heir an ancestor, and one network from scratch as control."""

from model_registry.reference import DataRef, ModelRef
from tasks import progress
from tasks.adapt import adapted, changed_columns
from tasks.data.dataset import DataSet
from tasks.derive import KERAS_FILE, derive, opened, parent, standing
from tasks.learning import augmenter, curves, note, pairs, target_solution, validation_facts
from tasks.stage import Job, stage_task
from tasks.tracking import stage_run


def fine_tune(job: Job, key: str, ancestor: ModelRef, data: DataRef) -> ModelRef:
    """Fine-tunes an ancestor on the target: new head, staged unfreezing, early stopping on validation.

    The head is kept where the ancestor tells the very same classes apart. Weights pruned to zero stay zero.

    Args:
        job: The loop's run.
        key: The stage's cache key.
        ancestor: The version to start from.
        data: The target data set.

    Raises:
        InputError: The ancestor can't take the target's input.
    """
    from tasks.methods.networks import store, surgery
    from tasks.methods.networks.fit import FitSettings, staged
    from tasks.methods.pruning.masks import Masks

    version, folder, solution = opened(ancestor)
    made = standing(job, key)
    if made is not None:
        return made
    config, rows = job.recipe.transfer, DataSet.open(data)
    with stage_run(job.experiment_id, job.run_id, "transfer", f"3 transfer {version.label}") as run:
        run.inherits(version)
        run.reads(rows.card, context="training")
        run.params({"ancestor": version.label, "patience": config.patience, "batch_size": config.batch_size})
        run.params({f"stage_{number}": str(stage.model_dump()) for number, stage in enumerate(config.stages)})
        model = adapted(job, version, store.load(folder / KERAS_FILE), solution, rows)
        changed = changed_columns(version, solution, rows)
        if changed:
            run.tags({"bequest.outcome": changed})
        same_classes = solution.card is not None and solution.card.classes == rows.card.classes
        if not same_classes:
            model = surgery.new_head(model, len(rows.card.classes), seed=job.recipe.seed, dropout=job.recipe.model.dropout)
        most = sum(stage.epochs for stage in config.stages)
        progress.report("transfer", version.label, 0, most)
        settings = [
            FitSettings(
                epochs=stage.epochs,
                batch_size=config.batch_size,
                learning_rate=stage.learning_rate,
                patience=config.patience,
                seed=job.recipe.seed,
                trainable=stage.unfreeze,
            )
            for stage in config.stages
        ]
        histories = staged(
            model,
            settings,
            *pairs(rows),
            augment=augmenter(job, rows),
            masks=Masks.of(model),
            on_epoch=lambda epoch, logs: progress.report("transfer", version.label, epoch, most, note(logs)),
        )
        for number, history in enumerate(histories):
            run.history(curves(history), prefix=f"stage_{number}_")
        facts = {
            **validation_facts(model, rows),
            "epochs": sum(history.epochs_run for history in histories),
            "head_kept": same_classes,
        }
        run.metrics(facts)
        return derive(
            job,
            run,
            key,
            model,
            operation="fine-tuned",
            parents=[parent(version)],
            solution=target_solution(job, rows),
            data=data,
            facts=facts,
        )


def from_scratch(job: Job, key: str, data: DataRef) -> ModelRef:
    """Trains the control: the recipe's own network on the target alone, with the same budget of epochs."""
    from tasks.methods.networks.architectures import build
    from tasks.methods.networks.fit import FitSettings, fit

    made = standing(job, key)
    if made is not None:
        return made
    config, rows, shape = job.recipe.transfer, DataSet.open(data), job.recipe.model
    with stage_run(job.experiment_id, job.run_id, "transfer", "3 from scratch") as run:
        architecture = shape.architecture
        if architecture == "auto":
            architecture = "cnn" if rows.card.modality == "image" else "mlp"
        run.reads(rows.card, context="training")
        run.params(shape.model_dump(mode="json") | {"architecture": architecture})
        model = build(
            architecture,
            rows.card.input_shape,
            len(rows.card.classes),
            hidden=shape.hidden,
            filters=shape.filters,
            dropout=shape.dropout,
            seed=job.recipe.seed,
        )
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
            job, run, key, model, operation="trained", parents=[], solution=target_solution(job, rows), data=data, facts=facts
        )


@stage_task
def transfer(job: Job, key: str, ancestor: ModelRef, data: DataRef) -> ModelRef:
    """Runs `fine_tune` as a Prefect task."""
    return fine_tune(job, key, ancestor, data)


@stage_task
def control(job: Job, key: str, data: DataRef) -> ModelRef:
    """Runs `from_scratch` as a Prefect task."""
    return from_scratch(job, key, data)
