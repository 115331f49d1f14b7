"""The recipe's own network, from scratch: what an heir has to beat."""

from typing import Any

from tasks.data.dataset import DataSet
from tasks.recipe.schema import Recipe


def architecture_of(recipe: Recipe, rows: DataSet) -> str:
    """What `model.architecture: auto` comes to on these rows."""
    if recipe.model.architecture != "auto":
        return recipe.model.architecture
    return "cnn" if rows.card.modality == "image" else "mlp"


def fresh(recipe: Recipe, rows: DataSet) -> Any:
    """A new network for the target's rows and classes, its weights determined by the recipe's seed."""
    from tasks.methods.networks.architectures import build

    shape = recipe.model
    return build(
        architecture_of(recipe, rows),
        rows.card.input_shape,
        len(rows.card.classes),
        hidden=shape.hidden,
        filters=shape.filters,
        dropout=shape.dropout,
        seed=recipe.seed,
    )
