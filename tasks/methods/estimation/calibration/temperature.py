"""Temperature scaling: one number makes a network less sure of everything, or more."""

import numpy as np

from tasks.methods.estimation.calibration.base import Calibrated, calibrators

_LEAST = 1e-7  # of a probability: quantized networks give exact zeros
_STEPS = 30


@calibrators.register("temperature", reference="Guo et al., 2017, arXiv:1706.04599, section 4.2")
def temperature(probabilities: np.ndarray, y: np.ndarray) -> Calibrated:
    """q = softmax(ln(p) / T), with the T that has the least log loss on the reference.

    One parameter, so few rows fit it; the order of rows by confidence hardly changes. ln(p) is the network's logits up to a
    constant for each row, which softmax does not see.

    Args:
        probabilities: Class probabilities of the reference, float64 [n, k].
        y: Its class indices, int64 [n].
    """
    inverse = _inverse_temperature(_logits(probabilities), y)
    return lambda current: np.asarray(_softmax(inverse * _logits(current)).max(axis=1))


def _logits(probabilities: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(np.clip(probabilities, _LEAST, None)))


def _softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _inverse_temperature(logits: np.ndarray, y: np.ndarray) -> float:
    """1 / T in [0.05, 20] by Newton's method with bisection; the log loss is convex in it."""
    told = logits[np.arange(len(y)), y].mean()
    low, high, inverse = 0.05, 20.0, 1.0
    for _ in range(_STEPS):
        shares = _softmax(inverse * logits)
        mean = (shares * logits).sum(axis=1)
        slope = mean.mean() - told
        if abs(slope) < 1e-9:
            break
        low, high = (low, inverse) if slope > 0 else (inverse, high)
        curve = ((shares * logits**2).sum(axis=1) - mean**2).mean()
        step = inverse - slope / curve if curve > 0 else low
        inverse = step if low < step < high else float(np.sqrt(low * high))
    return float(inverse)
