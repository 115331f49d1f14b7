"""Several networks as one: what a combiner makes of their probabilities, in a single flat graph."""

from collections.abc import Sequence

from tasks.methods.backend import keras
from tasks.methods.fusion.combiners.base import Combiner
from tasks.methods.networks.graph import to_functional
from tasks.methods.networks.replay import Replay


def fuse_models(members: Sequence[keras.Model], combiner: Combiner) -> keras.Model:
    """One model that computes `combiner` on the members' outputs, their weights copied.

    Built-in layers and `NaturalLog` only, so the result is saved, loaded in safe mode, trained further and converted like any
    other network. Members whose share is 0 are left out.

    Args:
        members: Networks with one input of the same shape and a softmax over the same classes; they are not changed.
        combiner: As fitted on these members' predictions, in the same order.

    Returns:
        A flat functional model; layers of member i are named `m<i>_...`. A plain copy where nothing is left to combine.

    Raises:
        ValueError: Members do not fit together, or the combiner is not theirs.
    """
    shares = combiner.shares
    if len(members) == 0 or shares.shape != (len(members),):
        raise ValueError(
            f"Invalid `combiner`. Expected one that was fitted on {len(members)} members, at least one. "
            f"Received: one of {len(shares)}."
        )
    kept = [(index, model) for index, (model, share) in enumerate(zip(members, shares, strict=True)) if share > 0]
    require_alike([model for _, model in kept])
    first = kept[0][1]
    said = [keras.Input(model.outputs[0].shape[1:], name=f"m{index}_said") for index, model in kept]
    combined = combiner.graph(said)
    if combined is said[0]:
        return to_functional(first)
    inputs = keras.Input(first.inputs[0].shape[1:], dtype=first.inputs[0].dtype, name="input")
    outputs = [Replay(rename=f"m{index}_".__add__).run(model, [inputs])[0] for index, model in kept]
    taken = [layer.name for layer in keras.Model(inputs, outputs).layers]
    fused = Replay(taken=taken).run(keras.Model(said, combined), outputs)
    return keras.Model(inputs, fused, name="fused")


def require_alike(members: Sequence[keras.Model]) -> None:
    """Refuses members that can't share rows and classes.

    Raises:
        ValueError: One has several inputs or outputs, or their shapes differ.
    """
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
