"""How far weights are from where they started, each way weighed by its importance."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.methods.backend import keras, tf
from tasks.methods.networks.freeze import only
from tasks.methods.networks.graph import head_layers
from tasks.methods.transfer.lesson import Step

HEAD_SHARE = 0.1  # of the strength: what a new head's own weights are held to zero with


def inherited(model: keras.Model, head_kept: bool) -> tuple[list[Any], list[Any]]:
    """Weights that come from the ancestor, and those of a new head; without statistics, which no loss moves.

    Args:
        model: The heir.
        head_kept: Whether its head is the ancestor's.
    """
    with only(model, "all"):
        variables = list(model.trainable_variables)
    new = set() if head_kept else {id(variable) for layer in head_layers(model) for variable in layer.weights}
    return [each for each in variables if id(each) not in new], [each for each in variables if id(each) in new]


class FromStart:
    """The term 1/2 sum_j F_j (w_j - w_j^0)^2 + HEAD_SHARE/2 ||w_head||^2.

    Args:
        model: The heir; its weights as they are now are w^0.
        head_kept: Whether its head is the ancestor's, and so among w.
        importance: F, one array for each of the inherited weights; 1 where None.
    """

    tensors: Sequence[Any] = ()
    variables: Sequence[Any] = ()

    def __init__(self, model: keras.Model, head_kept: bool, importance: Sequence[np.ndarray] | None = None) -> None:
        shared, self._head = inherited(model, head_kept)
        weights = [1.0] * len(shared) if importance is None else [tf.constant(each, tf.float32) for each in importance]
        self._ways = [(now, tf.constant(now.numpy()), weight) for now, weight in zip(shared, weights, strict=True)]

    def __call__(self, step: Step) -> Any:
        """The term; it is the same for all rows."""
        way = tf.add_n(
            [tf.reduce_sum(weight * tf.square(now - start)) for now, start, weight in self._ways] or [tf.constant(0.0)]
        )
        head = tf.add_n([tf.reduce_sum(tf.square(each)) for each in self._head] or [tf.constant(0.0)])
        return (way + HEAD_SHARE * head) / 2
