"""Proxy A-distance: can a linear classifier tell source rows from target rows? (Ben-David et al., 2007)."""

import warnings

import numpy as np

from tasks.methods.selection.base import Evidence, asks_for, selectors
from tasks.methods.selection.domains import MAX_ROWS, domains
from tasks.methods.selection.folds import folds


@selectors.register("proxy_a", reference="Ben-David et al., NeurIPS 2006 (2007), section 5")
@asks_for("source_features", rows=MAX_ROWS)
def proxy_a(evidence: Evidence) -> float:
    """Minus 2 (1 - 2 err), err the cross-validated error of a logistic regression between the two sets of rows.

    As many rows of either are taken. An error beyond a half, which is chance, counts as a half.

    Args:
        evidence: Features and source features are used.

    Returns:
        A number in [-2, 0]: 0 where the sets can't be told apart, -2 where they always can.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    source, target = domains(evidence)
    n = min(len(source), len(target))
    rng = np.random.default_rng(evidence.seed)
    rows = np.concatenate([each[rng.permutation(len(each))[:n]] for each in (source, target)])
    wrong = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for learn_x, learn_y, judge_x, judge_y in folds(rows, np.repeat([0, 1], n), evidence.seed):
            telling = LogisticRegression(max_iter=200).fit(learn_x, learn_y)
            wrong += int((telling.predict(judge_x) != judge_y).sum())
    return -2 * (1 - 2 * min(0.5, wrong / (2 * n)))
