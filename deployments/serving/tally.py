"""What the two arms of a trial did: answers, failures, times, and what labels say of them. Kept in memory, bounded."""

import math
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

MOST_REMEMBERED = 50_000  # requests that labels may still come for
_MOST_TIMES = 1000


@dataclass
class Arm:
    """One version's share of a trial."""

    answered: int = 0
    failures: int = 0
    right: int = 0
    labelled: int = 0
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_MOST_TIMES))

    @property
    def asked(self) -> int:
        """Requests, answered or not."""
        return self.answered + self.failures

    @property
    def failure_rate(self) -> float:
        """Fraction of requests that it failed to answer."""
        return self.failures / self.asked if self.asked else 0.0


class Tally:
    """The counts of one trial; a new challenger gets a new one."""

    def __init__(self) -> None:
        self.champion, self.challenger = Arm(), Arm()
        self.only_champion = self.only_challenger = self.pairs = 0
        self._answers: OrderedDict[str, tuple[Sequence[str] | None, Sequence[str] | None]] = OrderedDict()

    def answered(self, request_id: str, labels: Sequence[str], seconds: float, *, by_challenger: bool) -> None:
        """Counts an answer, and remembers it for when its labels come."""
        arm = self.challenger if by_challenger else self.champion
        arm.answered += 1
        arm.seconds.append(seconds)
        champion, challenger = self._answers.get(request_id, (None, None))
        self._answers[request_id] = (champion, labels) if by_challenger else (labels, challenger)
        if len(self._answers) > MOST_REMEMBERED:
            self._answers.popitem(last=False)

    def failed(self, *, by_challenger: bool) -> None:
        """Counts a request that an arm could not answer."""
        arm = self.challenger if by_challenger else self.champion
        arm.failures += 1

    def labelled(self, request_id: str, truth: Sequence[str | None]) -> None:
        """Takes the true labels of a request, one a row, None where unknown. Only the first for a request count."""
        champion, challenger = self._answers.pop(request_id, (None, None))
        for row, label in enumerate(truth):
            if label is None:
                continue
            right = [None if given is None or row >= len(given) else given[row] == label for given in (champion, challenger)]
            for arm, hit in zip((self.champion, self.challenger), right, strict=True):
                if hit is not None:
                    arm.labelled += 1
                    arm.right += hit
            if None not in right:
                self.pairs += 1
                self.only_champion += bool(right[0] and not right[1])
                self.only_challenger += bool(right[1] and not right[0])

    def difference(self) -> tuple[int, float, float]:
        """Labelled rows of the smaller arm, accuracy of the challenger minus the champion's, and its standard error."""
        if self.pairs:
            n = self.pairs
            gained = (self.only_challenger - self.only_champion) / n
            discordant = (self.only_challenger + self.only_champion + 1) / n  # one more, so that no error is zero
            return n, gained, math.sqrt(max(discordant - gained**2, 1 / n) / n)
        rows = min(self.champion.labelled, self.challenger.labelled)
        if not rows:
            return 0, 0.0, 1.0
        variance, rates = 0.0, []
        for arm in (self.champion, self.challenger):
            rate = (arm.right + 1) / (arm.labelled + 2)  # Agresti and Caffo, 2000: no error is zero
            rates.append(arm.right / arm.labelled)
            variance += rate * (1 - rate) / (arm.labelled + 2)
        return rows, rates[1] - rates[0], math.sqrt(variance)
