"""What every score of a channel looks like."""

from typing import Protocol

import numpy as np

from tasks.methods.registry import Methods


class Score(Protocol):
    """Rates the channels that a kernel makes."""

    def __call__(self, kernel: np.ndarray) -> np.ndarray:
        """Rates each channel.

        Args:
            kernel: float64 [weights of a channel, channels].

        Returns:
            [channels], finite; channels with the lowest go first.
        """


scores: Methods[Score] = Methods("channel score")
