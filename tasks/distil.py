"""The final training once more with teachers: kept where it does better than the same training without."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks import progress
from tasks.data.dataset import DataSet
from tasks.learning import augmenter, note, pairs
from tasks.stage import Job
from tasks.tracking import StageRun

if TYPE_CHECKING:
    from tasks.methods.networks.fit import FitSettings, History


def distilled(
    job: Job, run: StageRun, model: Any, networks: list[Any], rows: DataSet, settings: "FitSettings", control_loss: float
) -> "History | None":
    """Trains `model` from the weights it has, with teachers, and compares with the control without them.

    Both have the same start, settings and rows. Distillation can hurt a small student, so what it gives is never taken
    on trust: on equal validation loss the control stands.

    Args:
        job: The loop's run.
        run: The stage's MLflow run, which gets both figures and the agreement with the teachers.
        model: The network as it came in; afterwards it has the weights of its best epoch.
        networks: The teachers.
        rows: The target data set.
        settings: What the control was trained with.
        control_loss: Validation loss of the best weights without teachers.

    Returns:
        The history; None where the control did as well, or the training diverged.
    """
    from tasks.methods.distillation.agreement import agreement_weights, hard_agreement, soft_agreement
    from tasks.methods.distillation.distil import DistilSettings, distil
    from tasks.methods.distillation.teachers import Teachers
    from tasks.methods.networks.predict import predict
    from tasks.methods.pruning.masks import Masks

    config = job.recipe.train.distil
    assert config is not None
    asked = DistilSettings(objective=config.objective, temperature=config.temperature, alpha=config.alpha)
    train, validation = pairs(rows)
    teachers = Teachers(networks)
    weights = None
    if config.agreement_weights:
        labels = np.eye(len(rows.card.classes))[train[1]]
        weights = agreement_weights(soft_agreement(teachers(train[0]).probabilities, labels))
    run.params({f"distil.{name}": value for name, value in asdict(asked).items()})
    try:
        history = distil(
            model,
            teachers,
            train,
            validation,
            settings,
            asked,
            augment=augmenter(job, rows),
            masks=Masks.of(model),
            row_weights=weights,
            on_epoch=lambda epoch, logs: progress.report("train", "with teachers", epoch, settings.epochs, note(logs)),
        )
    except ValueError as error:  # the control stands
        run.tags({"bequest.outcome": f"distillation left out: {error}"})
        return None
    said, learned = teachers(validation[0]).probabilities, predict(model, validation[0])
    loss = history.best_validation_loss
    run.metrics(
        {
            "validation_loss_distilled": loss,
            "validation_loss_without_teachers": control_loss,
            "validation_accuracy_distilled": float((learned.argmax(axis=1) == validation[1]).mean()),
            "validation_accuracy_teachers": float((said.argmax(axis=1) == validation[1]).mean()),
            "soft_agreement": float(soft_agreement(said, learned).mean()),
            "hard_agreement": float(hard_agreement(said, learned).mean()),
        }
    )
    better = loss < control_loss
    run.tags(
        {
            "bequest.outcome": f"{'distilled' if better else 'distillation undone'}: validation loss {loss:.4f} with teachers, "
            f"{control_loss:.4f} without, at an equal budget"
        }
    )
    return history if better else None
