"""m by n sparsity: m zeros in every n consecutive inputs, a pattern that sparse hardware runs at twice the speed (2 by 4)."""

import numpy as np


def m_by_n_mask(scores: np.ndarray, m: int = 2, n: int = 4, output_axis: int = -1) -> np.ndarray:
    """The mask that leaves out the m lowest scores of every n consecutive inputs (Mishra et al., 2021, arXiv:2104.08378).

    Inputs are consecutive as LiteRT stores them: along the input axis, for one output and one pixel. Where their number is
    no multiple of n, the last group is filled up with weights that count as zeros, as tfmot does: it keeps n - m weights,
    or as many as it has.

    Args:
        scores: Of a kernel, [..., inputs, outputs], or [..., outputs, inputs] where `output_axis` is -2; lowest go first.
        m: Zeros in a group, 1 <= m < n.
        n: Weights in a group.
        output_axis: -1, or -2.

    Returns:
        bool, shape of `scores`; True keeps.

    Raises:
        ValueError: m or n cannot be, or there are no two axes.
    """
    share(m, n)
    if scores.ndim < 2:
        raise ValueError(f"Invalid `scores`. Expected axes for inputs and outputs. Received: shape {scores.shape}.")
    by_input = np.moveaxis(scores, -2 if output_axis == -1 else -1, -1)
    inputs = by_input.shape[-1]
    padded = np.pad(by_input, [(0, 0)] * (scores.ndim - 1) + [(0, -inputs % n)], constant_values=-np.inf)
    groups = padded.reshape(*padded.shape[:-1], -1, n)
    keep = np.ones(groups.shape, bool)
    np.put_along_axis(keep, np.argsort(groups, axis=-1, kind="stable")[..., :m], values=False, axis=-1)
    return np.moveaxis(keep.reshape(padded.shape)[..., :inputs], -1, -2 if output_axis == -1 else -1)


def share(m: int, n: int) -> float:
    """The sparsity that m zeros in every n weights make.

    Raises:
        ValueError: Not 1 <= m < n.
    """
    if not 1 <= m < n:
        raise ValueError(f"Invalid `m_by_n`. Expected m zeros in n weights with 1 <= m < n. Received: m_by_n=({m}, {n}).")
    return m / n
