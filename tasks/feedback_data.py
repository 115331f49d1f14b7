"""What a retraining learns from beside the new batch, by the recipe's policy."""

from typing import Any

from tasks.recipe.feedback_schema import Feedback


def kept(batches: list[Any], config: Feedback) -> list[Any]:
    """The batches that stay, oldest first, the new one last."""
    return batches[-config.windows :] if config.data == "sliding" else batches


def with_batches(data: dict[str, Any], batches: list[str], config: Feedback) -> dict[str, Any]:
    """A recipe's `data` section with batches added.

    Under `weighted` the reference is thinned: its rows are a share [start, end) of a seeded shuffle, of which the first part is
    kept, so old rows count the less the more retrainings have passed, and every batch stays whole.

    Args:
        data: The section as it was run.
        batches: Labelled batches of production so far, oldest first, the new one last; those that the section has already
            among them.
        config: The recipe's feedback section.
    """
    elsewhere = [each for each in data["append"] if each not in batches]  # such as those the user appended
    added = data | {"append": kept([*elsewhere, *batches], config)}
    if config.data == "weighted":
        rows = data["rows"]
        end = round(rows["start"] + config.keep * (rows["end"] - rows["start"]), 6)
        added["rows"] = rows | {"end": max(end, rows["start"] + 1e-3)}
    return added
