"""Is the challenger as good as, or better than, the champion? Paired tests on the same rows."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

Rule = Literal["non_inferior", "superior"]
Test = Literal["paired_bootstrap", "mcnemar"]


@dataclass(frozen=True)
class PairedResult:
    """The outcome of a paired comparison.

    Attributes:
        difference: Accuracy of the challenger minus that of the champion.
        low: Lower end of the difference's interval.
        high: Upper end of the difference's interval.
        p_value: Chance of data at least this favourable if the challenger did not meet the rule; small means it does.
        rule: What the challenger had to show.
        margin: Loss of accuracy that still counts as equal; 0 with rule superior.
    """

    difference: float
    low: float
    high: float
    p_value: float
    rule: Rule
    margin: float


def _discordant(correct_a: np.ndarray, correct_b: np.ndarray) -> tuple[int, int, int]:
    """Rows only a has right, rows only b has right, all rows."""
    a, b = np.asarray(correct_a), np.asarray(correct_b)
    if a.ndim != 1 or a.shape != b.shape or len(a) == 0:
        raise ValueError(
            "Invalid pair. Expected whether each prediction is right, two bool [n] over the same n >= 1 rows. "
            f"Received: shapes {a.shape} and {b.shape}."
        )
    a, b = a.astype(bool), b.astype(bool)
    return int((a & ~b).sum()), int((b & ~a).sum()), len(a)


def mcnemar(correct_a: np.ndarray, correct_b: np.ndarray) -> float:
    """McNemar's one-sided test that a is right more often than b (McNemar, 1947, doi:10.1007/BF02295996).

    With w rows that only a has right and l rows that only b has right: below 25 such rows the exact binomial tail
    P(X >= w), X ~ B(w + l, 1/2); else the upper normal tail of (w - l - 1) / sqrt(w + l), the signed root of the
    continuity-corrected chi-square (Edwards, 1948).

    Args:
        correct_a: Whether a is right, bool [n].
        correct_b: Whether b is right, on the same rows, bool [n].

    Returns:
        The p-value; 1 where the two never differ.

    Raises:
        ValueError: The two do not have the same, non-zero length.
    """
    from scipy import stats

    wins, losses, _ = _discordant(correct_a, correct_b)
    if wins + losses < 25:
        return float(stats.binom.sf(wins - 1, wins + losses, 0.5))
    return float(stats.norm.sf((wins - losses - 1) / np.sqrt(wins + losses)))


def paired_bootstrap(
    correct_challenger: np.ndarray,
    correct_champion: np.ndarray,
    margin: float = 0.0,
    rule: Rule = "non_inferior",
    *,
    samples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> PairedResult:
    """Bootstrap of the difference in accuracy over rows (Koehn, 2004, W04-3250; margin: Piaggio et al., 2012).

    The p-value is (1 + #{d* <= limit}) / (1 + samples), where d* are the resampled differences and the limit is
    -margin (non_inferior) or 0 (superior). p <= alpha says that the one-sided (1 - alpha) interval lies above the limit.

    Args:
        correct_challenger: Whether the challenger is right, bool [n].
        correct_champion: Whether the champion is right, on the same rows, bool [n].
        margin: With non_inferior: largest loss of accuracy that still counts as equal, a fraction in [0, 1].
        rule: non_inferior, or superior.
        samples: Number of resamples.
        seed: Seed of the resampling.
        confidence: Coverage of the two-sided interval, in (0, 1).

    Raises:
        ValueError: The two do not have the same, non-zero length, or another argument is out of range.
    """
    wins, losses, n = _discordant(correct_challenger, correct_champion)
    if rule not in ("non_inferior", "superior"):
        raise ValueError(f"Invalid `rule`. Expected one of ['non_inferior', 'superior']. Received: rule={rule!r}.")
    if not 0 <= margin <= 1:
        raise ValueError(f"Invalid `margin`. Expected a fraction in [0, 1], not a percentage. Received: margin={margin}.")
    if samples < 1 or not 0 < confidence < 1:
        raise ValueError(
            "Invalid resampling. Expected samples >= 1 and confidence in (0, 1). "
            f"Received: samples={samples}, confidence={confidence}."
        )
    # A row adds 1, -1 or 0 to the difference, so a resample is fully told by how many of each it draws.
    drawn = np.random.default_rng(seed).multinomial(n, [wins / n, losses / n, (n - wins - losses) / n], size=samples)
    gained = drawn[:, 0] - drawn[:, 1]
    # Counted in rows and rounded, so that a difference of exactly -margin is not told from it by a float's last digit.
    limit = round(-margin * n, 9) if rule == "non_inferior" else 0.0
    tail = (1 - confidence) / 2
    low, high = np.quantile(gained / n, [tail, 1 - tail])
    return PairedResult(
        difference=(wins - losses) / n,
        low=float(low),
        high=float(high),
        p_value=float((1 + (gained <= limit).sum()) / (1 + samples)),
        rule=rule,
        margin=margin if rule == "non_inferior" else 0.0,
    )


def compare(
    correct_challenger: np.ndarray,
    correct_champion: np.ndarray,
    *,
    test: Test = "paired_bootstrap",
    rule: Rule = "non_inferior",
    margin: float = 0.0,
    samples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> PairedResult:
    """The test a recipe asks for. With mcnemar the interval is still the bootstrap's, the p-value is McNemar's.

    Raises:
        ValueError: As for `paired_bootstrap`, or mcnemar is asked to show non-inferiority.
    """
    if test not in ("paired_bootstrap", "mcnemar"):
        raise ValueError(f"Invalid `test`. Expected one of ['mcnemar', 'paired_bootstrap']. Received: test={test!r}.")
    if test == "mcnemar" and rule != "superior":
        raise ValueError(f"Invalid `rule`. Expected 'superior' with mcnemar, which knows no margin. Received: rule={rule!r}.")
    result = paired_bootstrap(
        correct_challenger, correct_champion, margin, rule, samples=samples, seed=seed, confidence=confidence
    )
    if test == "paired_bootstrap":
        return result
    return replace(result, p_value=mcnemar(correct_challenger, correct_champion))
