"""Writes a labelled batch of digits as another scanner would take them: moved by a pixel, paler, noisier.

The rows are those that neither the earlier projects nor `digits.yaml` use.

    python deployments/recipes/drifted_batch.py OUT.npz
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits


def drifted_digits(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pictures float32 [n, 8, 8, 1] in [0, 16], and labels int64 [n]."""
    pictures, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))  # as `data.rows` with its default seed shuffles them
    rows = order[round(0.85 * len(labels)) :]
    moved = np.roll(pictures[rows].reshape(-1, 8, 8), shift=1, axis=2)
    moved[:, :, 0] = 0
    noise = np.random.default_rng(seed).normal(0, 0.5, moved.shape)
    paler = np.clip(0.75 * moved + noise, 0, 16).astype(np.float32)
    return paler[..., None], labels[rows].astype(np.int64)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("expected one argument: the .npz file to write")
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    x, y = drifted_digits()
    np.savez_compressed(target, x=x, y=y)
