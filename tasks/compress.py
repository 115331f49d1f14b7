"""Stage 2, compress: an ancestor is pruned before it is handed down; judged before and after as it would be served."""

from pathlib import Path
from typing import Any

from model_registry.errors import IntegrityError
from model_registry.reference import DataRef, ModelRef
from model_registry.versions import Version
from tasks import progress
from tasks.adapt import adapted
from tasks.data.dataset import DataSet
from tasks.derive import KERAS_FILE, derive, opened, parent, standing
from tasks.learning import Pair
from tasks.prunings import asked_of, nothing_to_prune, pruned
from tasks.serving_files import calibration_rows
from tasks.solution import Solution
from tasks.stage import Job, stage_task
from tasks.tracking import stage_run


def prune_ancestor(job: Job, key: str, ancestor: ModelRef, data: DataRef) -> ModelRef:
    """Prunes an ancestor, or hands it on whole where that costs more accuracy than the recipe allows.

    It is pruned on the data it was made on where those still stand, else on the target's, under a new head. Before and after
    are read off flatbuffers, on the same validation rows: converted as the final model will be, calibrated on the rows it is
    pruned on; in float32 where LiteRT can't convert the ancestor so.

    Args:
        job: The loop's run.
        key: The stage's cache key.
        ancestor: The version to prune.
        data: The target data set.

    Returns:
        The pruned version; the ancestor itself where it is sparse already or the pruning was undone.

    Raises:
        InputError: The recipe names a layer that the ancestor does not have, or that cannot be pruned.
    """
    from tasks.methods.networks import store
    from tasks.methods.planning.served import Change, Served, first_served
    from tasks.methods.pruning import masks
    from tasks.methods.quantization.convert import convert

    config = job.recipe.compress.prune
    version, folder, solution = opened(ancestor)
    made = standing(job, key)
    if config is None or made is not None:
        return made or ancestor
    with stage_run(job.experiment_id, job.run_id, "compress", f"2 compress {version.label}") as run:
        run.inherits(version)
        run.params(config.model_dump(mode="json") | {"ancestor": version.label})
        model = store.load(folder / KERAS_FILE)
        why = "" if config.layers or config.budget == "scan" else nothing_to_prune(config, model, config.sparsity)
        if not why:
            model, train, validation, solution, used = _ground(job, version, model, solution, data)
            asked = asked_of(job, run, model, train, validation)
            why = nothing_to_prune(config, model, asked)
        if why:
            run.tags({"bequest.outcome": f"{version.label} is handed on as it is: {why}"})
            return ancestor
        calibration, modes = calibration_rows(job, train[0]), (job.recipe.compress.judged_as, "float32")
        try:
            mode, before = first_served(model, modes, calibration, validation)
        except ValueError as error:
            run.tags({"bequest.outcome": f"{version.label} is handed on as it is: it can't be judged as served: {error}"})
            return ancestor
        progress.report("compress", version.label, 0, config.epochs)
        small = pruned(job, version.label, model, asked, train, validation)
        change = Change(before, Served.of(convert(small, mode, calibration), validation), job.recipe.seed)
        facts = change.facts | {
            "sparsity": masks.overall(small),
            "sparsity_before": masks.overall(model),
            "parameters_before": model.count_params(),
        }
        run.metrics(facts)
        run.json("sparsity_by_layer.json", masks.sparsity(small))
        run.tags({"bequest.judged_as": mode})
        if not change.keeps_within(config.max_drop):
            outcome = f"pruning {version.label} was undone: {change} as {mode}, allowed {config.max_drop}"
            run.tags({"bequest.outcome": outcome})
            return ancestor
        return derive(
            job,
            run,
            key,
            small,
            operation="pruned",
            parents=[parent(version)],
            solution=solution,
            data=used,
            facts=facts | {"judged_as": mode},
        )


def _ground(
    job: Job, version: Version, model: Any, solution: Solution, target: DataRef
) -> tuple[Any, Pair, Pair, Solution, DataRef]:
    """The model and the rows to prune it on: its own where they stand, else the target's under a freshly trained head."""
    from tasks.methods.networks import surgery
    from tasks.methods.networks.fit import FitSettings, fit

    if version.data_uri and Path(version.data_uri).is_dir():
        own = DataRef(uri=version.data_uri, sha256=version.data_sha256)
        try:
            rows = DataSet.open(own)
            train, validation = rows.split("train"), rows.split("validation")
            return model, (train.x, train.y), (validation.x, validation.y), solution, own
        except IntegrityError:
            pass  # rows that were changed since are not those it was made on: the target's serve as well as for an import
    rows = DataSet.open(target)
    train, validation = rows.split("train"), rows.split("validation")
    ready = adapted(job, version, model, solution, rows)
    ready = surgery.new_head(ready, len(rows.card.classes), seed=job.recipe.seed)
    first = job.recipe.transfer.stages[0]
    settings = FitSettings(
        epochs=first.epochs,
        batch_size=job.recipe.transfer.batch_size,
        learning_rate=first.learning_rate,
        patience=job.recipe.transfer.patience,
        seed=job.recipe.seed,
        trainable="head",
    )
    fit(ready, (train.x, train.y), (validation.x, validation.y), settings)
    own_solution = Solution(recipe=None, card=rows.card, preprocessing=rows.preprocessing, contract=rows.contract)
    return ready, (train.x, train.y), (validation.x, validation.y), own_solution, target


@stage_task
def compress(job: Job, key: str, ancestor: ModelRef, data: DataRef) -> ModelRef:
    """Runs `prune_ancestor` as a Prefect task."""
    return prune_ancestor(job, key, ancestor, data)
