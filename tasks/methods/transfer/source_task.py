"""The source's own task, on its rows, through an heir's backbone and a head of its own."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.methods.backend import keras, tf
from tasks.methods.networks.feature_tensors import as_vectors, feature_tensors
from tasks.methods.networks.graph import features
from tasks.methods.networks.rows import Rows
from tasks.methods.transfer.lesson import Step
from tasks.methods.transfer.probe import solve_head

_ROWS = 1024
_HELD_BACK = 5  # one row of so many chooses the penalty of the head that is solved for


class SourceTask:
    """The term CE(source's labels, softmax(features @ v + b)), v and b learned along.

    Args:
        model: The heir, flat.
        rows: The source's x float32 [m, ...] and y, indices of its own classes [m].
        seed: Draws at most 1,024 rows to solve the first v and b on.
    """

    def __init__(self, model: keras.Model, rows: Rows, seed: int) -> None:
        self.tensors: Sequence[Any] = feature_tensors(model)
        chosen = np.random.default_rng([seed, 8]).permutation(len(rows[0]))[:_ROWS]
        x, y = features(model, np.asarray(rows[0], np.float32)[chosen]), np.asarray(rows[1], np.int64)[chosen]
        judged = np.arange(len(y)) % _HELD_BACK == 0
        learned = ~judged if len(y) > 1 else judged
        kernel, bias = solve_head((x[learned], y[learned]), (x[judged], y[judged]), int(np.max(rows[1])) + 1)
        self.variables: Sequence[Any] = [tf.Variable(kernel), tf.Variable(bias)]

    def __call__(self, step: Step) -> Any:
        """The term, on as many source rows as the step has."""
        kernel, bias = self.variables
        logits = tf.matmul(as_vectors(step.source_tensors), kernel) + bias
        losses = keras.losses.sparse_categorical_crossentropy(step.source_labels, logits, from_logits=True)
        return tf.reduce_mean(losses)
