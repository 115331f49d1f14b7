import math

import numpy as np
import pytest

from tasks.methods.metrics import PairedResult, Rule, below, judge, not_judged, paired_bootstrap, passes

VALUES = {"accuracy": 0.93, "log_loss": 0.2, "size_bytes": 9000.0, "auroc": math.nan}


def result(p_value: float) -> PairedResult:
    return PairedResult(difference=0.01, low=-0.01, high=0.03, p_value=p_value, rule="non_inferior", margin=0.02)


def test_judge_gives_one_line_a_rule():
    rules = judge(VALUES, {"accuracy": 0.9}, {"log_loss": 0.1, "size_bytes": 9000}, result(0.01), alpha=0.05)
    assert rules == [
        Rule("floor", "accuracy", 0.93, 0.9, True),
        Rule("ceiling", "log_loss", 0.2, 0.1, False),
        Rule("ceiling", "size_bytes", 9000.0, 9000.0, True),
        Rule("non_inferior", "p_value", 0.01, 0.05, True),
    ]
    assert not passes(rules)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_judge_never_passes_a_value_that_is_not_finite(value):
    rules = judge({"m": value}, {"m": -1e300}, {"m": 1e300}, result(value))
    assert [rule.passed for rule in rules] == [False, False, False]


def test_judge_never_passes_when_the_limit_is_nan():
    assert not passes(judge(VALUES, {"accuracy": math.nan}, {}))


def test_judge_refuses_when_the_comparison_is_not_significant():
    (rule,) = judge(VALUES, {}, {}, result(0.06), alpha=0.05)
    assert not rule.passed


def test_judge_lists_the_names_when_a_limit_is_on_what_was_not_measured():
    with pytest.raises(ValueError, match=r"`floors`. Expected metrics among \['accuracy', .*Received: 'acuracy'"):
        judge(VALUES, {"acuracy": 0.9}, {})
    with pytest.raises(ValueError, match="`ceilings`"):
        judge(VALUES, {}, {"latency_ms": 3})


def test_judge_passes_when_nothing_is_asked():
    assert judge(VALUES, {}, {}) == []
    assert passes([])


def test_judge_takes_what_the_paired_test_gives():
    same = np.ones(400, bool)
    assert passes(judge(VALUES, {"accuracy": 0.9}, {}, paired_bootstrap(same, same, 0.02)))


def test_below_passes_up_to_the_limit_and_never_what_is_not_finite():
    assert below("ratio", "latency", 1.2, 1.2, "why") == Rule("ratio", "latency", 1.2, 1.2, True, "why")
    assert [below("ratio", "latency", value, 1.2).passed for value in (1.21, math.nan, -math.inf)] == [False] * 3


def test_the_verdict_does_not_rest_on_a_rule_that_was_not_judged():
    rule = not_judged("golden", "lost_rows", 0.0, "no champion")
    assert (rule.judged, rule.note, math.isnan(rule.value)) == (False, "no champion", True)
    assert passes([rule])
    assert not passes([rule, below("ratio", "latency", 2.0, 1.0)])
