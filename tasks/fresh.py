"""The recipe's own network, from scratch: what an heir has to beat."""

from typing import Any

from tasks.data.dataset import DataSet
from tasks.data.transform import picture_view
from tasks.recipe.schema import Recipe

BOTH = "side_by_side"  # of a table with a column of pictures


def architecture_of(recipe: Recipe, rows: DataSet) -> str:
    """What `model.architecture: auto` comes to on these rows."""
    if recipe.model.architecture != "auto":
        return recipe.model.architecture
    if picture_view(rows.preprocessing) is not None:
        return BOTH
    return "cnn" if rows.card.modality == "image" else "mlp"


def fresh(recipe: Recipe, rows: DataSet) -> Any:
    """A new network for the target's rows and classes, its weights determined by the recipe's seed."""
    from tasks.methods.networks.architectures import build

    shape, architecture = recipe.model, architecture_of(recipe, rows)
    view = picture_view(rows.preprocessing)
    if architecture == BOTH and view is not None:
        from tasks.methods.networks.views import View, side_by_side

        (width,), (start, size) = rows.card.input_shape, view
        return side_by_side(
            View(width, 0, (start,)),
            View(width, start, size),
            len(rows.card.classes),
            hidden=shape.hidden,
            filters=shape.filters,
            dropout=shape.dropout,
            seed=recipe.seed,
        )
    return build(
        architecture,
        rows.card.input_shape,
        len(rows.card.classes),
        hidden=shape.hidden,
        filters=shape.filters,
        dropout=shape.dropout,
        seed=recipe.seed,
    )
