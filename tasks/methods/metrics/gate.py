"""The promotion gate's verdict: a table of rules, each with the value found and the limit it had to keep."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.methods.metrics.paired import PairedResult


@dataclass(frozen=True)
class Rule:
    """One line of the verdict.

    Attributes:
        rule: floor, ceiling, slice, ratio, robustness, golden, non_inferior or superior.
        metric: What was judged; `p_value` for the comparison with the champion.
        value: What was found.
        limit: Smallest value (floor, slice) or largest value (all others) that passes.
        passed: Whether the value keeps the limit; False for a value that is not finite. True where it was not judged.
        note: What else a person should know: which rows, or why it was not judged.
        judged: Whether the rule could be applied; the verdict does not rest on one that could not.
    """

    rule: str
    metric: str
    value: float
    limit: float
    passed: bool
    note: str = ""
    judged: bool = True


def below(rule: str, metric: str, value: float, limit: float, note: str = "") -> Rule:
    """A rule that `value` keeps where it is at most `limit`."""
    return Rule(rule, metric, value, limit, math.isfinite(value) and value <= limit, note)


def not_judged(rule: str, metric: str, limit: float, note: str, value: float = math.nan) -> Rule:
    """A rule that could not be applied, with the reason; what was seen all the same may be told."""
    return Rule(rule, metric, value, limit, True, note, judged=False)


def _of(values: Mapping[str, float], limits: Mapping[str, float], kind: str) -> list[Rule]:
    unknown = sorted(set(limits) - set(values))
    if unknown:
        raise ValueError(
            f"Invalid `{kind}s`. Expected metrics among {sorted(values)}. Received: {', '.join(map(repr, unknown))}."
        )
    rules = []
    for name, limit in limits.items():
        value = float(values[name])
        keeps = value >= limit if kind == "floor" else value <= limit
        rules.append(Rule(kind, name, value, float(limit), math.isfinite(value) and keeps))
    return rules


def judge(
    values: Mapping[str, float],
    floors: Mapping[str, float],
    ceilings: Mapping[str, float],
    comparison: PairedResult | None = None,
    alpha: float = 0.05,
) -> list[Rule]:
    """Judges a version.

    Args:
        values: What was measured, by name: metrics, and others such as size_bytes.
        floors: Smallest value that passes, by name.
        ceilings: Largest value that passes, by name.
        comparison: The paired comparison with the champion; None where there is no champion.
        alpha: Largest p-value of the comparison that passes.

    Returns:
        One line a rule, in the order given: floors, ceilings, comparison. Empty where nothing was asked.

    Raises:
        ValueError: A limit names what was not measured; the message lists what was.
    """
    rules = _of(values, floors, "floor") + _of(values, ceilings, "ceiling")
    if comparison is not None:
        p = comparison.p_value
        rules.append(Rule(comparison.rule, "p_value", p, alpha, math.isfinite(p) and p <= alpha))
    return rules


def passes(rules: Sequence[Rule]) -> bool:
    """Whether every rule passed."""
    return all(rule.passed for rule in rules)
