"""Features side by side."""

from collections.abc import Sequence
from typing import Any

from tasks.methods.fusion.deep.joins.base import joins


@joins.register("concatenation", reference="Ngiam et al., 2011, section 3; doi:10.1109/TPAMI.2018.2798607, early fusion")
def concatenation(features: Sequence[Any], units: int, seed: int) -> Any:
    """h = [f_1; ...; f_m].

    A linear head on it is the sum of linear heads on each, so that it can start from the members' own (see `run`).

    Args:
        features: Keras tensors [n, d_i].
        units: Not used.
        seed: Not used: nothing is drawn.

    Returns:
        [n, sum d_i].
    """
    from tasks.methods.backend import keras

    return keras.layers.Concatenate(name="fusion_features")(list(features))
