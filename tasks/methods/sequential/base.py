"""What every sequential test looks like: mistakes in the order they were made in, the rows at which an alarm goes off out."""

from collections.abc import Callable

import numpy as np

from tasks.methods.registry import Methods

SequentialTest = Callable[[np.ndarray, float], list[int]]
"""Of mistakes, float64 [n], 1 a wrong and 0 a right prediction in the order of time, and the chance alpha of any alarm in n
rows among which nothing changes, to the positions at which a rise of the error is noticed, ascending."""

sequential: Methods[SequentialTest] = Methods("sequential test")
