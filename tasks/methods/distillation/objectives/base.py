"""What every objective looks like: one step's rows, as student and teachers see them, to a loss for each row."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tasks.methods.registry import Methods

# A saturated softmax, and every int8 output, holds exact zeros. Small enough that log and its gradient stay exact for
# what float32 can tell from zero, large enough that 1 / SMALLEST times a step's gradient does not overflow.
SMALLEST = 1e-30


@dataclass(frozen=True)
class Batch:
    """The rows of one step; all arrays are tensors, so that an objective runs inside the compiled loop.

    Attributes:
        labels: Class indices, int64 [b].
        student: The student's class probabilities in training mode, float32 [b, k].
        teacher: The teachers' class probabilities, float32 [b, k].
        temperature: Divides the logits of both, > 0.
        alpha: Share of the teachers in the loss, [0, 1]; the labels have the rest.
        student_features: The student's features, mapped linearly to the teachers' size, float32 [b, d]; None unless the
            objective asks for features.
        teacher_features: The teachers' features, of mean variance 1, float32 [b, d]; None likewise.
    """

    labels: Any
    student: Any
    teacher: Any
    temperature: float
    alpha: float
    student_features: Any = None
    teacher_features: Any = None


RowLosses = Callable[[Batch], Any]


@dataclass(frozen=True)
class Objective:
    """One objective.

    Attributes:
        row_losses: The definition: a batch to each row's loss, float32 [b].
        needs_features: Whether it reads the features of a batch.
    """

    row_losses: RowLosses
    needs_features: bool = False

    def __call__(self, batch: Batch) -> Any:
        """Each row's loss, float32 [b], in nats."""
        return self.row_losses(batch)


def objective(*, needs_features: bool = False) -> Callable[[RowLosses], Objective]:
    """Makes the decorated definition an `Objective`; stands under `objectives.register`."""

    def make(row_losses: RowLosses) -> Objective:
        made = Objective(row_losses, needs_features)
        object.__setattr__(made, "__doc__", row_losses.__doc__)  # the definition's words, not the class's
        return made

    return make


objectives: Methods[Objective] = Methods("objective")


def log_softened(probabilities: Any, temperature: float) -> Any:
    """log softmax(z / T), with the logits z read off the probabilities: z = log p, up to a constant that cancels.

    Args:
        probabilities: float32 [b, k], >= 0; rows need not sum to 1, as those of an int8 network do not quite.
        temperature: T > 0.

    Returns:
        float32 [b, k], nats.
    """
    from tasks.methods.backend import tf

    return tf.nn.log_softmax(tf.math.log(tf.maximum(probabilities, SMALLEST)) / temperature)


def cross_entropy(labels: Any, probabilities: Any) -> Any:
    """-log of the label's probability, as training without a teacher has it.

    Args:
        labels: Class indices, int64 [b].
        probabilities: float32 [b, k].

    Returns:
        float32 [b], nats.
    """
    from tasks.methods.backend import keras

    return keras.losses.sparse_categorical_crossentropy(labels, probabilities)
