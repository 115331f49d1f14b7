"""Has a batch drifted? Features alone and together and predictions tested, p-values corrected for their number, one verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tasks.methods.drift.base import KINDS, DriftScore, Kind, detectors, detectors_for
from tasks.methods.drift.correction import holm
from tasks.methods.drift.multivariate import encode
from tasks.methods.drift.multivariate import multivariate as together_tests
from tasks.methods.drift.tables import finite_numbers

ALL = "all features together"
EMBEDDING = "what the network makes of them"


@dataclass(frozen=True)
class FeatureDrift:
    """The outcome for one feature, for what the model predicts, or for all features together.

    Attributes:
        name: The feature.
        kind: numeric, categorical, multivariate or embedding.
        method: The detector, or `missing` where the share of missing (or infinite) numbers tells more than the numbers.
        statistic: The method's statistic; for `missing`, the current share of missing values less the reference's.
        p_value: Corrected for the number of tests of the batch (Holm); None where a window has no values to compare.
        drifted: Whether p_value <= alpha.
    """

    name: str
    kind: str
    method: str
    statistic: float
    p_value: float | None
    drifted: bool


@dataclass(frozen=True)
class DriftReport:
    """The outcome for a batch.

    Attributes:
        features: One entry a feature, in the order of `kinds`.
        share: Fraction of features that drifted; 0 without features.
        drifted: Whether the predictions drifted, or all features together, or at least one feature and `min_share` of them.
        alpha: Chance that anything at all is called drifted although nothing has moved.
        min_share: Fraction of features that must drift before the batch counts as drifted by them.
        predictions: The same for what the model says of the two windows.
        together: One entry a test of whole rows: of all features, and of what the model makes of them.
    """

    features: list[FeatureDrift]
    share: float
    drifted: bool
    alpha: float
    min_share: float
    predictions: list[FeatureDrift] = field(default_factory=list)
    together: list[FeatureDrift] = field(default_factory=list)


def report(
    reference: Mapping[str, np.ndarray],
    current: Mapping[str, np.ndarray],
    kinds: Mapping[str, Kind],
    *,
    numeric: str = "ks",
    categorical: str = "chi2",
    alpha: float = 0.01,
    min_share: float = 0.2,
    multivariate: Sequence[str] = (),
    predictions: tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]] | None = None,
    prediction_kinds: Mapping[str, Kind] | None = None,
    embeddings: tuple[np.ndarray, np.ndarray] | None = None,
    embedding: str = "mmd",
) -> DriftReport:
    """Compares two windows feature by feature, all features together, and what a model predicts.

    All tests share one false-alarm rate: their p-values are corrected together.

    Args:
        reference: The window to compare with: name to values, [n]; NaN, None where missing.
        current: The window in question: name to values, [m].
        kinds: The features to compare, each numeric or categorical.
        numeric: Detector for numeric features.
        categorical: Detector for categorical features.
        alpha: False-alarm rate of the batch as a whole, in (0, 1).
        min_share: Fraction of features that must drift before the batch counts as drifted by them.
        multivariate: Tests of all features together.
        predictions: What the model predicts, reference and current, by name; not of the same rows as the features.
        prediction_kinds: Which of them to compare, each numeric or categorical; None: all that `predictions` has, as numbers.
        embeddings: What rows look like to the model, reference and current, float [n, d] and [m, d]; not of the same rows
            as the features.
        embedding: The multivariate test of them.

    Raises:
        ValueError: A detector does not suit its kind, a feature is missing from a window or holds what its kind does not.
    """
    used = {"numeric": numeric, "categorical": categorical}
    for kind in KINDS:
        _check_detector(kind, used[kind])
    if not 0 < alpha < 1 or not 0 <= min_share <= 1:
        raise ValueError(
            "Invalid thresholds. Expected alpha in (0, 1) and min_share in [0, 1], fractions, not percentages. "
            f"Received: alpha={alpha}, min_share={min_share}."
        )
    for window, values in (("reference", reference), ("current", current)):
        absent = [name for name in kinds if name not in values]
        if absent:
            raise ValueError(f"Invalid `{window}`. Expected features {list(kinds)}. Received: none called {absent}.")
    found = {
        "features": [_compare(name, kind, used, reference[name], current[name]) for name, kind in kinds.items()],
        "together": [_compare_together(name, reference, current, kinds) for name in multivariate if kinds],
        "predictions": [],
    }
    if embeddings is not None:
        found["together"].append(_compare_embeddings(embedding, *embeddings))
    if predictions is not None:
        chosen = prediction_kinds if prediction_kinds is not None else dict.fromkeys(predictions[0], "numeric")
        told = [_compare(name, kind, used, predictions[0][name], predictions[1][name]) for name, kind in chosen.items()]
        found["predictions"] = told
    found = _corrected(found, alpha)
    share = sum(feature.drifted for feature in found["features"]) / max(1, len(found["features"]))
    others = any(each.drifted for each in found["together"] + found["predictions"])
    drifted = others or (share > 0 and share >= min_share)
    return DriftReport(share=share, drifted=drifted, alpha=alpha, min_share=min_share, **found)


def _check_detector(kind: Kind, name: str) -> None:
    if kind not in detectors.get(name).kinds:
        raise ValueError(
            f"Invalid `{kind}`. Expected a detector for {kind} features, one of {detectors_for(kind)}. "
            f"Received: {kind}={name!r}, for {' and '.join(sorted(detectors.get(name).kinds))} features."
        )


def _compare(name: str, kind: str, used: Mapping[str, str], reference: np.ndarray, current: np.ndarray) -> FeatureDrift:
    """One feature, its p-value not yet corrected."""
    if kind not in used:
        raise ValueError(f"Invalid `kinds`. Expected one of {list(KINDS)}. Received: {kind!r} for feature {name!r}.")
    detector = detectors.get(used[kind])
    try:
        if kind == "categorical":
            score = detector(np.asarray(reference).astype(object), np.asarray(current).astype(object))
            return FeatureDrift(name, kind, used[kind], score.statistic, score.p_value, False)
        numbers = finite_numbers(reference), finite_numbers(current)
        score = detector(*numbers)
    except ValueError as error:
        raise ValueError(f"feature {name!r}: {error}") from error
    found = FeatureDrift(name, kind, used[kind], score.statistic, score.p_value, False)
    rows = len(reference), len(current)
    missing = _missing((rows[0] - len(numbers[0]), rows[1] - len(numbers[1])), rows)
    return found if missing is None else _worse(found, missing)


def _missing(missing: tuple[int, int], rows: tuple[int, int]) -> DriftScore | None:
    """Fisher's exact test that both windows miss the same share of values; None where nothing is missing."""
    if missing == (0, 0) or 0 in rows:
        return None
    from scipy import stats

    table = [[missing[0], rows[0] - missing[0]], [missing[1], rows[1] - missing[1]]]
    return DriftScore(missing[1] / rows[1] - missing[0] / rows[0], float(stats.fisher_exact(table).pvalue))


