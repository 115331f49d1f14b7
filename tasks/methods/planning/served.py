"""A network as it would be served, judged on the validation rows; and what one step did to it, row by row."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import binom

from tasks.methods.backend import keras
from tasks.methods.coding.flatbuffer import pack
from tasks.methods.litert import LiteRunner
from tasks.methods.metrics.paired import paired_bootstrap
from tasks.methods.networks.rows import Rows
from tasks.methods.quantization.convert import convert

_ROUNDING = 1e-9  # a drop of exactly what is allowed is allowed, whatever the last bit says


@dataclass(frozen=True)
class Served:
    """A flatbuffer and what it says of the validation rows.

    Attributes:
        flatbuffer: What would be served.
        probabilities: float32 [n, classes].
        right: Whether each row's label is right, bool [n].
    """

    flatbuffer: bytes
    probabilities: np.ndarray
    right: np.ndarray

    @classmethod
    def of(cls, flatbuffer: bytes, validation: Rows) -> "Served":
        """Runs a flatbuffer on x float32 [n, ...] and holds it against y, class indices [n]."""
        x, y = validation
        probabilities = LiteRunner(flatbuffer).run(x)
        return cls(flatbuffer, probabilities, probabilities.argmax(axis=1) == y)

    @property
    def accuracy(self) -> float:
        """A fraction in [0, 1]."""
        return float(self.right.mean())

    @property
    def interval(self) -> tuple[float, float]:
        """The accuracy's 95 % interval; see `accuracy_interval`."""
        return accuracy_interval(self.accuracy, len(self.right))

    @property
    def size_bytes(self) -> int:
        """Bytes of the flatbuffer."""
        return len(self.flatbuffer)

    @cached_property
    def packed_bytes(self) -> int:
        """Bytes of its transport form, entropy-coded."""
        return len(pack(self.flatbuffer))


@dataclass(frozen=True)
class Change:
    """What a step did to the served network.

    Attributes:
        before: Without the step.
        after: With it, on the same rows.
        seed: Of the bootstrap.
    """

    before: Served
    after: Served
    seed: int = 0

    @property
    def drop(self) -> float:
        """Accuracy lost; negative where it was gained."""
        return self.before.accuracy - self.after.accuracy

    @cached_property
    def drop_interval(self) -> tuple[float, float]:
        """Its 95 % interval by the paired bootstrap (see `paired_bootstrap`)."""
        found = paired_bootstrap(self.after.right, self.before.right, seed=self.seed)
        return 0.0 - found.high, 0.0 - found.low  # 0 has no sign

    def keeps_within(self, max_drop: float) -> bool:
        """Whether no more accuracy was lost than allowed, as measured: the interval says how sure that is."""
        return self.drop <= max_drop + _ROUNDING

    @property
    def facts(self) -> dict[str, float]:
        """Every figure, by the name that runs and versions record it under."""
        return {
            "validation_accuracy": self.after.accuracy,
            "validation_accuracy_low": self.after.interval[0],
            "validation_accuracy_high": self.after.interval[1],
            "validation_accuracy_before": self.before.accuracy,
            "validation_accuracy_before_low": self.before.interval[0],
            "validation_accuracy_before_high": self.before.interval[1],
            "accuracy_drop": self.drop,
            "accuracy_drop_low": self.drop_interval[0],
            "accuracy_drop_high": self.drop_interval[1],
            "size_bytes": self.after.size_bytes,
            "size_bytes_before": self.before.size_bytes,
            "packed_bytes": self.after.packed_bytes,
            "packed_bytes_before": self.before.packed_bytes,
        }

    def __str__(self) -> str:
        low, high = self.drop_interval
        return (
            f"validation accuracy from {self.before.accuracy:.4f} to {self.after.accuracy:.4f} (drop {self.drop:.4f}, "
            f"95 % interval {low:.4f} to {high:.4f})"
        )


def first_served(model: keras.Model, modes: Sequence[str], calibration: np.ndarray, validation: Rows) -> tuple[str, Served]:
    """Converts a network in the first mode that LiteRT has for all its layers.

    Args:
        model: A classifier.
        modes: Registered modes, the best first; at least one.
        calibration: float32 [n, ...], rows of the training split.
        validation: x float32 [n, ...] and y, class indices [n].

    Returns:
        The mode, and what would be served.

    Raises:
        ValueError: There is none; what is told is why the last one can't be.
    """
    for mode in modes[:-1]:
        try:
            return mode, Served.of(convert(model, mode, calibration), validation)
        except ValueError:
            continue
    return modes[-1], Served.of(convert(model, modes[-1], calibration), validation)


def accuracy_interval(accuracy: float, rows: int, confidence: float = 0.95) -> tuple[float, float]:
    """Percentile bootstrap interval of an accuracy (Efron & Tibshirani, 1993, section 13.3).

    Resampling rows that are right or wrong is a binomial draw, so its quantiles need no simulation.

    Args:
        accuracy: A fraction in [0, 1].
        rows: How many rows it was read on.
        confidence: Coverage, (0, 1).
    """
    low, high = binom.ppf([(1 - confidence) / 2, (1 + confidence) / 2], rows, accuracy) / rows
    return float(low), float(high)
