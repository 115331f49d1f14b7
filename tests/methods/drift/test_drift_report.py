import math

import numpy as np
import pytest

from tasks.methods.drift import detectors_for, report

KINDS = {"age": "numeric", "height": "numeric", "colour": "categorical"}


def rows(n: int, seed: int, age: float = 40.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "age": rng.normal(age, 10, n),
        "height": rng.normal(170, 8, n),
        "colour": rng.choice(np.array(["red", "green", "blue"], object), n),
    }


def test_report_names_the_feature_that_moved():
    found = report(rows(400, 0), rows(200, 1, age=55), KINDS)
    assert [(f.name, f.kind, f.method, f.drifted) for f in found.features] == [
        ("age", "numeric", "ks", True),
        ("height", "numeric", "ks", False),
        ("colour", "categorical", "chi2", False),
    ]
    assert found.share == pytest.approx(1 / 3)
    assert found.drifted


def test_report_calls_nothing_drifted_when_too_few_features_moved():
    found = report(rows(400, 0), rows(200, 1, age=55), KINDS, min_share=0.5)
    assert found.share == pytest.approx(1 / 3)
    assert not found.drifted


def test_report_calls_nothing_drifted_when_nothing_moved_and_any_share_is_enough():
    assert not report(rows(400, 0), rows(200, 1), KINDS, min_share=0.0).drifted


def test_report_corrects_for_the_number_of_features():
    reference, current = rows(400, 0), rows(200, 1, age=43)
    alone = report(reference, current, {"age": "numeric"}).features[0].p_value
    among = report(reference, current, KINDS).features[0].p_value
    assert among == pytest.approx(3 * alone)


@pytest.mark.parametrize("numeric", detectors_for("numeric"))
@pytest.mark.parametrize("categorical", detectors_for("categorical"))
def test_report_takes_every_fitting_pair_of_detectors(numeric, categorical):
    current = rows(200, 1, age=60) | {"colour": np.array(["violet"] * 200, object)}
    found = report(rows(300, 0), current, KINDS, numeric=numeric, categorical=categorical)
    assert [f.drifted for f in found.features] == [True, False, True]
    assert [f.method for f in found.features] == [numeric, numeric, categorical]


@pytest.mark.parametrize("detector", detectors_for("numeric"))
def test_report_can_tell_drift_when_features_are_hundreds(detector):
    rng = np.random.default_rng(0)
    kinds = dict.fromkeys(map(str, range(200)), "numeric")
    reference = {name: rng.normal(size=100) for name in kinds}
    current = {name: rng.normal(2.0 if name == "7" else 0.0, 1.0, 60) for name in kinds}
    found = report(reference, current, kinds, numeric=detector)
    assert [f.name for f in found.features if f.drifted] == ["7"]


def test_report_sees_numbers_go_missing():
    current = rows(200, 1)
    current["age"][:60] = np.nan
    age = report(rows(400, 0), current, KINDS).features[0]
    assert (age.method, age.drifted) == ("missing", True)
    assert age.statistic == pytest.approx(0.3)


def test_report_sees_a_feature_vanish_altogether():
    current = rows(200, 1) | {"age": np.array([None] * 200, object)}
    age = report(rows(400, 0), current, KINDS).features[0]
    assert (age.method, age.statistic, age.drifted) == ("missing", 1.0, True)


def test_report_takes_columns_as_pandas_gives_them():
    import pandas as pd

    age = pd.Series([30, None, 41] * 40, dtype="Int64")
    reference = {"age": age, "colour": pd.Series(["red", None, "blue"] * 40)}
    current = {"age": np.array([41, pd.NA, 30] * 20, object), "colour": np.array(["blue", "red", pd.NA] * 20, object)}
    found = report(reference, current, {"age": "numeric", "colour": "categorical"})
    assert [f.p_value for f in found.features] == [1.0, 1.0]


def test_report_is_calm_when_the_same_share_is_missing():
    reference, current = rows(400, 0), rows(200, 1)
    reference["age"][::4] = np.nan
    current["age"][::4] = np.nan
    assert not any(f.drifted for f in report(reference, current, KINDS).features)


def test_report_counts_whole_numbers_as_categories_when_told_so():
    reference = {"digit": np.repeat([1, 2, 3], 100)}
    current = {"digit": np.repeat([1, 2, 3], [10, 10, 80]).astype(float)}
    (digit,) = report(reference, current, {"digit": "categorical"}, categorical="psi").features
    assert digit.drifted
    same = {"digit": np.repeat([1.0, 2.0, 3.0], 50)}
    assert not report(reference, same, {"digit": "categorical"}, categorical="psi").drifted


