"""Stage 2, compress: an ancestor is pruned before it is handed down; quality is read before and after on the same rows."""

from pathlib import Path
from typing import Any

import numpy as np

from model_registry.errors import IntegrityError
from model_registry.reference import DataRef, ModelRef
from model_registry.versions import Version
from tasks import progress
from tasks.adapt import adapted
from tasks.data.dataset import DataSet
from tasks.derive import KERAS_FILE, derive, opened, parent, standing
from tasks.learning import Pair, note
from tasks.solution import Solution
from tasks.stage import Job, stage_task
from tasks.tracking import stage_run


def prune_ancestor(job: Job, key: str, ancestor: ModelRef, data: DataRef) -> ModelRef:
    """Prunes an ancestor, or hands it on whole where that costs more accuracy than the recipe allows.

    It is pruned on the data it was made on where those still stand, else on the target's, under a new head.

    Args:
        job: The loop's run.
        key: The stage's cache key.
        ancestor: The version to prune.
        data: The target data set.

    Returns:
        The pruned version; the ancestor itself where it is sparse already or the pruning was undone.
    """
    from tasks.methods.networks import store
    from tasks.methods.pruning import masks

    config = job.recipe.compress.prune
    version, folder, solution = opened(ancestor)
    made = standing(job, key)
    if config is None or made is not None:
        return made or ancestor
    with stage_run(job.experiment_id, job.run_id, "compress", f"2 compress {version.label}") as run:
        run.inherits(version)
        run.params(config.model_dump(mode="json") | {"ancestor": version.label})
        model = store.load(folder / KERAS_FILE)
        before_sparsity = masks.overall(model)
        if config.pattern != "channels" and before_sparsity >= config.sparsity - 0.005:
            run.tags({"bequest.outcome": f"{version.label} is sparse already ({before_sparsity:.3f})"})
            return ancestor
        model, train, validation, solution, used = _ground(job, version, model, solution, data)
        progress.report("compress", version.label, 0, config.epochs)
        before = _accuracy(model, *validation)
        pruned = _prune(job, version.label, model, train, validation)
        after = _accuracy(pruned, *validation)
        facts = {
            "validation_accuracy": after,
            "validation_accuracy_before": before,
            "sparsity": masks.overall(pruned),
            "sparsity_before": before_sparsity,
            "parameters_before": model.count_params(),
        }
        run.metrics(facts)
        run.json("sparsity_by_layer.json", masks.sparsity(pruned))
        if before - after > config.max_drop:
            run.tags(
                {
                    "bequest.outcome": f"pruning {version.label} was undone: validation accuracy fell from {before:.4f} "
                    f"to {after:.4f}, allowed {config.max_drop}"
                }
            )
            return ancestor
        return derive(
            job, run, key, pruned, operation="pruned", parents=[parent(version)], solution=solution, data=used, facts=facts
        )


def _prune(job: Job, label: str, model: Any, train: Pair, validation: Pair) -> Any:
    """The smaller network, recovered: with zeros among its weights, or with fewer channels."""
    from tasks.methods.networks.fit import FitSettings, fit
    from tasks.methods.pruning.channels import prune_channels
    from tasks.methods.pruning.gradual import prune
    from tasks.methods.pruning.masks import Masks

    config = job.recipe.compress.prune
    assert config is not None

    def tell(epoch: int, logs: dict[str, float]) -> None:
        figure = f"sparsity {logs['sparsity']:.2f}" if "sparsity" in logs else note(logs)
        progress.report("compress", label, epoch, config.epochs, figure)

    batch_size, rate, seed = job.recipe.train.batch_size, config.learning_rate, job.recipe.seed
    if config.pattern == "channels":
        small = prune_channels(model, config.sparsity)
        settings = FitSettings(
            epochs=config.epochs, batch_size=batch_size, learning_rate=rate, seed=seed, patience=config.epochs
        )
        fit(small, train, validation, settings, masks=Masks.of(small), on_epoch=tell)
        return small
    return prune(
        model,
        config.sparsity,
        train,
        validation,
        config.epochs,
        batch_size,
        rate,
        seed,
        on_epoch=tell,
        criterion=config.criterion,
        budget=config.budget,
        schedule=config.schedule,
        m_by_n=(2, 4) if config.pattern == "2:4" else None,
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


def _accuracy(model: Any, x: np.ndarray, y: np.ndarray) -> float:
    from tasks.methods.networks.predict import predict

    return float((predict(model, x).argmax(axis=1) == y).mean())


@stage_task
def compress(job: Job, key: str, ancestor: ModelRef, data: DataRef) -> ModelRef:
    """Runs `prune_ancestor` as a Prefect task."""
    return prune_ancestor(job, key, ancestor, data)
