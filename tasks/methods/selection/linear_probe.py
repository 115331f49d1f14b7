"""Linear probe: how well a linear classifier does on the ancestor's frozen features (Alain & Bengio, 2016)."""

import warnings

from tasks.methods.selection.base import Evidence, asks_for, selectors
from tasks.methods.selection.folds import folds, prepared


@selectors.register("linear_probe", reference="arXiv:1610.01644; as a predictor of transfer: arXiv:1805.08974")
@asks_for("features")
def linear_probe(evidence: Evidence) -> float:
    """Cross-validated accuracy of an L2-regularised logistic regression (C = 1) on standardised features.

    Args:
        evidence: Features and labels are used.

    Returns:
        Accuracy in [0, 1].
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    features, y = prepared(evidence)
    right = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 200 steps rank candidates as well as the last digit would
        for learn_x, learn_y, judge_x, judge_y in folds(features, y, evidence.seed):
            probe = LogisticRegression(max_iter=200).fit(learn_x, learn_y)
            right += (probe.predict(judge_x) == judge_y).sum()
    return right / len(y)
