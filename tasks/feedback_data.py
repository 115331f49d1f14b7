"""What a retraining learns from beside the new batch, by the recipe's policy."""

from typing import Any

from tasks.recipe.feedback_schema import Feedback


def kept(batches: list[Any], config: Feedback) -> list[Any]:
    """The batches that stay, oldest first, the new one last."""
    return batches[-config.windows :] if config.data == "sliding" else batches


def with_batch(data: dict[str, Any], batch: str, config: Feedback) -> dict[str, Any]:
    """A recipe's `data` section with a batch added.

    Under `weighted` the reference is thinned: its rows are a share [start, end) of a seeded shuffle, of which the first part is
    kept, so old rows count the less the more retrainings have passed, and every batch stays whole.

    Args:
        data: The section as it was run.
        batch: The new batch.
        config: The recipe's feedback section.
    """
    added = data | {"append": kept([*data["append"], batch], config)}
    if config.data == "weighted":
        rows = data["rows"]
        end = round(rows["start"] + config.keep * (rows["end"] - rows["start"]), 6)
        added["rows"] = rows | {"end": max(end, rows["start"] + 1e-3)}
    return added
