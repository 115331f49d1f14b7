"""Several networks as one: the weighted average of their probabilities, in a single flat graph."""

from collections.abc import Sequence

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.networks.graph import to_functional
from tasks.methods.networks.replay import Replay


def fuse_models(members: Sequence[keras.Model], weights: Sequence[float]) -> keras.Model:
    """One model that computes `sum(w_i * member_i(x))`, members' weights copied.

    Built-in layers only (Rescaling and Add), so the result is saved, loaded in safe mode, trained further and converted
    like any other network. Members of weight 0 are left out; what stays is normalised to sum 1.

    Args:
        members: Networks with one input of the same shape and a softmax over the same classes; they are not changed.
        weights: One weight a member, not negative.

    Returns:
        A flat functional model; layers of member i are named `m<i>_...`. A plain copy where one member is left.

    Raises:
        ValueError: Weights or members do not fit together.
    """
    shares = _normalised(members, weights)
    kept = [(index, model, share) for index, (model, share) in enumerate(zip(members, shares, strict=True)) if share > 0]
    _require_alike([model for _, model, _ in kept])
    first = kept[0][1]
    if len(kept) == 1:
        return to_functional(first)
    inputs = keras.Input(first.inputs[0].shape[1:], dtype=first.inputs[0].dtype, name="input")
    outputs = []
    for index, model, share in kept:
        prefix = f"m{index}_"
        probabilities = Replay(rename=prefix.__add__).run(model, [inputs])[0]
        outputs.append(keras.layers.Rescaling(float(share), name=f"{prefix}weight")(probabilities))
    return keras.Model(inputs, keras.layers.Add(name="fused")(outputs), name="fused")


def _normalised(members: Sequence[keras.Model], weights: Sequence[float]) -> np.ndarray:
    values = np.asarray(weights, np.float64)
    if len(members) == 0 or values.shape != (len(members),):
        raise ValueError(
            f"Invalid `weights`. Expected one weight for each of {len(members)} members. Received: weights={weights}."
        )
    if not np.isfinite(values).all() or (values < 0).any() or values.sum() <= 0:
        raise ValueError(f"Invalid `weights`. Expected numbers >= 0 with a sum > 0. Received: weights={weights}.")
    shares: np.ndarray = values / values.sum()
    return shares


def _require_alike(members: list[keras.Model]) -> None:
    for model in members:
        if len(model.inputs) != 1 or len(model.outputs) != 1:
            raise ValueError(f"Invalid `members`. Expected one input and one output each. Received: {model.name!r} has more.")
    for what, shapes in (
        ("input", [tuple(model.inputs[0].shape[1:]) for model in members]),
        ("output", [tuple(model.outputs[0].shape[1:]) for model in members]),
    ):
        if len(set(shapes)) > 1:
            raise ValueError(
                f"Invalid `members`. Expected the same {what} shape for all; adapt inputs and give every member a head for "
                f"the same classes first. Received: {what} shapes {shapes}."
            )
