"""A distillation as the training loop takes it: the teachers' word for each row, and the loss that is made of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.methods.backend import keras, tf
from tasks.methods.distillation.objectives import Batch, objectives
from tasks.methods.distillation.teachers import Taught, Teachers
from tasks.methods.networks.feature_tensors import as_vectors, feature_tensors


class DistilLesson:
    """The `Lesson` of one distillation (see `tasks.methods.networks.loop`).

    Args:
        student: A classifier; for an objective that reads features, a flat one.
        objective: A name in `objectives`.
        temperature: Divides the logits of both, > 0.
        alpha: Share of the teachers in the loss, [0, 1].
        taught: What the teachers say of the training rows as they are.
        online: Asked anew about the rows as the student sees them, where these change; None where they do not.
        seed: Seed of the linear map from the student's features to the teachers'.

    Raises:
        ValueError: The objective reads features, and there are none, or all rows have the same, or the student is nested.
    """

    def __init__(
        self,
        student: keras.Model,
        objective: str,
        temperature: float,
        alpha: float,
        taught: Taught,
        online: Teachers | None,
        seed: int,
    ) -> None:
        self._objective, self._temperature, self._alpha = objectives.get(objective), temperature, alpha
        self._online, self._scale = online, 1.0
        self._forward, self.variables = student, []
        if self._objective.needs_features:
            self._scale, size = _spread_and_size(taught)
            tensors = feature_tensors(student)
            self._forward = keras.Model(student.inputs, [student.outputs[0], *tensors])
            self.variables = _linear_map(sum(int(tensor.shape[-1]) for tensor in tensors), size, seed)
        self._fixed = self._arrays(taught)
        self.specs = [tf.TensorSpec([None, array.shape[1]], tf.float32) for array in self._fixed]

    def targets(self, seen: np.ndarray, index: np.ndarray) -> Sequence[np.ndarray]:
        """The teachers' probabilities float32 [m, k] for the rows seen, and their features float32 [m, d] where read."""
        if self._online is None:
            return [array[index] for array in self._fixed]
        return self._arrays(self._online(seen, features=self._objective.needs_features))

    def losses(self, x: Any, labels: Any, targets: list[Any]) -> tuple[Any, Any, Any]:
        """The student's probabilities [b, k] in training mode, each row's loss [b], and nothing that is added to them."""
        if not self._objective.needs_features:
            probabilities = self._forward(x, training=True)
            batch = Batch(labels, probabilities, targets[0], self._temperature, self._alpha)
            return probabilities, self._objective(batch), 0.0
        probabilities, *tensors = self._forward(x, training=True)
        kernel, bias = self.variables
        mapped = tf.matmul(as_vectors(tensors), kernel) + bias
        batch = Batch(labels, probabilities, targets[0], self._temperature, self._alpha, mapped, targets[1])
        return probabilities, self._objective(batch), 0.0

    def _arrays(self, taught: Taught) -> list[np.ndarray]:
        arrays = [np.asarray(taught.probabilities, np.float32)]
        if self._objective.needs_features:
            arrays.append(np.asarray(taught.features, np.float32) / np.float32(self._scale))
        return arrays


def _linear_map(inputs: int, outputs: int, seed: int) -> list[Any]:
    """Kernel and bias of a new linear map (Glorot & Bengio, 2010)."""
    limit = np.sqrt(6 / (inputs + outputs))
    kernel = np.random.default_rng(seed).uniform(-limit, limit, (inputs, outputs))
    return [tf.Variable(kernel, dtype=tf.float32), tf.Variable(tf.zeros(outputs))]


def _spread_and_size(taught: Taught) -> tuple[float, int]:
    """Root of the mean variance of the teachers' features, and how many there are."""
    if taught.features is None:
        raise ValueError("Invalid `teachers`. Expected features [n, d], as the objective reads them. Received: none.")
    spread = float(np.sqrt(np.var(taught.features, axis=0, dtype=np.float64).mean()))
    if not 0 < spread < np.inf:
        raise ValueError(
            "Invalid `teachers`. Expected features that are finite and differ from row to row. "
            f"Received: features of root mean variance {spread}."
        )
    return spread, taught.features.shape[1]