def _worse(found: FeatureDrift, missing: DriftScore) -> FeatureDrift:
    """The stronger of the two tests of one feature, its p-value doubled because there were two (Bonferroni)."""
    told = replace(found, method="missing", statistic=missing.statistic, p_value=missing.p_value)
    if found.p_value is None or missing.p_value is None:
        return told
    worse = told if missing.p_value < found.p_value else found
    return replace(worse, p_value=min(1.0, 2 * min(missing.p_value, found.p_value)))


def _compare_together(
    name: str, reference: Mapping[str, np.ndarray], current: Mapping[str, np.ndarray], kinds: Mapping[str, Kind]
) -> FeatureDrift:
    """All features together by one test, its p-value not yet corrected."""
    test = together_tests.get(name)
    rows = encode(reference, current, kinds)
    if not all(map(len, rows)):
        return FeatureDrift(ALL, "multivariate", name, float("nan"), None, False)
    score = test(*rows)
    return FeatureDrift(ALL, "multivariate", name, score.statistic, score.p_value, False)


def _compare_embeddings(name: str, reference: np.ndarray, current: np.ndarray) -> FeatureDrift:
    """What a model makes of the rows, its p-value not yet corrected."""
    if not len(reference) or not len(current):
        return FeatureDrift(EMBEDDING, "embedding", name, float("nan"), None, False)
    score = together_tests.get(name)(reference.astype(np.float64), current.astype(np.float64))
    return FeatureDrift(EMBEDDING, "embedding", name, score.statistic, score.p_value, False)


def _corrected(found: Mapping[str, list[FeatureDrift]], alpha: float) -> dict[str, list[FeatureDrift]]:
    """Every test's p-value corrected for the number of all of them."""
    tests = [each for part in found.values() for each in part]
    adjusted = iter(holm([each.p_value for each in tests if each.p_value is not None]))

    def corrected(each: FeatureDrift) -> FeatureDrift:
        p = None if each.p_value is None else float(next(adjusted))
        return replace(each, p_value=p, drifted=p is not None and p <= alpha)

    return {name: [corrected(each) for each in part] for name, part in found.items()}
