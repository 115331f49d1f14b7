"""Gates that all features open together say how much of each member's word is heard."""

from collections.abc import Sequence
from typing import Any

from tasks.methods.fusion.deep.joins.base import dense, joins, stacked, summed


@joins.register("gated", reference="gated multimodal unit: Arevalo et al., 2017, arXiv:1702.01992, section 3.1")
def gated(features: Sequence[Any], units: int, seed: int) -> Any:
    """h = sum_i z_i * tanh(W_i f_i), with gates z_ij = exp(a_ij) / sum_l exp(a_lj), a = G [f_1; ...; f_m].

    Each of the joint features has gates of its own; they sum to one over the members.

    Args:
        features: Keras tensors [n, d_i].
        units: Width of the joint features.
        seed: Of W_i and G.

    Returns:
        [n, units].
    """
    from tasks.methods.backend import keras

    layers, count = keras.layers, len(features)
    said = [dense(units, "tanh", f"place_{number}", seed + number)(each) for number, each in enumerate(features)]
    opened = dense(count * units, None, "gates", seed + count)(layers.Concatenate(name="fusion_all")(list(features)))
    gates = layers.Softmax(axis=1, name="fusion_shares")(layers.Reshape((count, units), name="fusion_by_member")(opened))
    heard = layers.Multiply(name="fusion_heard")([stacked(said, "said"), gates])
    return summed(heard, "features")
