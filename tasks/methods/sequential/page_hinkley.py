"""Page-Hinkley: an alarm once errors have run ahead of their mean by more than chance lets them."""

import numpy as np

from tasks.methods.sequential.base import sequential

TOLERANCE = 0.005  # what each row's error may lie above the mean without counting
LEAST_ROWS = 30
_DEALINGS, _CELLS = 399, 2_000_000


@sequential.register("page_hinkley", reference="Page, 1954, doi:10.2307/2333009; Hinkley, 1971, doi:10.2307/2334521")
def page_hinkley(wrong: np.ndarray, alpha: float) -> list[int]:
    """m_t = sum over i <= t of (x_i - mean of x_1..x_i - 0.005); an alarm where m_t - min over s <= t of m_s exceeds lambda.

    Lambda is no constant of folklore: it is what the largest such excess keeps below in all but a share alpha of random
    orders of the same rows, since any order is as likely as another where nothing changes. After an alarm the test begins
    anew with the next row, under the same lambda.

    Args:
        wrong: Mistakes in the order of time, float64 [n].
        alpha: Chance of an alarm where nothing changes, in (0, 1).

    Returns:
        Positions of the alarms.
    """
    limit = _limit(wrong, alpha)
    alarms, start = [], 0
    while start < len(wrong):
        over = np.flatnonzero(excess(wrong[None, start:])[0] > limit)
        if not len(over):
            break
        alarms.append(start + int(over[0]))
        start = alarms[-1] + 1
    return alarms


def excess(wrong: np.ndarray) -> np.ndarray:
    """m_t less its least value so far, of several streams at once, float64 [b, n]; 0 in the first rows, which are too few."""
    rows = np.arange(1, wrong.shape[1] + 1)
    ahead = (wrong - wrong.cumsum(axis=1) / rows - TOLERANCE).cumsum(axis=1)
    found = ahead - np.minimum.accumulate(ahead, axis=1)
    found[:, : LEAST_ROWS - 1] = 0.0
    return np.asarray(found)


def _limit(wrong: np.ndarray, alpha: float) -> float:
    """The excess that a random order of these rows surpasses with chance alpha at most (Phipson & Smyth, 2010)."""
    rng, step = np.random.default_rng(0), max(1, _CELLS // max(1, len(wrong)))
    highest: list[float] = []
    while len(highest) < _DEALINGS:
        dealt = rng.permuted(np.tile(wrong, (min(step, _DEALINGS - len(highest)), 1)), axis=1)
        highest.extend(excess(dealt).max(axis=1, initial=0.0).tolist())
    allowed = int(alpha * (_DEALINGS + 1)) - 1  # as many of them may be as high as the stream's own
    return float("inf") if allowed < 0 else sorted(highest)[_DEALINGS - 1 - allowed]
