"""What the stages that train networks share: rows as pairs, augmentation, the facts a version records."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.data.augment import augment, augment_column
from tasks.data.dataset import DataSet
from tasks.data.transform import picture_view
from tasks.methods.metrics import evaluate as score
from tasks.solution import Solution
from tasks.stage import Job

if TYPE_CHECKING:
    from tasks.methods.networks.fit import History

Pair = tuple[np.ndarray, np.ndarray]


def pairs(rows: DataSet) -> tuple[Pair, Pair]:
    """(x, y) of the training split and of the validation split."""
    train, validation = rows.split("train"), rows.split("validation")
    return (train.x, train.y), (validation.x, validation.y)


def augmenter(job: Job, rows: DataSet) -> Any:
    """The recipe's augmentation of training pictures, or None where there is none to do."""
    config = job.recipe.preprocess.augment
    view = picture_view(rows.preprocessing)
    if (rows.card.modality != "image" and view is None) or not any(config.model_dump().values()):
        return None
    if view is not None:
        return lambda x, rng: augment_column(x, view, config, rng)
    return lambda x, rng: augment(x, config, rng)


def note(logs: dict[str, float]) -> str:
    """The figure a progress bar shows."""
    return f"validation loss {logs['validation_loss']:.3f}"


def curves(history: "History") -> dict[str, list[float]]:
    """The figures of a training by epoch, as MLflow and the plots take them."""
    return {
        name: getattr(history, name) for name in ("loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate")
    }


def validation_facts(model: Any, rows: DataSet) -> dict[str, float]:
    """Accuracy and log loss on validation, as every version made on the target records them."""
    from tasks.methods.networks.predict import predict

    validation = rows.split("validation")
    found = score(predict(model, validation.x), validation.y)
    return {"validation_accuracy": found["accuracy"], "validation_log_loss": found["log_loss"]}


def target_solution(job: Job, rows: DataSet, tuned: dict[str, Any] | None) -> Solution:
    """The solution that a version made on the target data hands down.

    Args:
        job: The loop's run.
        rows: The target data set.
        tuned: Hyper-parameters found best in the family so far.
    """
    return Solution(
        recipe=job.recipe.model_dump(mode="json"),
        card=rows.card,
        preprocessing=rows.preprocessing,
        contract=rows.contract,
        tuned=tuned,
    )
