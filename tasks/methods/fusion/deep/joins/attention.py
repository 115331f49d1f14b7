"""Attention over members: one share a member and row."""

from collections.abc import Sequence
from typing import Any

from tasks.methods.fusion.deep.joins.base import dense, joins, stacked, summed


@joins.register("attention", reference="additive attention: Bahdanau et al., 2015, arXiv:1409.0473; pooling: arXiv:1802.04712")
def attention(features: Sequence[Any], units: int, seed: int) -> Any:
    """h = sum_i a_i u_i, with u_i = W_i f_i and a = softmax over members of v' tanh(U u_i).

    Args:
        features: Keras tensors [n, d_i].
        units: Width of u_i, and of the space in which they are looked at.
        seed: Of W_i, U and v.

    Returns:
        [n, units].
    """
    from tasks.methods.backend import keras

    layers, count = keras.layers, len(features)
    placed = [dense(units, None, f"place_{number}", seed + number)(each) for number, each in enumerate(features)]
    members = stacked(placed, "members")
    looked_at = dense(units, "tanh", "look", seed + count)(members)
    shares = layers.Softmax(axis=1, name="fusion_shares")(dense(1, None, "score", seed + count + 1)(looked_at))
    return summed(layers.Multiply(name="fusion_heard")([members, shares]), "features")
