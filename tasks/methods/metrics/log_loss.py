"""Log loss: how surprised the model is by the true class, in nats."""

import numpy as np

from tasks.methods.metrics.base import mean_over_draws, metric, metrics

# Keras's epsilon: a float32 softmax or an int8 output can be exactly 0, and one such row must not make the loss infinite.
SMALLEST = 1e-7


def row_losses(probabilities: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Each row's loss.

    Args:
        probabilities: Class probabilities, float [n, k].
        y: Class indices, int64 [n].

    Returns:
        -ln of the true class's probability, clipped to [SMALLEST, 1], float64 [n], nats.
    """
    of_truth = np.asarray(probabilities, np.float64)[np.arange(len(y)), y]
    return np.asarray(-np.log(np.clip(of_truth, SMALLEST, 1.0)))


def _resampled(probabilities: np.ndarray, y: np.ndarray, draws: np.ndarray) -> np.ndarray:
    return mean_over_draws(row_losses(probabilities, y), draws)


@metrics.register("log_loss", reference="Good, 1952, doi:10.1111/j.2517-6161.1952.tb00104.x")
@metric("minimize", _resampled)
def log_loss(probabilities: np.ndarray, y: np.ndarray) -> float:
    """The mean of -ln of the true class's probability (categorical cross-entropy, as in training).

    Rows are not rescaled to sum to 1: an int8 model's rounding is part of what is served, and so of what is judged.

    Args:
        probabilities: Class probabilities, float [n, k].
        y: Class indices, int64 [n].

    Returns:
        The loss in nats, in [0, 16.2]; ln k for a uniform prediction.
    """
    return float(row_losses(probabilities, y).mean())
