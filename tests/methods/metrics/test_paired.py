import math

import numpy as np
import pytest
from scipy import stats

from tasks.methods.metrics import compare, mcnemar, paired_bootstrap


def pair(wins: int, losses: int, both: int = 0, neither: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows where the first alone is right, the second alone is right, both are, none is."""
    a = [True] * wins + [False] * losses + [True] * both + [False] * neither
    b = [False] * wins + [True] * losses + [True] * both + [False] * neither
    return np.array(a, bool), np.array(b, bool)


def test_mcnemar_is_the_binomial_tail_when_few_rows_differ():
    # P(X >= 7), X ~ B(8, 1/2) = (8 + 1) / 256.
    assert mcnemar(*pair(7, 1, 20)) == pytest.approx(9 / 256)


def test_mcnemar_is_the_corrected_normal_tail_when_many_rows_differ():
    p = mcnemar(*pair(30, 12, 50))
    assert p == pytest.approx(stats.norm.sf((30 - 12 - 1) / math.sqrt(42)))
    assert p == pytest.approx(stats.chi2.sf((abs(30 - 12) - 1) ** 2 / 42, 1) / 2)
    assert p == pytest.approx(stats.binomtest(30, 42, alternative="greater").pvalue, abs=0.002)


def test_mcnemar_is_one_when_the_two_never_differ():
    assert mcnemar(*pair(0, 0, 10, 5)) == 1.0


def test_mcnemar_favours_only_the_better_one():
    a, b = pair(30, 5, 50)
    assert mcnemar(a, b) < 0.001
    assert mcnemar(b, a) > 0.999


def test_paired_bootstrap_matches_resampling_the_rows():
    a, b = pair(12, 6, 60, 22)
    result = paired_bootstrap(a, b, 0.0, "superior", samples=20_000, seed=0)
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 100, (20_000, 100))
    differences = a[rows].mean(axis=1) - b[rows].mean(axis=1)
    assert result.difference == pytest.approx(0.06)
    assert (result.low, result.high) == pytest.approx(tuple(np.quantile(differences, [0.025, 0.975])), abs=0.011)
    assert result.p_value == pytest.approx((differences <= 1e-12).mean(), abs=0.01)


def test_paired_bootstrap_finds_an_equal_challenger_non_inferior_but_not_superior():
    a, b = pair(2, 2, 390, 6)
    assert paired_bootstrap(a, b, 0.02, "non_inferior").p_value < 0.05
    assert paired_bootstrap(a, b, 0.02, "superior").p_value > 0.3


def test_paired_bootstrap_refuses_a_challenger_that_lost_more_than_the_margin():
    assert paired_bootstrap(*pair(5, 40, 355), 0.02, "non_inferior").p_value > 0.95


def test_paired_bootstrap_counts_a_loss_of_exactly_the_margin_against_the_challenger():
    a, b = pair(0, 350)
    result = paired_bootstrap(a, b, 1.0, "non_inferior", samples=200)
    assert result.p_value == 1.0
    for n in (50, 150, 350):  # -0.02 * n is not exact in binary
        same = np.ones(n, bool)
        assert paired_bootstrap(same, same, 0.02, samples=99).p_value == 0.01


def test_paired_bootstrap_never_gives_zero_when_all_resamples_agree():
    same = np.ones(10, bool)
    assert paired_bootstrap(same, same, 0.1, samples=999).p_value == pytest.approx(1 / 1000)


def test_paired_bootstrap_repeats_itself_when_the_seed_is_equal():
    a, b = pair(10, 8, 50)
    assert paired_bootstrap(a, b, seed=4) == paired_bootstrap(a, b, seed=4)


def test_paired_bootstrap_holds_its_level_when_nothing_is_better():
    rng = np.random.default_rng(5)
    hits = 0
    for run in range(300):
        wins = rng.binomial(30, 0.5)
        hits += paired_bootstrap(*pair(wins, 30 - wins, 170), 0.0, "superior", samples=400, seed=run).p_value <= 0.05
    assert hits / 300 <= 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"margin": 2}, "not a percentage. Received: margin=2"),
        ({"rule": "better"}, "Received: rule='better'"),
        ({"samples": 0}, "samples=0"),
        ({"confidence": 95}, "confidence=95"),
    ],
)
def test_paired_bootstrap_says_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        paired_bootstrap(*pair(1, 1, 5), **arguments)


def test_paired_tests_refuse_rows_that_do_not_pair():
    with pytest.raises(ValueError, match=r"shapes \(3,\) and \(4,\)"):
        mcnemar(np.ones(3, bool), np.ones(4, bool))
    with pytest.raises(ValueError, match="n >= 1"):
        paired_bootstrap(np.ones(0, bool), np.ones(0, bool))


def test_compare_takes_the_p_value_from_mcnemar_when_asked():
    a, b = pair(7, 1, 20)
    result = compare(a, b, test="mcnemar", rule="superior", seed=1)
    assert result.p_value == pytest.approx(9 / 256)
    assert result.low <= result.difference <= result.high
    assert compare(a, b, rule="superior", seed=1).p_value == paired_bootstrap(a, b, 0.0, "superior", seed=1).p_value


def test_compare_refuses_mcnemar_for_non_inferiority():
    with pytest.raises(ValueError, match="knows no margin"):
        compare(*pair(1, 1), test="mcnemar", rule="non_inferior")
    with pytest.raises(ValueError, match="test='t'"):
        compare(*pair(1, 1), test="t")
