"""The diagonal of the Fisher information: how much a network's predictions rest on each of its weights."""

from typing import Any

import numpy as np

from tasks.methods.backend import keras, tf
from tasks.methods.networks.predict import predict
from tasks.methods.transfer.objectives.base import Unsuited
from tasks.methods.transfer.start_point import inherited

_ROWS = 256
_ALL_CLASSES_UP_TO = 10


def fisher_diagonal(model: keras.Model, x: np.ndarray, variables: list[Any], seed: int) -> list[np.ndarray]:
    """F_jj = 1/n sum_i sum_k p_k(x_i) (d log p_k(x_i) / d w_j)^2 (Li et al., 2018, arXiv:1802.01483, section 3.2).

    With more than 10 classes one is drawn for each row by its probability, which estimates the inner sum without bias. The
    network runs in inference mode; nothing in it changes.

    Args:
        model: A classifier with a softmax over two or more classes.
        x: float32 [n, ...], of which 256 rows are drawn where there are more.
        variables: Weights of the model.
        seed: Draws rows and classes.

    Returns:
        One array for each of `variables`, float64, of its shape, >= 0.

    Raises:
        Unsuited: The network's outputs are no probabilities.
    """
    rng = np.random.default_rng([seed, 4])
    x = np.asarray(x[rng.permutation(len(x))[:_ROWS]], np.float32)
    probabilities = predict(model, x).astype(np.float64)
    _require_probabilities(model, probabilities)
    rows, classes = len(x), probabilities.shape[1]
    if classes <= _ALL_CLASSES_UP_TO:
        row, label, weight = np.repeat(np.arange(rows), classes), np.tile(np.arange(classes), rows), probabilities.ravel()
    else:
        row, weight = np.arange(rows), np.ones(rows)
        label = (probabilities.cumsum(axis=1) < rng.random((rows, 1)) * probabilities.sum(axis=1, keepdims=True)).sum(axis=1)

    def squares(x: Any, row: Any, label: Any, weight: Any) -> Any:
        totals = [tf.zeros(variable.shape) for variable in variables]
        for position in tf.range(tf.shape(row)[0]):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                for variable in variables:  # frozen layers as well
                    tape.watch(variable)
                said = model(x[row[position]][tf.newaxis], training=False)
                loss = tf.reduce_sum(keras.losses.sparse_categorical_crossentropy(label[position][tf.newaxis], said))
            gradients = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            totals = [total + weight[position] * tf.square(one) for total, one in zip(totals, gradients, strict=True)]
        return totals

    whole = [tf.TensorSpec([None], tf.int64), tf.TensorSpec([None], tf.int64), tf.TensorSpec([None], tf.float32)]
    compiled = tf.function(squares, input_signature=[tf.TensorSpec([None, *x.shape[1:]], tf.float32), *whole])
    return [total.numpy().astype(np.float64) / rows for total in compiled(x, row, label, weight.astype(np.float32))]


def importance(source: keras.Model, heir: keras.Model, head_kept: bool, x: np.ndarray, seed: int) -> list[np.ndarray]:
    """The Fisher information of the weights that an heir has from its source, scaled to mean 1 over all of them.

    Args:
        source: The ancestor's network, under its own head.
        heir: The same network, perhaps under a new head.
        head_kept: Whether the head is the same.
        x: Rows, float32 [n, ...].
        seed: As `fisher_diagonal`.

    Returns:
        One array for each of the heir's inherited weights, in their order.

    Raises:
        Unsuited: The source is no classifier, or no prediction of it rests on those weights.
        ValueError: The networks do not match.
    """
    _require_probabilities(source, predict(source, x[:1]))  # of a network without a head, the last layers would be missing
    theirs, _ = inherited(source, head_kept)
    ours, _ = inherited(heir, head_kept)
    if [tuple(each.shape) for each in theirs] != [tuple(each.shape) for each in ours]:
        raise ValueError(
            "Invalid `heir`. Expected the source's network, layer by layer, under its own head or a new one. "
            f"Received: {len(ours)} weights, where {source.name!r} has {len(theirs)}, or some of other shapes."
        )
    found = fisher_diagonal(source, x, theirs, seed)
    size = sum(each.size for each in found)
    mean = sum(each.sum() for each in found) / size if size else 0.0
    if not 0 < mean < np.inf:
        raise Unsuited(
            "Invalid `source`. Expected a network whose predictions rest on the weights it hands down. "
            f"Received: {source.name!r}, with mean Fisher information {mean}."
        )
    return [each / mean for each in found]


def _require_probabilities(model: keras.Model, found: np.ndarray) -> None:
    is_distribution = (
        found.ndim == 2 and found.shape[1] > 1 and (found >= 0).all() and np.allclose(found.sum(axis=1), 1, atol=1e-3)
    )
    if not is_distribution:
        raise Unsuited(
            "Invalid `source`. Expected a classifier with a softmax over two or more classes, as Fisher information is that of "
            f"its predictions. Received: {model.name!r}, with outputs of shape {list(found.shape)}."
        )
