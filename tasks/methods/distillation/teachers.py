"""Who a student learns from: one trained network or several, and what they say of given rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.distillation.flat_teacher import FlatTeacher
from tasks.methods.fusion.combiners import combine
from tasks.methods.networks.graph import backbone
from tasks.methods.networks.predict import predict


@dataclass(frozen=True)
class Taught:
    """What teachers say of some rows, in their order; made by `Teachers`, or by hand for a teacher of another kind.

    Attributes:
        probabilities: Class probabilities, float [n, k].
        features: What the objective `hint` matches, float [n, d].
    """

    probabilities: np.ndarray
    features: np.ndarray | None = None


class Teachers:
    """Trained classifiers of the same classes in the same order, and of the same rows; they are never changed.

    Args:
        models: One or more; flatbuffers can teach their probabilities, not their features.
        weights: How much each one's probabilities count, >= 0; scaled to sum 1. Alike where None.

    Raises:
        ValueError: No teacher, teachers of different classes or rows, or weights that do not fit.
    """

    def __init__(self, models: Sequence[keras.Model | FlatTeacher], weights: Sequence[float] | None = None) -> None:
        self.models = list(models)
        shapes = {_form(model) for model in self.models}
        if len(shapes) != 1:
            raise ValueError(
                "Invalid `models`. Expected at least one teacher, all for rows of the same shape and the same number of "
                f"classes. Received: {len(self.models)} teachers with (row shape, classes) {sorted(shapes, key=str)}."
            )
        shares = np.ones(len(self.models)) if weights is None else np.asarray(weights, np.float64)
        if shares.shape != (len(self.models),) or not np.isfinite(shares).all() or (shares < 0).any() or not shares.any():
            raise ValueError(
                f"Invalid `weights`. Expected {len(self.models)} finite numbers >= 0, one a teacher, not all of them 0. "
                f"Received: weights={list(weights) if weights is not None else None}."
            )
        self.weights = shares / shares.sum()
        self._backbones: list[keras.Model] | None = None

    def __call__(self, x: np.ndarray, *, features: bool = False) -> Taught:
        """What the teachers say of every row, in inference mode.

        Args:
            x: float32 [n, ...], as the teachers take them.
            features: Whether features are wanted, too.

        Returns:
            The weighted average of their probabilities, float32 [n, k] (a linear opinion pool: Jacobs et al., 1991), and
            their backbones' features side by side, float32 [n, d].

        Raises:
            ValueError: Rows of another shape, features of a flatbuffer, or a teacher whose probabilities are not finite.
        """
        probabilities = combine(np.stack([_asked(model, x) for model in self.models]), self.weights)
        if not features:
            return Taught(probabilities)
        if any(isinstance(model, FlatTeacher) for model in self.models):
            raise ValueError("Invalid `teachers`. Expected networks, as hints are features. Received: a flatbuffer.")
        if self._backbones is None:
            self._backbones = [backbone(model) for model in self.models]
        return Taught(probabilities, np.concatenate([predict(model, x) for model in self._backbones], axis=1))


def _form(model: keras.Model | FlatTeacher) -> tuple[tuple[int, ...], int]:
    """Shape of a row, and how many classes."""
    if isinstance(model, FlatTeacher):
        return model.form
    return tuple(model.inputs[0].shape[1:]), int(model.outputs[0].shape[-1])


def _asked(model: keras.Model | FlatTeacher, x: np.ndarray) -> np.ndarray:
    return model(x) if isinstance(model, FlatTeacher) else predict(model, x)
