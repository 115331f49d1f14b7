from collections.abc import Callable

from model_registry import gates
from model_registry.gates import RuleOutcome, Verdict
from model_registry.versions import Version


def verdict_on(version: Version, rules: list[RuleOutcome]) -> Verdict:
    passed = all(rule.passed for rule in rules)
    return Verdict(candidate=version.ref, passed=passed, rules=rules, metrics={"accuracy": 0.9}, rows=10, run_id="abc")


def line(number: int, *, passed: bool = True, judged: bool = True) -> RuleOutcome:
    metric = f"accuracy[{'site ' * 20}{number}]"
    return RuleOutcome(rule="slice", metric=metric, value=0.9, limit=0.8, passed=passed, note="30 rows", judged=judged)


def test_verdict_is_read_back_line_by_line(make: Callable[..., Version]):
    version = make("a")
    verdict = verdict_on(version, [line(1), line(2, passed=False), line(3, judged=False)])
    gates.record(verdict)
    assert gates.read(version) == verdict
    assert [rule.outcome for rule in gates.read(version).rules] == ["pass", "refused", "not judged"]


def test_verdict_of_very_many_lines_keeps_those_that_refused(make: Callable[..., Version]):
    version = make("a")
    gates.record(verdict_on(version, [line(number, passed=number < 995) for number in range(1000)]))
    kept = gates.read(version)
    assert [rule.metric for rule in kept.rules[:5]] == [line(number).metric for number in range(995, 1000)]
    assert kept.rules[-1].metric == "700 lines"
    assert kept.rules[-1].note == "left out here; verdict.json of run abc has them"
    assert not kept.passed


def test_verdict_of_an_earlier_form_is_read_with_every_line_judged():
    stored = {"rule": "floor", "metric": "accuracy", "value": 0.9, "limit": 0.8, "passed": True}
    assert RuleOutcome.model_validate(stored).outcome == "pass"
