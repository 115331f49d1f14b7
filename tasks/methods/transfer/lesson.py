"""An objective's term as the training loop takes it: `cross-entropy + lambda * term`, the term made of a step's rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from tasks.methods.backend import keras, tf
from tasks.methods.networks.rows import Rows

_MEASURED_ROWS = 1024
_BATCH_SIZE = 128


@dataclass(frozen=True)
class Step:
    """The rows of one step; all arrays are tensors.

    Attributes:
        x: The heir's rows, float32 [b, ...].
        tensors: What the heir's network makes of them, one for each of the term's `tensors`, [b, ...].
        source_tensors: What it makes of as many source rows; empty unless the term reads them.
        source_labels: Class indices of those, int64 [b]; None likewise.
    """

    x: Any
    tensors: list[Any]
    source_tensors: list[Any]
    source_labels: Any = None


class Term(Protocol):
    """What an objective adds to the loss of a step.

    Attributes:
        tensors: Those of the network's own graph that it reads.
        variables: Learned beside the model's own, and thrown away afterwards.
    """

    tensors: Sequence[Any]
    variables: Sequence[Any]

    def __call__(self, step: Step) -> Any:
        """The term, a number, float32 []; runs inside the compiled loop."""


class TransferLesson:
    """The `Lesson` of one objective (see `tasks.methods.networks.loop`).

    Args:
        model: The network that learns; flat where the term reads tensors.
        term: What is added.
        strength: Lambda, >= 0.
        source_rows: x float32 [m, ...] and y int64 [m]: one is drawn beside each row of the heir's, with replacement, and
            seen as it is. They are normalised by their own batch's statistics, and leave none behind (as in Li et al.,
            arXiv:1603.04779).
        seed: Draws the source rows.
    """

    def __init__(
        self, model: keras.Model, term: Term, strength: float, *, source_rows: Rows | None = None, seed: int = 0
    ) -> None:
        self.strength, self.variables = strength, list(term.variables)
        self._term, self._seed, self._rng = term, seed, np.random.default_rng([seed, 2])
        self._forward = keras.Model(model.inputs, [model.outputs[0], *term.tensors]) if term.tensors else model
        self._statistics = _statistics(model)
        self._rows = None
        self.specs: list[Any] = []
        if source_rows is not None:
            self._rows = np.asarray(source_rows[0], np.float32), np.asarray(source_rows[1], np.int64)
            self.specs = [tf.TensorSpec([None, *self._rows[0].shape[1:]], tf.float32), tf.TensorSpec([None], tf.int64)]

    @property
    def moves_backbone_alone(self) -> bool:
        """Whether the term tells nothing to a head that is trained on frozen features."""
        return bool(self._term.tensors) and not self.variables

    def targets(self, seen: np.ndarray, index: np.ndarray) -> Sequence[np.ndarray]:
        """A source row and its label for each of the rows `index`; nothing where none are read."""
        return self._drawn(len(index), self._rng)

    def losses(self, x: Any, labels: Any, targets: list[Any]) -> tuple[Any, Any, Any]:
        """Probabilities [b, k] in training mode, each row's cross-entropy [b], and lambda times the term."""
        probabilities, step = self._step(x, targets, training=True)
        losses = keras.losses.sparse_categorical_crossentropy(labels, probabilities)
        return probabilities, losses, self.strength * self._term(step)

    def measure(self, x: np.ndarray) -> float:
        """The term as the network stands, in inference mode: its mean over batches of 128 of at most 1,024 rows.

        Args:
            x: The heir's training rows, float32 [n, ...].
        """
        rng = np.random.default_rng([self._seed, 3])
        chosen = rng.permutation(len(x))[:_MEASURED_ROWS]

        def term(x: Any, *targets: Any) -> Any:
            return self._term(self._step(x, list(targets), training=False)[1])

        signature = [tf.TensorSpec([None, *x.shape[1:]], tf.float32), *self.specs]
        compiled = tf.function(term, input_signature=signature)
        parts = [chosen[start : start + _BATCH_SIZE] for start in range(0, len(chosen), _BATCH_SIZE)]
        values = [float(compiled(x[part], *self._drawn(len(part), rng))) for part in parts]
        return float(np.average(values, weights=[len(part) for part in parts]))

    def _step(self, x: Any, targets: list[Any], *, training: bool) -> tuple[Any, Step]:
        if not self._term.tensors:
            return self._forward(x, training=training), Step(x, [], [])
        probabilities, *tensors = self._forward(x, training=training)
        if self._rows is None:
            return probabilities, Step(x, tensors, [])
        kept = [variable.read_value() for variable in self._statistics]
        _, *of_source = self._forward(targets[0], training=training)
        for variable, value in zip(self._statistics, kept, strict=True):
            variable.assign(value)
        return probabilities, Step(x, tensors, of_source, targets[1])

    def _drawn(self, count: int, rng: np.random.Generator) -> Sequence[np.ndarray]:
        if self._rows is None:
            return ()
        index = rng.integers(len(self._rows[0]), size=count)
        return [array[index] for array in self._rows]


def _statistics(model: keras.Model) -> list[Any]:
    """Moving means and variances, which a pass in training mode would lead to its own rows'."""
    layers = model._flatten_layers(include_self=False, recursive=True)
    normalising = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    return [variable for layer in normalising for variable in (layer.moving_mean, layer.moving_variance)]
