"""How large the training loss's gradient is for every weight that can be pruned."""

import numpy as np

from tasks.methods.backend import keras, tf
from tasks.methods.networks.rows import Rows
from tasks.methods.pruning.masks import kernels

MAX_ROWS = 2048  # more rows change scores less than the next epoch does
_BATCH_SIZE = 32


class Gradients:
    """The root mean square, over batches of 32 rows, of the gradient of the mean cross-entropy.

    Not the gradient over all rows: near the end of training that is close to zero for every weight, whether it matters or
    not. The network runs in inference mode, so nothing is random and nothing in it changes.

    Args:
        model: A classifier with one input and a softmax over the classes; its weights are read at each call.
    """

    def __init__(self, model: keras.Model) -> None:
        self._kernels = kernels(model)
        variables = list(self._kernels.values())

        def squares(x: tf.Tensor, y: tf.Tensor) -> list[tf.Tensor]:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                for variable in variables:  # frozen layers as well
                    tape.watch(variable)
                loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, model(x, training=False)))
            none = tf.UnconnectedGradients.ZERO
            return [tf.square(one) for one in tape.gradient(loss, variables, unconnected_gradients=none)]

        rows = tf.TensorSpec([None, *model.inputs[0].shape[1:]], model.inputs[0].dtype)
        self._squares = tf.function(squares, input_signature=[rows, tf.TensorSpec([None], tf.int64)])

    def __call__(self, rows: Rows, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """The gradient's size now.

        Args:
            rows: x float32 [n, ...] and y int64 [n], training rows; 2,048 of them are drawn where there are more.
            rng: Draws rows, and their order.

        Returns:
            Layer name -> float64, shape of its kernel, >= 0, in the loss's unit a unit of weight.
        """
        x, y = rows
        order = rng.permutation(len(x))[:MAX_ROWS]
        sums = {name: np.zeros(kernel.shape) for name, kernel in self._kernels.items()}
        batches = range(0, max(1, len(order) - len(order) % _BATCH_SIZE), _BATCH_SIZE)  # a part of a batch is noisier
        for start in batches:
            part = order[start : start + _BATCH_SIZE]
            for name, square in zip(sums, self._squares(x[part], y[part]), strict=True):
                sums[name] += square.numpy()
        return {name: np.sqrt(total / len(batches)) for name, total in sums.items()}
