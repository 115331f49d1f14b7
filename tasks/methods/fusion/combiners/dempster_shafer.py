"""Dempster-Shafer: members as sources of evidence, each believed as far as validation found it reliable."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.methods.fusion.combiners.base import as_given, checked, checked_members, combiners

_MOST = 0.999  # a member believed wholly could not be contradicted


@dataclass(frozen=True, eq=False)
class Evidence:
    """Discounted masses m_i({c}) = r_i p_ic and m_i(all) = 1 - r_i under Dempster's rule, then the pignistic transform.

    All focal elements are single classes and the whole frame, so that the rule comes to a product: the mass of class c is
    proportional to prod_i(r_i p_ic + 1 - r_i) - d, and that of the frame to d = prod_i(1 - r_i), which the pignistic
    transform shares out evenly: probability ~ prod_i(r_i p_ic + 1 - r_i) - d (1 - 1/k). Agreement adds up: members that say
    the same make it surer than each of them is.

    Args:
        reliability: r_i, float [m], in (0, 1).
    """

    reliability: np.ndarray

    def __post_init__(self) -> None:
        values = np.asarray(self.reliability, np.float64)
        if values.ndim != 1 or not len(values) or not ((values > 0) & (values < 1)).all():
            raise ValueError(
                f"Invalid `reliability`. Expected numbers in (0, 1), one a member. Received: reliability={self.reliability}."
            )
        object.__setattr__(self, "reliability", values)

    @property
    def shares(self) -> np.ndarray:
        """The reliabilities, scaled to sum 1."""
        return np.asarray(self.reliability / self.reliability.sum())

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """See `Combiner`."""
        members = checked_members(probabilities, len(self.reliability))
        scales, offsets, ignorance = self._factors()
        product = np.prod(scales[:, np.newaxis, np.newaxis] * members + offsets[:, np.newaxis, np.newaxis], axis=0)
        classes = members.shape[2]
        mass = np.maximum(product - ignorance * (1 - 1 / classes), ignorance / classes)  # rounding, at most
        return as_given(mass / mass.sum(axis=1, keepdims=True), probabilities)

    def graph(self, outputs: Sequence[Any]) -> Any:
        """Rescaling and Multiply, then NaturalLog and Softmax, which scale to sum 1; see `Combiner`."""
        from tasks.methods.backend import keras
        from tasks.methods.networks.natural_log import NaturalLog

        scales, offsets, ignorance = self._factors()
        classes = int(outputs[0].shape[-1])
        believed = [
            keras.layers.Rescaling(float(scale), float(offset), name=f"m{index}_believed")(output)
            for index, (scale, offset, output) in enumerate(zip(scales, offsets, outputs, strict=True))
        ]
        product = believed[0] if len(believed) == 1 else keras.layers.Multiply(name="evidence")(believed)
        mass = keras.layers.Rescaling(1.0, float(-ignorance * (1 - 1 / classes)), name="pignistic")(product)
        # The floor is the least that the mass can be, so it changes nothing, and bounds the logarithm's range for int8.
        return keras.layers.Softmax(name="fused")(NaturalLog(float(ignorance / classes), name="mass_log")(mass))

    def _factors(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Scale and offset of each member's factor, [m], and the frame's mass.

        Each is divided by sqrt(1 - r_i), so that products over many members neither vanish nor overflow in float32.
        """
        root = np.sqrt(1 - self.reliability)
        return self.reliability / root, root, float(np.prod(root))


@combiners.register(
    "dempster_shafer",
    reference="Shafer, 1976; Xu et al., 1992, doi:10.1109/21.155943; Smets & Kennes, 1994, doi:10.1016/0004-3702(94)90026-4",
)
def dempster_shafer(probabilities: np.ndarray, y: np.ndarray, seed: int = 0) -> Evidence:
    """Evidence discounted by each member's validation accuracy, r = (right + 1) / (n + 2), at most 0.999; see `Fit`."""
    members, y = checked(probabilities, y)
    right = (members.argmax(axis=2) == y).sum(axis=1)
    return Evidence(np.minimum((right + 1) / (len(y) + 2), _MOST))
