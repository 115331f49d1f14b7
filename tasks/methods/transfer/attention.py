"""How much the target needs each channel of an ancestor's layer: what its loss is without it (Li et al., 2019)."""

from typing import Any

import numpy as np
from scipy.special import softmax

from tasks.methods.backend import keras, tf
from tasks.methods.networks.rows import Rows
from tasks.methods.pruning.masks import kernels, output_axes

_ROWS_AT_MOST, _ROWS_AT_LEAST = 256, 16
_CHANNEL_ROWS = 8_192  # forward passes of one row that a layer of up to 512 channels may cost


def attention(increases: np.ndarray) -> np.ndarray:
    """W_j = softmax_j(increase of the loss without channel j) (arXiv:1901.09229, equation 7).

    Args:
        increases: float [channels], nats.

    Returns:
        float64 [channels], >= 0, of sum 1.
    """
    weights: np.ndarray = softmax(np.asarray(increases, np.float64))
    return weights


def loss_increases(model: keras.Model, layer: str, rows: Rows, seed: int) -> np.ndarray:
    """How much the mean cross-entropy grows where one channel of a layer is switched off, for each of them.

    Its weights and its bias are set to 0, one channel at a time, in inference mode; afterwards they are as they were.

    Args:
        model: A classifier.
        layer: Name of a layer with a kernel.
        rows: x float32 [n, ...] and y int64 [n]; 256 of them are drawn where there are more, fewer for a wide layer.
        seed: Draws the rows.

    Returns:
        float64 [channels], nats.
    """
    kernel, bias = kernels(model)[layer], _bias(model.get_layer(layer))
    channels = int(kernel.shape[output_axes(model)[layer]])
    shape = [channels, 1] if output_axes(model)[layer] == -2 else [channels]
    count = int(np.clip(_CHANNEL_ROWS // channels, _ROWS_AT_LEAST, _ROWS_AT_MOST))
    chosen = np.random.default_rng([seed, 5]).permutation(len(rows[0]))[:count]

    def loss(x: Any, y: Any) -> Any:
        return tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, model(x, training=False)))

    def increases(x: Any, y: Any) -> Any:
        whole, offsets = kernel.read_value(), [each.read_value() for each in bias]
        before, found = loss(x, y), tf.TensorArray(tf.float32, channels)
        for channel in tf.range(channels):
            keep = 1.0 - tf.one_hot(channel, channels)
            kernel.assign(whole * tf.reshape(keep, shape))
            for each, offset in zip(bias, offsets, strict=True):
                each.assign(offset * keep)
            found = found.write(channel, loss(x, y) - before)
        kernel.assign(whole)
        for each, offset in zip(bias, offsets, strict=True):
            each.assign(offset)
        return found.stack()

    signature = [tf.TensorSpec([None, *rows[0].shape[1:]], tf.float32), tf.TensorSpec([None], tf.int64)]
    found = tf.function(increases, input_signature=signature)(rows[0][chosen], rows[1][chosen])
    return np.asarray(found.numpy(), np.float64)


def _bias(layer: keras.layers.Layer) -> list[Any]:
    return [layer.bias] if getattr(layer, "use_bias", False) else []
