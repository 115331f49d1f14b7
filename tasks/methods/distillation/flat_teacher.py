"""A teacher that is a flatbuffer: it can be asked, and nothing else."""

from collections.abc import Callable

import numpy as np

from tasks.methods.litert import LiteRunner


class FlatTeacher:
    """A LiteRT network among `Teachers`.

    Args:
        flatbuffer: The network; its outputs are class probabilities.
        row_shape: Shape of one row, as the student takes it.
        order: Where the network has each of the student's classes.
        fed: Makes what the network takes of the student's rows.
    """

    def __init__(
        self, flatbuffer: bytes, row_shape: tuple[int, ...], order: list[int], fed: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        self.form = tuple(row_shape), len(order)
        self._runner, self._order, self._fed = LiteRunner(flatbuffer), order, fed

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Class probabilities of rows, float32 [n, k].

        Args:
            x: float32 [n, ...].
        """
        found: np.ndarray = self._runner.run(self._fed(x))[:, self._order].astype(np.float32)
        return found
