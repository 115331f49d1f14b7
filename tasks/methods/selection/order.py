"""From several scores to one order, and what a race changes of it."""

from collections.abc import Mapping, Sequence

import numpy as np

from tasks.methods.selection.race import Race


def mean_ranks(scores: Mapping[str, Sequence[float | None]]) -> np.ndarray:
    """Mean rank of every candidate over several selectors, whose scores have different units.

    Args:
        scores: Selector to one score a candidate, higher is better; None where the selector could not judge it, which
            ranks last with it.

    Returns:
        float64 [candidates]; 1 is the best, ties share the mean of their ranks.

    Raises:
        ValueError: No selectors, or lists of different lengths.
    """
    from scipy.stats import rankdata

    columns = [np.array([-np.inf if value is None else value for value in each], np.float64) for each in scores.values()]
    if not columns or len({len(column) for column in columns}) > 1:
        raise ValueError(
            "Invalid `scores`. Expected at least one selector, and as many scores from each. "
            f"Received: { ({name: len(each) for name, each in scores.items()}) }."
        )
    return np.asarray(np.mean([rankdata(-column) for column in columns], axis=0), np.float64)


def reordered(ranked: Sequence[str], race: Race) -> list[str]:
    """The order after a race: who is clearly ahead of whoever stands right before it moves up.

    A race is short and a few rows judge it, so an order by scores stands where the race is close.

    Args:
        ranked: Names by score, best first; those that did not race keep their places behind.
        race: Of the first of them, perhaps with others.
    """
    raced = [name for name in ranked if name in race.order]
    found: list[str] = []
    for name in raced:
        place = len(found)
        while place and race.clearly_ahead(name, found[place - 1]):
            place -= 1
        found.insert(place, name)
    return [*found, *(name for name in ranked if name not in found)]
