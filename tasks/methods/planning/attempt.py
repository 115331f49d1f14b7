"""Makes the network that a candidate describes, each step followed by training that lets the rest recover."""

from collections.abc import Callable
from dataclasses import replace
from math import ceil

from tasks.methods.backend import keras
from tasks.methods.clustering.cluster import cluster
from tasks.methods.distillation.control import distil_with_control
from tasks.methods.distillation.distil import DistilSettings
from tasks.methods.distillation.teachers import Teachers
from tasks.methods.networks.batch_statistics import recalibrate
from tasks.methods.networks.fit import FitSettings, fit
from tasks.methods.networks.fold import fold_batch_normalization
from tasks.methods.networks.loop import Augment
from tasks.methods.networks.rows import Rows
from tasks.methods.planning.candidate import LONGER, Candidate
from tasks.methods.pruning.channels import prune_channels
from tasks.methods.pruning.gradual import prune
from tasks.methods.pruning.masks import Masks

OnStep = Callable[[str], None]


def attempt(
    model: keras.Model,
    candidate: Candidate,
    train: Rows,
    validation: Rows,
    settings: FitSettings,
    *,
    augment: Augment | None = None,
    on_step: OnStep | None = None,
) -> tuple[keras.Model, int]:
    """Compresses a copy of `model` step by step.

    Args:
        model: A trained classifier; it is not changed, and teaches where the candidate asks for it.
        candidate: What to do.
        train: x float32 [n, ...] and y, class indices [n].
        validation: Likewise; decides which weights each step keeps.
        settings: How to train in each step; its epochs are spent in every one, `LONGER` times over where the candidate says so.
        augment: Changes training rows where channels were taken.
        on_step: Called before each step with its title.

    Returns:
        The compressed network, and how many optimizer steps were spent: by a control without teacher too.

    Raises:
        ValueError: Rows do not fit the model, or a loss is not a number any more.
    """
    settings = replace(settings, epochs=settings.epochs * (LONGER if candidate.longer else 1))
    spent, each = 0, settings.epochs * ceil(len(train[0]) / settings.batch_size)
    common = (train, validation, settings.epochs, settings.batch_size, settings.learning_rate, settings.seed)
    patient = replace(settings, patience=settings.epochs)  # equal budgets: no attempt stops early
    small = model
    for (step, amount), title in zip(candidate.steps, candidate.titles, strict=True):
        if on_step:
            on_step(title)
        if step == "channels":
            small = prune_channels(small, amount)
            recalibrate(small, train[0], settings.seed)
            masks = Masks.of(small)
            if candidate.distil:
                asked = DistilSettings()
                distil_with_control(small, Teachers([model]), train, validation, patient, asked, augment=augment, masks=masks)
                spent += each
            else:
                fit(small, train, validation, patient, augment=augment, masks=masks)
        elif step == "sparsity":
            small = prune(small, amount, *common)
        else:
            small = cluster(fold_batch_normalization(small), int(amount), *common)  # conversion folds, too: clusters last
        spent += each
    return small, spent
