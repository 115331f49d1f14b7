"""Is the challenger to be promoted, rolled back, or watched on? A rule over what both arms did; pure, no registry.

- Rolled back: it fails more often than the champion (exact binomial tail, p < 0.01), or takes more than `latency_ratio` times
  its median time, or is right less often where labels came.
- Promoted: it has answered `min_requests` over `min_seconds` without any of these; and where labels came, or `min_labels` must
  come, its accuracy is not below the champion's by `margin` or more (one-sided, `alpha`).

A shadow's answers stand beside the champion's on the same rows, so the difference of the pairs is tested (McNemar's variance);
a canary's are on other rows: two proportions. Looks at labels are taken at doubling numbers of them, each at half the level of
the one before, so that looking again and again does not make chance a finding.
"""

import math
from dataclasses import dataclass
from statistics import median
from typing import Literal

from deployments.serving.tally import Tally

Verdict = Literal["wait", "promote", "rollback"]
_FAILURE_LEVEL = 0.01
_FLOOR_RATE = 1e-3  # a champion that never failed is taken to fail once in a thousand


@dataclass(frozen=True)
class Rule:
    """Limits of a trial.

    Args:
        min_requests: Answers of the challenger before it can be promoted, or found slow.
        min_seconds: The trial's shortest time before a promotion.
        latency_ratio: Largest median time against the champion's.
        min_labels: Labelled rows of each arm before a promotion; 0: labels count where they come, but are not waited for.
        margin: Loss of accuracy that still counts as equal.
        alpha: Level of both tests on labels.
    """

    min_requests: int = 500
    min_seconds: float = 600.0
    latency_ratio: float = 1.5
    min_labels: int = 0
    margin: float = 0.02
    alpha: float = 0.05


@dataclass(frozen=True)
class Decision:
    """What to do with a challenger, and the figures that say why."""

    verdict: Verdict
    why: str


def decide(tally: Tally, rule: Rule, seconds: float) -> Decision:
    """What the figures so far say.

    Args:
        tally: What both arms did.
        rule: Limits.
        seconds: Since the trial began.
    """
    champion, challenger = tally.champion, tally.challenger
    failing = binomial_tail(challenger.failures, challenger.asked, max(champion.failure_rate, _FLOOR_RATE))
    figures = f"{challenger.answered} answers, {challenger.failures} failures"
    if challenger.failures and failing < _FAILURE_LEVEL:
        against = f"{figures} against {champion.failures} (p {failing:.2g})"
        return Decision("rollback", f"it fails more often than the champion: {against}")
    if challenger.answered < rule.min_requests:
        return Decision("wait", f"{figures}, of {rule.min_requests} to see")
    ratio = median(challenger.seconds) / max(median(champion.seconds), 1e-9) if champion.seconds else 1.0
    figures += f", {ratio:.2f} times the champion's median time"
    if ratio > rule.latency_ratio:
        return Decision("rollback", f"it is slower than {rule.latency_ratio:g} times the champion: {figures}")
    rows, difference, error = tally.difference()
    base = max(rule.min_labels, 100)
    labelled = rows >= base
    if labelled:
        level = rule.alpha / 2 ** (1 + int(math.log2(rows / base)))
        figures += f", accuracy {difference:+.4f} on {rows} labelled rows"
        if normal_tail(-difference / error) < level:
            return Decision("rollback", f"it is right less often than the champion: {figures}")
        if normal_tail((difference + rule.margin) / error) >= level:
            return Decision("wait", f"not shown to be as good within {rule.margin:g}: {figures}")
    elif rule.min_labels:
        return Decision("wait", f"{figures}, {rows} of {rule.min_labels} labelled rows")
    if seconds < rule.min_seconds:
        return Decision("wait", f"{figures}, {seconds:.0f} of {rule.min_seconds:.0f} s")
    return Decision("promote", f"as good as the champion: {figures}")


def binomial_tail(hits: int, trials: int, rate: float) -> float:
    """P(X >= hits) of X ~ B(trials, rate), exact."""
    if hits <= 0:
        return 1.0
    below = sum(_binomial(count, trials, rate) for count in range(hits))
    return max(0.0, 1.0 - below)


def normal_tail(z: float) -> float:
    """P(Z >= z) of a standard normal Z."""
    return 0.5 * math.erfc(z / math.sqrt(2))


def _binomial(count: int, trials: int, rate: float) -> float:
    log = math.lgamma(trials + 1) - math.lgamma(count + 1) - math.lgamma(trials - count + 1)
    return math.exp(log + count * math.log(rate) + (trials - count) * math.log1p(-min(rate, 1 - 1e-12)))
