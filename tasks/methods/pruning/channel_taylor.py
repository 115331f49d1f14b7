"""How much the loss would change without a channel, to first order (Molchanov et al., arXiv:1906.10771)."""

import numpy as np

from tasks.methods.backend import keras, tf
from tasks.methods.networks.graph import to_functional
from tasks.methods.networks.rows import Rows, checked
from tasks.methods.pruning.dependency_groups import dependencies, rule_of

_MAX_ROWS = 2048  # more rows change scores less than the next epoch does
_BATCH_SIZE = 32


def taylor(model: keras.Model, rows: Rows, seed: int) -> dict[str, np.ndarray]:
    """First-order Taylor scores of all channels, for `prune_channels(score=...)`.

    A gate of 1 before every kernel that reads channel c multiplies it; the loss's derivative by that gate is the sum of
    weight times gradient over the weights that read c. The score is its square, averaged over batches of 32 rows (equation
    8, gates after normalisation). Unlike the norm of a filter it knows what a BatchNormalization does afterwards, and
    whether anyone listens. The network runs in inference mode; nothing in it changes.

    Args:
        model: A classifier with one input and a softmax over the classes.
        rows: x float32 [n, ...] and y, class indices [n]: training rows, of which 2,048 are drawn where there are more.
        seed: Draws rows, and their order.

    Returns:
        Layer name -> float64 [its output channels], >= 0, in the squared unit of the loss. Where several layers make a
        channel together, each has an equal share of its score.

    Raises:
        ValueError: Rows that do not fit, or a model that is subclassed or was never built.
    """
    x, y = checked("rows", rows, model)
    flat = to_functional(model)
    found = dependencies(flat)
    readers = [layer for layer in flat.layers if (rule := rule_of(layer)) and rule.makes]
    kernels = [getattr(layer, "depthwise_kernel" if hasattr(layer, "depthwise_kernel") else "kernel") for layer in readers]

    def squares(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(kernels)  # frozen layers as well
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, flat(x, training=False)))
        gates = tf.zeros([found.channels])
        gradients = tape.gradient(loss, kernels, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        for layer, kernel, gradient in zip(readers, kernels, gradients, strict=True):  # [..., channels it reads, any]
            axes = [axis for axis in range(kernel.shape.rank) if axis != kernel.shape.rank - 2]
            changes = tf.reduce_sum(kernel * gradient, axes)
            gates += tf.math.unsorted_segment_sum(changes, found.read[layer.name], found.channels)
        return tf.square(gates)

    step = tf.function(squares, input_signature=[tf.TensorSpec([None, *x.shape[1:]]), tf.TensorSpec([None], tf.int64)])
    order = np.random.default_rng(seed).permutation(len(x))[:_MAX_ROWS]
    starts = range(0, max(1, len(order) - len(order) % _BATCH_SIZE), _BATCH_SIZE)  # a part of a batch is noisier
    parts = [order[start : start + _BATCH_SIZE] for start in starts]
    total = np.mean([step(x[part], y[part]).numpy().astype(np.float64) for part in parts], axis=0)
    producers = [name for group in found.groups for name in group.producers]
    shares = np.zeros(found.channels)
    for name in producers:
        np.add.at(shares, found.made[name], 1)
    return {name: total[found.made[name]] / shares[found.made[name]] for name in producers}
