"""Compiled passes over the rows of a data set: many steps in one graph call, so small networks are not held up by Python.

`model.fit` takes twice the processor time on data sets of a thousand rows, most of it between its steps.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tasks.methods.backend import keras, tf
from tasks.methods.networks.rows import Rows

if TYPE_CHECKING:
    from tasks.methods.pruning.masks import Masks

VALUES = ("loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate")
Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]
_CHUNK_BYTES = 64 * 2**20  # rows handed to one graph call: bounds memory where the data set is large


class Lesson(Protocol):
    """What training learns from besides the labels; validation keeps to cross-entropy.

    Attributes:
        variables: Learned beside the model's own.
        specs: One for each array that `targets` gives.
    """

    variables: list[Any]
    specs: list[Any]

    def targets(self, seen: np.ndarray, index: np.ndarray) -> Sequence[np.ndarray]:
        """What belongs to the rows `index` [m], of which the model sees `seen` [m, ...]; arrays [m, ...]."""

    def losses(self, x: Any, labels: Any, targets: list[Any]) -> tuple[Any, Any, Any]:
        """What a step's rows come to, in training mode; runs inside the compiled loop.

        Returns:
            The model's probabilities [b, classes], each row's loss [b], which row weights multiply, and a number that is
            added to their mean: a penalty on weights or features, 0 where there is none.
        """


class Loop:
    """Training and validation passes of one model with one optimizer.

    Args:
        model: Its `trainable` flags are read now; do not change them while the loop is used.
        optimizer: Built for the model's trainable variables.
        batch_size: Rows in a step.
        masks: Zeros to put back after every step.
        lesson: Gives the rows' losses in training; cross-entropy with the labels where None.
        shares: id of a variable -> its learning rate as a share of the optimizer's; 1 for those that are not named.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: Any,
        batch_size: int,
        masks: "Masks | None",
        lesson: Lesson | None = None,
        shares: Mapping[int, float] | None = None,
    ) -> None:
        self._batch_size, self._optimizer, self._lesson = batch_size, optimizer, lesson
        optimizer.build(_variables(model, lesson))
        pairs = masks.pairs(model) if masks else []
        rows = tf.TensorSpec([None, *model.inputs[0].shape[1:]], model.inputs[0].dtype)
        labels, weights = tf.TensorSpec([None], tf.int64), tf.TensorSpec([None], tf.float32)
        signature = [rows, labels, weights, *(lesson.specs if lesson else [])]
        train = _training(model, optimizer, batch_size, pairs, lesson, shares or {})
        self._train = tf.function(train, input_signature=signature)
        self._validate = tf.function(_validation(model, max(batch_size, 256)), input_signature=[rows, labels])

    def epoch(
        self, train: Rows, weights: np.ndarray, validation: Rows, rng: np.random.Generator, augment: Augment | None = None
    ) -> dict[str, float]:
        """One pass over the training rows, then one over the validation rows.

        Args:
            train: x float32 [n, ...], y int64 [n].
            weights: float32 [n], weight of each row in the loss.
            validation: Likewise.
            rng: Draws the order, and is handed to `augment`.
            augment: Changes training rows.

        Returns:
            A value for each of `VALUES`: training loss and accuracy as the weights changed, validation's after it, and
            the learning rate of its last step.
        """
        sums = (*self.learn(train, weights, rng, augment), *self.validate(validation))
        return dict(zip(VALUES, (*sums, float(self._optimizer.learning_rate)), strict=True))

    def validate(self, rows: Rows) -> tuple[float, float]:
        """Mean loss and accuracy in inference mode."""
        x, y = rows
        sums = np.sum([np.array(self._validate(x[part], y[part])) for part in _chunks(x, self._batch_size)], axis=0)
        return float(sums[0]) / len(x), float(sums[1]) / len(x)

    def learn(
        self, rows: Rows, weights: np.ndarray, rng: np.random.Generator, augment: Augment | None = None
    ) -> tuple[float, float]:
        """One pass over the training rows, as in `epoch`; mean loss and accuracy as the weights changed."""
        x, y = rows
        order = rng.permutation(len(x))
        sums = np.zeros(2)
        for part in _chunks(x, self._batch_size):
            index = order[part]
            seen = augment(x[index], rng).astype(np.float32, copy=False) if augment else x[index]
            targets = self._lesson.targets(seen, index) if self._lesson else ()
            sums += np.array(self._train(seen, y[index], weights[index], *targets))
        return float(sums[0]) / len(x), float(sums[1]) / len(x)


