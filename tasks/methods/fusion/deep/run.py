"""Builds a fusion network over members' backbones and trains it: the layers that join them first, perhaps all then."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.fusion.deep.joins import joins
from tasks.methods.networks.fit import FitSettings, History, fit
from tasks.methods.networks.fuse import require_alike
from tasks.methods.networks.graph import backbone, head_layers
from tasks.methods.networks.loop import Augment
from tasks.methods.networks.predict import predict
from tasks.methods.networks.replay import Replay
from tasks.methods.networks.rows import Rows

HEAD = "fusion_head"


@dataclass(frozen=True)
class DeeplyFused:
    """A trained fusion network.

    Attributes:
        model: One flat network; layers of member i are named `m<i>_...`, those that join them `fusion_...`.
        joined: How the layers that join features were trained, on features that stand still.
        tuned: How the whole was trained afterwards; None where it was not.
    """

    model: keras.Model
    joined: History
    tuned: History | None = None


def fuse_features(
    name: str,
    members: Sequence[keras.Model],
    train: Rows,
    validation: Rows,
    settings: FitSettings,
    *,
    units: int = 64,
    tune: FitSettings | None = None,
    augment: Augment | None = None,
) -> DeeplyFused:
    """Joins members by their features.

    Each member's features are read once, and the layers that join them are trained on these, without augmentation. With
    `concatenation` the head starts as the mean of the members' logits where they have linear heads, so that it is no worse on
    validation than their geometric mean. All training keeps the weights of the lowest validation loss.

    Args:
        name: A name in `joins`.
        members: Two networks or more, each with one input of the same shape and a softmax over the same classes.
        train: x float32 [n, ...] and y, class indices [n].
        validation: Likewise; decides when to stop and which weights to keep.
        settings: How the joining layers are trained; its `trainable` is not read.
        units: Width of joint features, where the way has one of its own.
        tune: How the whole network is trained afterwards; None: the members stay as they are.
        augment: Changes training rows anew in every epoch, with `tune`.

    Raises:
        ValueError: An unknown way, fewer than two members, or members that do not fit together.
    """
    join = joins.get(name)
    if len(members) < 2:
        raise ValueError(f"Invalid `members`. Expected at least two. Received: {len(members)}.")
    require_alike(members)
    backbones = [backbone(member) for member in members]
    seen, known = ([predict(each, x) for each in backbones] for x in (train[0], validation[0]))
    widths = [each.shape[1] for each in seen]
    classes = int(members[0].outputs[0].shape[-1])

    inputs = keras.Input((sum(widths),), name="features")
    parts = _parts(inputs, widths)
    top = keras.Model(inputs, _head(join(parts, units, settings.seed), classes, settings.seed), name="joined")
    if name == "concatenation":
        _start_from_heads(top, members)
    history = fit(
        top,
        (np.concatenate(seen, axis=1), train[1]),
        (np.concatenate(known, axis=1), validation[1]),
        replace(settings, trainable="all"),
    )
    model = _whole(members, backbones, join, units, classes, settings.seed)
    for layer in top.layers:
        if layer.weights:
            model.get_layer(layer.name).set_weights(layer.get_weights())
    tuned = fit(model, train, validation, replace(tune, trainable="all"), augment=augment) if tune else None
    return DeeplyFused(model, history, tuned)


def _parts(inputs: Any, widths: Sequence[int]) -> list[Any]:
    """The members' features out of one row, by layers: a network is trained on one input."""
    ends = np.cumsum(widths)
    return [
        keras.layers.Reshape((width,), name=f"part_{number}")(
            keras.layers.Cropping1D((int(end) - width, int(ends[-1] - end)), name=f"cut_{number}")(
                keras.layers.Reshape((int(ends[-1]), 1), name=f"line_{number}")(inputs)
            )
        )
        for number, (width, end) in enumerate(zip(widths, ends, strict=True))
    ]


def _head(joined: Any, classes: int, seed: int) -> Any:
    initial = keras.initializers.GlorotUniform(seed + 1000)
    return keras.layers.Dense(classes, activation="softmax", name=HEAD, kernel_initializer=initial)(joined)


def _whole(
    members: Sequence[keras.Model], backbones: Sequence[keras.Model], join: Any, units: int, classes: int, seed: int
) -> keras.Model:
    first = members[0].inputs[0]
    inputs = keras.Input(first.shape[1:], dtype=first.dtype, name="input")
    features = [Replay(rename=f"m{number}_".__add__).run(each, [inputs])[0] for number, each in enumerate(backbones)]
    return keras.Model(inputs, _head(join(features, units, seed), classes, seed), name="fused")


def _start_from_heads(top: keras.Model, members: Sequence[keras.Model]) -> None:
    """The mean of the members' logits, where each has one linear head on the features that its backbone gives."""
    heads = [head_layers(member) for member in members]
    if not all(len(found) == 1 and type(found[0]) is keras.layers.Dense and found[0].use_bias for found in heads):
        return
    kernels, biases = zip(*(found[0].get_weights() for found in heads), strict=True)
    kernel = np.concatenate(kernels) / len(members)
    layer = top.get_layer(HEAD)
    if kernel.shape == tuple(layer.kernel.shape):
        layer.set_weights([kernel, np.mean(biases, axis=0)])
