"""Features in one space, added."""

from collections.abc import Sequence
from typing import Any

from tasks.methods.fusion.deep.joins.base import dense, joins


@joins.register("addition", reference="sum fusion: Feichtenhofer et al., 2016, arXiv:1604.06573, eq. 1")
def addition(features: Sequence[Any], units: int, seed: int) -> Any:
    """h = relu(sum_i (W_i f_i + b_i)): features of different widths meet in a space that is learned.

    Args:
        features: Keras tensors [n, d_i].
        units: Width of that space.
        seed: Of W_i.

    Returns:
        [n, units].
    """
    from tasks.methods.backend import keras

    placed = [dense(units, None, f"place_{number}", seed + number)(each) for number, each in enumerate(features)]
    return keras.layers.ReLU(name="fusion_features")(keras.layers.Add(name="fusion_sum")(placed))
