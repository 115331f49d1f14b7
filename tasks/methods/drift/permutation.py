"""A p-value for a statistic that has no formula for one: deal the rows to the two windows anew, many times."""

from collections.abc import Callable

import numpy as np

DRAWS = 1999
MORE_DRAWS = 18000  # where the first ones do not reach the statistic, so that it matters how small the p-value is
SEED = 0  # one seed for all features: the same two windows always get the same p-value


LEAST_EXPECTED = 200  # rows in each cell from which on chi-square says what dealing would


def divergence_p_value(
    reference: np.ndarray,
    current: np.ndarray,
    statistic: Callable[[np.ndarray, np.ndarray], np.ndarray],
    *,
    as_chi2: float,
) -> float:
    """The p-value of a divergence of two rows of counts: by dealing, or by chi-square where every cell is well filled.

    A smooth divergence is, near equality, a multiple of sum (p - q)^2 / r, r the pooled shares; that sum over (1/n + 1/m) is
    chi-square with k - 1 degrees of freedom (Pardo, 2006, section 3.2; for PSI Yurdakul, 2018).

    Args:
        reference: Rows by bin or category, int64 [k].
        current: The same for the other window, int64 [k].
        statistic: As for `permutation_p_value`.
        as_chi2: What makes the divergence that sum.
    """
    from scipy import stats

    pooled, n, m = reference + current, int(reference.sum()), int(current.sum())
    if len(pooled) == 1 or pooled.min() * min(n, m) / pooled.sum() < LEAST_EXPECTED:
        return permutation_p_value(reference, current, statistic)
    found = as_chi2 * float(statistic(reference[None], current[None])[0]) / (1 / n + 1 / m)
    return float(stats.chi2.sf(found, len(pooled) - 1))


def permutation_p_value(
    reference: np.ndarray, current: np.ndarray, statistic: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> float:
    """The share of random dealings whose statistic is at least the one found.

    Dealing n + m rows at random into windows of n and m rows makes the counts of the second multivariate hypergeometric,
    so they are drawn directly: the cost does not grow with the number of rows. The p-value is (1 + #{t* >= t}) / (1 + draws)
    (Phipson & Smyth, 2010, doi:10.2202/1544-6115.1585). Where no dealing reaches t, the tail beyond the draws is a
    Pearson type III curve with their mean, variance and skewness (Winkler et al., 2016, doi:10.1016/j.neuroimage.2016.05.068):
    correcting for hundreds of features needs p-values smaller than 1 / draws.

    Args:
        reference: Rows by bin or category, int64 [k].
        current: The same for the other window, int64 [k].
        statistic: From counts int64 [b, k] of each window to b statistics, float64 [b]; larger is further apart.

    Returns:
        The p-value, in (0, 1].
    """
    rng, pooled, rows = np.random.default_rng(SEED), reference + current, int(current.sum())
    found = float(statistic(reference[None], current[None])[0])
    drawn = np.empty(0)
    for draws in (DRAWS, MORE_DRAWS):
        dealt = rng.multivariate_hypergeometric(pooled, rows, size=draws, method="marginals")
        drawn = np.concatenate([drawn, statistic(pooled - dealt, dealt)])
        reached = int((drawn >= found - 1e-9 * abs(found)).sum())  # equal dealings differ in the last digits
        if reached:
            return (1 + reached) / (1 + len(drawn))
    return min(1 / (1 + len(drawn)), max(tail(drawn, found), _smallest(pooled, reference)))


def tail(drawn: np.ndarray, found: float) -> float:
    """The chance of a value above `found`, from the first three moments of the drawn ones."""
    from scipy import stats

    spread = drawn.std()
    if spread == 0:
        return 1.0
    skewness = max(0.0, float(stats.skew(drawn)))  # a negative one would end the tail too soon
    return float(stats.pearson3.sf(found, skewness, loc=drawn.mean(), scale=spread))


def _smallest(pooled: np.ndarray, reference: np.ndarray) -> float:
    """The chance of dealing exactly these two windows: no p-value of a permutation test is smaller."""
    from scipy.special import gammaln

    def log_choose(n: np.ndarray, k: np.ndarray) -> np.ndarray:
        return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))

    return float(np.exp(log_choose(pooled, reference).sum() - log_choose(pooled.sum(), reference.sum())))