def test_report_knows_nothing_when_the_batch_is_empty():
    found = report(rows(400, 0), rows(0, 1), KINDS)
    assert [f.p_value for f in found.features] == [None] * 3
    assert all(math.isnan(f.statistic) for f in found.features)
    assert not found.drifted


def test_report_of_no_features_has_not_drifted():
    found = report({}, {}, {}, min_share=0.0)
    assert (found.features, found.share, found.drifted) == ([], 0.0, False)


def test_report_sees_features_move_together_when_none_moves_alone():
    rng = np.random.default_rng(0)
    kinds = {"x": "numeric", "y": "numeric"}
    x, noise = rng.normal(size=(2, 500))
    reference = {"x": x, "y": rng.normal(size=500)}
    current = {"x": noise, "y": noise * rng.choice([0.98, 1.02], 500)}
    found = report(reference, current, kinds, multivariate=["domain_classifier", "mmd"])
    assert not any(f.drifted for f in found.features)
    assert [(f.name, f.method, f.drifted) for f in found.together] == [
        ("all features together", "domain_classifier", True),
        ("all features together", "mmd", True),
    ]
    assert found.drifted


def test_report_corrects_for_predictions_and_joint_tests_too():
    reference, current = rows(400, 0), rows(200, 1, age=43)
    alone = report(reference, current, {"age": "numeric"}).features[0].p_value
    said = ({"confidence": np.linspace(0, 1, 90)}, {"confidence": np.linspace(0, 1, 80)})
    found = report(reference, current, {"age": "numeric"}, predictions=said, multivariate=["mmd"])
    assert (len(found.predictions), len(found.together)) == (1, 1)
    smallest = min(f.p_value for f in found.features + found.predictions + found.together)
    assert found.features[0].p_value in (pytest.approx(3 * alone), pytest.approx(2 * alone))
    assert smallest <= 3 * alone


def test_report_has_drifted_when_what_the_network_makes_of_the_rows_did():
    rng = np.random.default_rng(0)
    seen = rng.normal(size=(90, 4)), rng.normal([2, 0, 0, 0], size=(80, 4))
    found = report(rows(100, 0), rows(50, 1), KINDS, embeddings=seen, multivariate=["mmd"])
    assert [(each.kind, each.method, each.drifted) for each in found.together] == [
        ("multivariate", "mmd", False),
        ("embedding", "mmd", True),
    ]
    assert (found.share, found.drifted) == (0.0, True)
    calm = report(rows(100, 0), rows(50, 1), KINDS, embeddings=(seen[0], seen[0][:0]), embedding="domain_classifier")
    assert (calm.together[0].p_value, calm.drifted) == (None, False)


def test_report_has_drifted_when_the_predictions_did():
    said = ({"label": np.array(["a"] * 100, object)}, {"label": np.array(["b"] * 50, object)})
    found = report(rows(100, 0), rows(50, 1), KINDS, predictions=said, prediction_kinds={"label": "categorical"})
    assert ([f.drifted for f in found.predictions], found.share, found.drifted) == ([True], 0.0, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"numeric": "chi2"}, r"`numeric`.*one of \['js', 'ks', 'psi', 'wasserstein'\].*numeric='chi2', for categorical"),
        ({"categorical": "ks"}, r"`categorical`.*one of \['chi2', 'js', 'psi'\].*categorical='ks', for numeric"),
        ({"numeric": "kss"}, "Did you mean 'ks'"),
        ({"multivariate": ["mdm"]}, "Did you mean 'mmd'"),
        ({"alpha": 5}, "alpha=5"),
        ({"min_share": 20}, "min_share=20"),
    ],
)
def test_report_says_what_is_wrong_with_its_settings(arguments, message):
    with pytest.raises(ValueError, match=message):
        report(rows(9, 0), rows(9, 1), KINDS, **arguments)


def test_report_says_which_feature_does_not_fit():
    with pytest.raises(ValueError, match=r"`current`.*none called \['age'\]"):
        report(rows(9, 0), {k: v for k, v in rows(9, 1).items() if k != "age"}, KINDS)
    with pytest.raises(ValueError, match=r"feature 'age'.*Expected numbers"):
        report(rows(9, 0), rows(9, 1) | {"age": np.array(["old"], object)}, KINDS)
    with pytest.raises(ValueError, match="'ordinal' for feature 'age'"):
        report(rows(9, 0), rows(9, 1), KINDS | {"age": "ordinal"})
    with pytest.raises(ValueError, match=r"feature 'colour'.*shape"):
        report(rows(9, 0), rows(9, 1) | {"colour": np.ones((9, 2))}, KINDS)
    with pytest.raises(ValueError, match=r"feature 'age'.*shape \(9, 2\)"):
        report(rows(9, 0), rows(9, 1) | {"age": np.ones((9, 2))}, KINDS)
