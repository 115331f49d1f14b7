"""What an heir starts from: its ancestor's network on the target's rows, under the head that the target needs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model_registry.versions import Version
from tasks.adapt import adapted
from tasks.data.dataset import DataSet
from tasks.derive import KERAS_FILE
from tasks.solution import Solution
from tasks.stage import Job


@dataclass(frozen=True)
class Origin:
    """Where every heir of one ancestor starts; equal for all of them, so that their weights can be merged.

    Attributes:
        model: The network to train, flat.
        network: The ancestor's own, taking the target's rows, under its own head.
        head_kept: Whether the ancestor tells the very same classes apart, so that its head stays.
        recalibrated: Layers whose statistics were measured anew on the target's training rows.
    """

    model: Any
    network: Any
    head_kept: bool
    recalibrated: int


def origin_of(job: Job, version: Version, folder: Path, solution: Solution, rows: DataSet, x: np.ndarray) -> Origin:
    """Leads an ancestor's network to the target's rows and classes, without any training.

    Args:
        job: The loop's run.
        version: The ancestor.
        folder: Its files, verified.
        solution: What it hands down.
        rows: The target data set.
        x: The training rows that statistics are measured anew on, where the recipe says so: float32 [n, ...].

    Raises:
        InputError: The ancestor can't take the target's input.
    """
    from tasks.methods.networks import store
    from tasks.methods.networks.batch_statistics import recalibrate

    network = adapted(job, version, store.load(folder / KERAS_FILE), solution, rows)
    measured = recalibrate(network, x, job.recipe.seed) if job.recipe.transfer.recalibrate else 0
    return origin_from(job, network, solution, rows, measured)


def origin_from(job: Job, network: Any, solution: Solution, rows: DataSet, recalibrated: int = 0) -> Origin:
    """The same of a network that takes the target's rows already.

    Args:
        job: The loop's run.
        network: The ancestor's; it is not changed.
        solution: What it hands down.
        rows: The target data set.
        recalibrated: Layers whose statistics were measured anew.
    """
    from tasks.methods.networks import surgery
    from tasks.methods.networks.graph import to_functional

    seed = job.recipe.seed
    head_kept = solution.card is not None and solution.card.classes == rows.card.classes
    if head_kept:
        model = to_functional(network)
    else:
        model = surgery.new_head(network, len(rows.card.classes), seed=seed, dropout=job.recipe.model.dropout)
    return Origin(model, network, head_kept, recalibrated)
