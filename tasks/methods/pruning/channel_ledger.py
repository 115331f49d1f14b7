"""The channels of a network, which of them are one and the same, and which must stay."""

from collections.abc import Iterable

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Ids = np.ndarray  # int64 [channels]: one id for each channel of a tensor, in its order


class Ledger:
    """Hands out ids to channels while a graph is walked, and keeps what ties and holds them.

    Ids that are tied stand for channels that can only go together, as the two sides of an addition.
    """

    def __init__(self) -> None:
        self._count = 0
        self._ties: list[np.ndarray] = []
        self._held: dict[int, str] = {}

    def fresh(self, channels: int) -> Ids:
        """Ids that no channel has yet, int64 [channels]."""
        self._count += channels
        return np.arange(self._count - channels, self._count)

    def tie(self, one: Ids, other: Ids) -> None:
        """Channels of `one` and `other`, both [n], go or stay in pairs."""
        self._ties.append(np.stack([one, other]))

    def hold(self, ids: Ids, why: str) -> None:
        """None of these channels may go; of several reasons the first is kept."""
        for each in ids.tolist():
            self._held.setdefault(each, why)

    def channels(self) -> np.ndarray:
        """Id -> channel: ids tied to one another are one channel; int64 [ids], channels numbered from 0."""
        return _components(self._count, self._ties)

    def groups(self, made: Iterable[Ids]) -> np.ndarray:
        """Id -> group: channels that one layer makes are one group, and so is what is tied to them; int64 [ids].

        Args:
            made: The ids that each layer makes.
        """
        return _components(self._count, [*self._ties, *(np.stack([ids[:-1], ids[1:]]) for ids in made)])

    def held(self) -> dict[int, str]:
        """Id -> why its channel may not go."""
        return dict(self._held)


def _components(count: int, pairs: list[np.ndarray]) -> np.ndarray:
    ends = np.concatenate(pairs, axis=1) if pairs else np.empty((2, 0), np.int64)
    graph = coo_array((np.ones(ends.shape[1]), (ends[0], ends[1])), shape=(count, count))
    labels: np.ndarray = connected_components(graph, directed=False)[1].astype(np.int64)
    return labels