def reseed(model: keras.Model, seed: int) -> None:
    """Dropout and its like start from `seed`, whatever they were built with and however often they have run."""
    tf.random.set_seed(seed)
    layers = list(model._flatten_layers(include_self=False, recursive=True))
    for layer, own in zip(layers, np.random.SeedSequence(seed).generate_state(len(layers)).tolist(), strict=True):
        generator = getattr(layer, "_random_generator", None)
        if generator is not None:
            generator._seed, generator._built = own % 2**31, False


def diverged(epoch: int, log: dict[str, float], learning_rate: float) -> str:
    """What to tell a user whose loss is not a number any more."""
    return (
        f"Training diverged in epoch {epoch}: loss {log['loss']}, validation loss {log['validation_loss']}. "
        f"Invalid `learning_rate`. Expected one at which the loss stays finite; try {learning_rate / 10:.1g}. "
        f"Received: learning_rate={learning_rate:.3g}."
    )


def _chunks(x: np.ndarray, batch_size: int) -> Iterator[slice]:
    """Slices of whole batches, each of about `_CHUNK_BYTES`."""
    row_bytes = max(1, x[:1].nbytes)
    size = max(1, _CHUNK_BYTES // (row_bytes * batch_size)) * batch_size
    return (slice(start, start + size) for start in range(0, len(x), size))


def _training(
    model: keras.Model,
    optimizer: Any,
    batch_size: int,
    pairs: list[tuple[Any, np.ndarray]],
    lesson: Lesson | None,
    shares: Mapping[int, float],
) -> Callable[..., Any]:
    learning = {id(variable) for variable in model.trainable_variables}
    kept = [(kernel, tf.constant(mask, kernel.dtype)) for kernel, mask in pairs if id(kernel) in learning]
    variables = _variables(model, lesson)
    slower = [(variable, shares[id(variable)]) for variable in variables if shares.get(id(variable), 1.0) != 1.0]

    def plain(x: Any, labels: Any, _: list[Any]) -> tuple[Any, Any, Any]:
        probabilities = model(x, training=True)
        return probabilities, _losses(labels, probabilities), 0.0

    judge = lesson.losses if lesson else plain

    def train(x: Any, y: Any, weights: Any, *targets: Any) -> tuple[Any, Any]:
        loss, hits = tf.constant(0.0), tf.constant(0.0)
        for start in tf.range(0, tf.shape(x)[0], batch_size):
            labels = y[start : start + batch_size]
            with tf.GradientTape() as tape:
                parts = [target[start : start + batch_size] for target in targets]
                probabilities, losses, added = judge(x[start : start + batch_size], labels, parts)
                losses *= weights[start : start + batch_size]
                total = tf.reduce_mean(losses) + added + (tf.add_n(model.losses) if model.losses else 0.0)
            gradients = tape.gradient(total, variables)
            before = [variable.read_value() for variable, _ in slower]
            optimizer.apply_gradients(zip(gradients, variables, strict=True))
            for (variable, share), value in zip(slower, before, strict=True):
                variable.assign(value + share * (variable - value))  # steps of Adam and of SGD are linear in the rate
            for kernel, mask in kept:
                kernel.assign(kernel * mask)
            loss += tf.reduce_sum(losses)
            hits += _hits(labels, probabilities)
        return loss, hits

    return train


def _variables(model: keras.Model, lesson: Lesson | None) -> list[Any]:
    return [*model.trainable_variables, *(lesson.variables if lesson else [])]


def _validation(model: keras.Model, batch_size: int) -> Callable[..., Any]:
    def validate(x: Any, y: Any) -> tuple[Any, Any]:
        loss, hits = tf.constant(0.0), tf.constant(0.0)
        for start in tf.range(0, tf.shape(x)[0], batch_size):
            labels = y[start : start + batch_size]
            probabilities = model(x[start : start + batch_size], training=False)
            loss += tf.reduce_sum(_losses(labels, probabilities))
            hits += _hits(labels, probabilities)
        return loss, hits

    return validate


def _losses(labels: Any, probabilities: Any) -> Any:
    return keras.losses.sparse_categorical_crossentropy(labels, probabilities)


def _hits(labels: Any, probabilities: Any) -> Any:
    return tf.reduce_sum(tf.cast(tf.equal(tf.argmax(probabilities, axis=-1), labels), tf.float32))
