"""Which of several fused models is served: what it gains beyond chance, against what it costs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SAMPLES = 2000  # bootstrap resamples
ALPHA = 0.05  # chance, over all options together, that one is taken for better than the best member and is not


@dataclass(frozen=True)
class Limits:
    """What serving may cost.

    Attributes:
        latency_ratio: Most times the latency of the fastest member; None: any.
        size_bytes: Most bytes of the float32 flatbuffer; None: any.
    """

    latency_ratio: float | None = None
    size_bytes: int | None = None


@dataclass(frozen=True)
class Option:
    """One way to serve the family.

    Attributes:
        name: For people, and unique.
        losses: Log loss of each validation row, float [n]; from predictions that the row had no share in, where the way is
            fitted to validation rows.
        latency_ms: Of one row.
        size_bytes: Of the float32 flatbuffer.
        single: Whether it is one of the members alone.
    """

    name: str
    losses: np.ndarray
    latency_ms: float
    size_bytes: int
    single: bool = False

    @property
    def loss(self) -> float:
        """Mean log loss, nats."""
        return float(self.losses.mean())


@dataclass(frozen=True)
class Judged:
    """What an option gains over the best member.

    Attributes:
        option: It.
        gain: Mean log loss less than the best member's, nats.
        low: Lower end of the gain's interval, which holds for all options together.
        within: Whether it keeps to the limits.
    """

    option: Option
    gain: float
    low: float
    within: bool


@dataclass(frozen=True)
class Choice:
    """The outcome.

    Attributes:
        name: The option that is served.
        reason: Why, in words.
        table: Every option, the least loss first.
    """

    name: str
    reason: str
    table: list[Judged]


def choose(options: Sequence[Option], limits: Limits, *, min_gain: float = 0.0, seed: int = 0) -> Choice:
    """Takes what gains more than chance over the best member; of those that are alike, the one that costs least.

    The best member is the one with the lowest log loss. An option beats it where the lower end of the gain's interval, by a
    paired bootstrap over rows (Efron & Tibshirani, 1993, ch. 13) at a level shared among the options (Bonferroni), is above 0
    and the gain is above `min_gain`. Among those, the one with the lowest loss leads; one that can't be told from it and is
    faster is taken instead. Limits hold for every option but the cheapest member, which is always there to fall back on.

    Args:
        options: At least one of them `single`, all on the same rows.
        limits: What serving may cost.
        min_gain: Nats that a fused model must gain.
        seed: Of the bootstrap.

    Raises:
        ValueError: No member alone is among the options, names repeat, or the rows differ.
    """
    _check(options)
    counts = _resamples(len(options[0].losses), seed)
    singles = [option for option in options if option.single]
    quickest = min(singles, key=lambda option: option.latency_ms)
    allowed = [option for option in options if option is quickest or _within(option, limits, quickest.latency_ms)]
    best = min((option for option in allowed if option.single), key=lambda option: option.loss)
    level = ALPHA / max(1, sum(not option.single for option in options))
    judged = sorted(
        (
            Judged(option, best.loss - option.loss, _low(best.losses - option.losses, counts, level), option in allowed)
            for option in options
        ),
        key=lambda each: each.option.loss,
    )
    better = [
        each.option for each in judged if each.within and not each.option.single and each.low > 0 and each.gain > min_gain
    ]
    if not better:
        return Choice(best.name, _nothing_better(best, judged, min_gain), judged)
    leader = better[0]
    alike = [
        option
        for option in better
        if option is leader
        or (option.latency_ms < leader.latency_ms and _low(option.losses - leader.losses, counts, ALPHA) <= 0)
    ]
    taken = min(alike, key=lambda option: option.latency_ms)
    said = f"{taken.name} gains {best.loss - taken.loss:.4f} of validation log loss over {best.name}, more than chance"
    if taken is not leader:
        said += f"; {leader.name} gains no more that could be told from chance, and is slower"
    return Choice(taken.name, said, judged)


def _nothing_better(best: Option, judged: Sequence[Judged], min_gain: float) -> str:
    fused = [each for each in judged if not each.option.single]
    if not fused:
        return f"{best.name} goes on alone: there is nothing to fuse it with"
    within = [each for each in fused if each.within]
    if not within:
        return f"{best.name} goes on alone: every fused model is beyond the budget"
    top = within[0]
    what = f"{top.option.name}, the best of {len(within)} fused models, gains {top.gain:.4f} of validation log loss"
    why = f"no more than the {min_gain:g} asked for" if 0 < top.gain <= min_gain else "no more than chance"
    return f"{best.name} goes on alone: {what}, {why}"


def _within(option: Option, limits: Limits, quickest_ms: float) -> bool:
    slow = limits.latency_ratio is not None and option.latency_ms > limits.latency_ratio * quickest_ms
    return not slow and (limits.size_bytes is None or option.size_bytes <= limits.size_bytes)


def _resamples(rows: int, seed: int) -> np.ndarray:
    """How often each row is drawn, int [SAMPLES, n]."""
    return np.random.default_rng(seed).multinomial(rows, np.full(rows, 1 / rows), size=SAMPLES)


def _low(gains: np.ndarray, counts: np.ndarray, level: float) -> float:
    """Lower end of a one-sided interval of the mean of `gains`."""
    return float(np.quantile(counts @ gains / len(gains), level))


def _check(options: Sequence[Option]) -> None:
    names = [option.name for option in options]
    if not any(option.single for option in options):
        raise ValueError(f"Invalid `options`. Expected at least one member alone. Received: {names}.")
    if len(set(names)) < len(names):
        raise ValueError(f"Invalid `options`. Expected different names. Received: {names}.")
    shapes = {option.losses.shape for option in options}
    if len(shapes) > 1 or min(shapes) == (0,):
        raise ValueError(
            f"Invalid `options`. Expected losses of the same rows, at least one. Received: shapes {sorted(shapes)}."
        )
    broken = [option.name for option in options if not np.isfinite(option.losses).all()]
    if broken:
        raise ValueError(f"Invalid `options`. Expected finite losses. Received: others from {', '.join(broken)}.")
