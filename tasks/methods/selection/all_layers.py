"""All layers: how likely the labels are given what every layer makes of the rows, the upper layers counting most."""

import numpy as np

from tasks.methods.selection.base import Evidence, asks_for, selectors
from tasks.methods.selection.folds import judged_rows, standardised
from tasks.methods.selection.log_evidence import log_evidence

MAX_ROWS = 500
DECAY = 0.5  # a layer's weight as a share of that of the layer above it


@selectors.register("all_layers", reference="features of all layers: arXiv:2201.03529; evidence: arXiv:2102.11005")
@asks_for("layers", rows=MAX_ROWS)
def all_layers(evidence: Evidence) -> float:
    """Log evidence a row, a class on average, of a linear model on the features of all layers.

    Fine-tuning changes the layers themselves, so an ancestor whose last features do not suit the target may still hold what
    it needs further down (Evci et al., 2022: a linear model on all layers comes close to fine-tuning). Each layer's features
    are standardised and count alike by their kernel K_l = F_l F_l' / d_l; layers count by how far training moves them, half
    as much with each step away from the output:

        K = sum_l 2^-l K_l,  score = log evidence of the centred labels under K (see `log_evidence`)

    Args:
        evidence: Layers and labels are used; at most 500 rows, for a kernel of these is quickly taken apart.

    Returns:
        Nats a row; higher is better.
    """
    if not evidence.layers:
        raise ValueError("Invalid `layers`. Expected what at least one layer reads. Received: none.")
    rows = judged_rows(evidence, MAX_ROWS)
    _, members = np.unique(np.asarray(evidence.y)[rows], return_inverse=True)
    targets = np.eye(members.max() + 1)[members]
    targets = targets - targets.mean(axis=0)
    kernel = np.zeros((len(rows), len(rows)))
    for level, values in enumerate(evidence.layers):
        features = standardised(np.asarray(values, np.float64)[rows])
        kernel += DECAY**level * (features @ features.T) / features.shape[1]
    s, u = np.linalg.eigh(kernel)
    kept = s > s[-1] * len(s) * np.finfo(np.float64).eps  # the rest is rounding
    z = (u[:, kept].T @ targets) ** 2
    return float(log_evidence(s[kept], z, (targets**2).sum(axis=0) - z.sum(axis=0), len(rows)).mean())
