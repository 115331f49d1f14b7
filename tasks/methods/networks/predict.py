"""Fast inference: without the 50 ms that `model.predict` costs for small data, and compiled once rows are many.

To compile a small network takes as long as to call it on some thousand rows, so whoever asks for a few does not pay for it.
"""

from functools import partial
from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np

from tasks.methods.backend import keras, tf

CALLED_ROWS = 1000  # a model is called as it is on as many, then compiled

_compiled: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
_called: WeakKeyDictionary[Any, int] = WeakKeyDictionary()


def predict(model: keras.Model, x: np.ndarray, batch_size: int = 256) -> np.ndarray:
    """Outputs of every row, in inference mode.

    Args:
        model: A network with one input and one output.
        x: [n, ...], as the network takes it.
        batch_size: Rows in a step; bounds memory.

    Returns:
        float32 [n, ...]; probabilities [n, classes] for a classifier.

    Raises:
        ValueError: A row has another shape than the network takes.
    """
    expected = model.inputs[0].shape[1:]
    if not expected.is_compatible_with(x.shape[1:]):
        raise ValueError(
            f"Invalid `x`. Expected rows of shape {list(expected)}, as {model.name!r} takes them. "
            f"Received: rows of shape {list(x.shape[1:])}."
        )
    function = _compiled.get(model)
    if function is None:
        _called[model] = _called.get(model, 0) + len(x)
        if _called[model] <= CALLED_ROWS:
            function = partial(model, training=False)
        else:
            function = _compiled[model] = _compile(model)
    # Even an empty array makes one step, so that the result has the right shape.
    steps = range(0, max(len(x), 1), batch_size)
    parts = [function(tf.cast(x[start : start + batch_size], model.inputs[0].dtype)).numpy() for start in steps]
    return np.concatenate(parts).astype(np.float32, copy=False)


def _compile(model: keras.Model) -> Any:
    # The cache must not keep the model alive, so its function holds a weak reference.
    model_of = ref(model)
    spec = tf.TensorSpec([None, *model.inputs[0].shape[1:]], model.inputs[0].dtype)
    return tf.function(lambda x: model_of()(x, training=False), input_signature=[spec])  # type: ignore[misc]
