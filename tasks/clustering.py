"""The final model's weights clustered before it is converted; judged as served, and undone where that costs too much."""

from typing import Any

import numpy as np

from tasks import progress
from tasks.data.dataset import DataSet
from tasks.learning import augmenter, note, pairs
from tasks.stage import Job


def clustered(job: Job, label: str, model: Any, rows: DataSet, calibration: np.ndarray) -> tuple[Any, dict[str, Any], str]:
    """Clusters a network as the recipe says.

    BatchNormalization is folded first, as the conversion would do it afterwards, and so spread the clusters. Zeros stay.

    Args:
        job: The loop's run.
        label: What progress is reported of.
        model: The trained network; it is not changed.
        rows: The target data set.
        calibration: Rows of the training split.

    Returns:
        The network, clustered, or as it came in where the recipe asks for no clusters or they were undone; the step's figures;
        and why it was undone, or an empty text.
    """
    from tasks.methods.clustering.cluster import cluster
    from tasks.methods.networks.fold import fold_batch_normalization
    from tasks.methods.planning.served import Change, Served, first_served
    from tasks.methods.quantization.convert import convert

    config = job.recipe.compress.cluster
    if config is None:
        return model, {}, ""
    train, validation = pairs(rows)
    try:
        found = cluster(
            fold_batch_normalization(model),
            config.clusters,
            train,
            validation,
            config.epochs,
            job.recipe.train.batch_size,
            config.learning_rate,
            job.recipe.seed,
            init=config.init,
            augment=augmenter(job, rows),
            on_epoch=lambda epoch, logs: progress.report("convert", f"{label} clustered", epoch, config.epochs, note(logs)),
        )
        mode, before = first_served(model, (job.recipe.compress.quantize.mode, "float32"), calibration, validation)
        change = Change(before, Served.of(convert(found, mode, calibration), validation), job.recipe.seed)
    except ValueError as error:
        return model, {}, f"clustering undone: {error}"
    figures = {f"cluster_{name.replace('validation_', '')}": value for name, value in change.facts.items()}
    if not change.keeps_within(config.max_drop):
        return model, figures, f"clustering undone: {change} as {mode}, allowed {config.max_drop}"
    return found, figures | {"clusters": config.clusters}, ""
