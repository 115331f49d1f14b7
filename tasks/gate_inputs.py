"""What the recipe's gate names, held against the prepared data set before anything is trained."""

from model_registry.reference import DataRef
from tasks.data.dataset import DataSet
from tasks.data.golden import read_golden
from tasks.gate_alone import check_slices
from tasks.recipe.schema import Recipe


def check_gate(recipe: Recipe, data: DataRef) -> None:
    """Looks for the columns to slice by, and reads the golden set.

    Args:
        recipe: Its section on the gate counts.
        data: The recipe's data set.

    Raises:
        InputError: A column is none of the features, or the golden set can't be used.
    """
    gate = recipe.evaluate.gate
    if not gate.slices.by and gate.golden is None:
        return
    rows = DataSet.open(data)
    check_slices(gate.slices, rows.card, rows.preprocessing)
    if gate.golden is not None:
        read_golden(gate.golden, rows.card, rows.preprocessing)
