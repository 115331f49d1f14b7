"""How far a network's feature maps are from those it started with, each channel weighed by how much it is needed."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.methods.backend import keras, tf
from tasks.methods.networks.feature_tensors import require_flat
from tasks.methods.networks.graph import head_layers, to_functional
from tasks.methods.networks.predict import predict
from tasks.methods.networks.rows import Rows, checked
from tasks.methods.pruning.masks import kernels
from tasks.methods.transfer.attention import attention, loss_increases
from tasks.methods.transfer.lesson import Step
from tasks.methods.transfer.objectives.base import Unsuited

_MOST_LAYERS = 4  # as in the paper, one for each size of its feature maps
_ROWS = 256
_FOLLOWING = (keras.layers.BatchNormalization, keras.layers.Activation, keras.layers.ReLU, keras.layers.LeakyReLU)


class FeatureMaps:
    """The term mean_l sum_j W_lj mean_{rows, positions} (FM_lj(w, x) - FM_lj(w^0, x))^2 / v_l.

    Args:
        model: The heir, flat; its weights as they are now are w^0.
        judge: The same network under a head that tells the target's classes apart; it gives W, and is not changed.
        train: x float32 [n, ...] and y, class indices [n]: the rows that W and v are read on.
        seed: Draws those.

    Raises:
        Unsuited: The network has no hidden layer.
    """

    variables: Sequence[Any] = ()

    def __init__(self, model: keras.Model, judge: keras.Model, train: Rows, seed: int) -> None:
        require_flat(model)
        names = matched_layers(model)
        if not names:
            raise Unsuited(
                "Invalid `model`. Expected a network with a hidden layer, whose features can be matched. "
                f"Received: {model.name!r}, which has none."
            )
        rows = checked("train", train, model)
        start = to_functional(model)
        self.tensors: Sequence[Any] = [_after(model.get_layer(name)) for name in names]
        self._start = keras.Model(start.inputs, [_after(start.get_layer(name)) for name in names])
        by_position = [name for name, layer in zip(_hidden(judge), _hidden(model), strict=True) if layer in names]
        attentions = [attention(loss_increases(judge, name, rows, seed)) for name in by_position]
        chosen = rows[0][np.random.default_rng([seed, 6]).permutation(len(rows[0]))[:_ROWS]]
        spreads = [_variance(predict(keras.Model(start.inputs, tensor), chosen)) for tensor in self._start.outputs]
        self._weights = [tf.constant(each / v, tf.float32) for each, v in zip(attentions, spreads, strict=True)]

    def __call__(self, step: Step) -> Any:
        """The term, on a step's rows; the features at the start are read in inference mode."""
        before = tf.nest.flatten(self._start(step.x, training=False))
        return tf.add_n(
            [
                tf.reduce_mean(tf.reduce_sum(weight * tf.math.squared_difference(now, then), axis=-1))
                for now, then, weight in zip(step.tensors, before, self._weights, strict=True)
            ]
        ) / len(self._weights)


def matched_layers(model: keras.Model) -> list[str]:
    """Names of at most four hidden layers with kernels, spread over the depth; the last one is among them."""
    hidden = _hidden(model)
    count = min(_MOST_LAYERS, len(hidden))
    return [hidden[(len(hidden) * (number + 1)) // count - 1] for number in range(count)]


def _hidden(model: keras.Model) -> list[str]:
    heads = {layer.name for layer in head_layers(model)}
    return [name for name in kernels(model) if name not in heads]


def _after(layer: keras.layers.Layer) -> Any:
    """What a layer makes, with the normalisation and activation that follow, where nothing else reads it before."""
    readers = [node.layer for node in layer._outbound_nodes]
    if len(readers) == 1 and isinstance(readers[0], _FOLLOWING):
        return _after(readers[0])
    return layer.output


def _variance(maps: np.ndarray) -> float:
    """Mean variance of the channels over rows and positions; 1 where nothing ever moves."""
    found = float(np.var(maps.reshape(-1, maps.shape[-1]), axis=0, dtype=np.float64).mean())
    return found if found > 0 else 1.0
