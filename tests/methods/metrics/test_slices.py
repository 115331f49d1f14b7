import math

import numpy as np

from tasks.methods.metrics import Rule, class_floors, group_floors, passes

Y = np.array([0, 0, 0, 0, 1, 1, 2])
PREDICTED = np.array([0, 0, 0, 1, 1, 1, 1])
PROBABILITIES = np.eye(4)[PREDICTED]  # class 3 has no row


def test_class_floors_judge_each_class_by_hand_and_tell_what_has_too_few_rows():
    rules = class_floors(PROBABILITIES, Y, ["a", "b", "c", "d"], {"recall": 0.8}, min_rows=2)
    assert rules[:3] == [
        Rule("slice", "recall[a]", 0.75, 0.8, False, "4 rows"),
        Rule("slice", "recall[b]", 1.0, 0.8, True, "2 rows"),
        Rule("slice", "recall[c]", 0.0, 0.8, True, "1 rows, fewer than min_rows 2", judged=False),
    ]
    assert (rules[3].note, rules[3].judged, math.isnan(rules[3].value)) == ("0 rows, fewer than min_rows 2", False, True)
    assert not passes(rules)
    assert passes(class_floors(PROBABILITIES, Y, ["a", "b", "c", "d"], {"recall": 0.75}, min_rows=2))


def test_class_floors_refuse_a_class_that_is_never_predicted():
    (_, _, rule, _) = class_floors(PROBABILITIES, Y, ["a", "b", "c", "d"], {"precision": 0.5}, min_rows=1)
    assert (rule.metric, rule.value, rule.passed) == ("precision[c]", 0.0, False)


def test_group_floors_judge_each_group_by_hand():
    groups = {"sex=f": np.arange(7) < 4, "sex=m": np.arange(7) >= 4}
    rules = group_floors(PROBABILITIES, Y, groups, {"accuracy": 0.7}, min_rows=3)
    assert rules == [
        Rule("slice", "accuracy[sex=f]", 0.75, 0.7, True, "4 rows"),
        Rule("slice", "accuracy[sex=m]", 2 / 3, 0.7, False, "3 rows"),
    ]


def test_group_floors_do_not_judge_a_metric_that_is_undefined_on_a_group():
    probabilities, y = np.eye(2)[[0, 0, 1, 1]], np.array([0, 0, 0, 1])
    (rule,) = group_floors(probabilities, y, {"x": np.array([True, True, False, False])}, {"auroc": 0.5}, min_rows=1)
    assert (rule.judged, rule.passed, rule.note) == (False, True, "undefined on its 2 rows")


def test_many_small_slices_are_told_in_one_line():
    y = np.array([*range(12), *[12] * 5])
    names = [f"c{each}" for each in range(13)]
    rules = class_floors(np.eye(13)[y], y, names, {"recall": 0.9}, min_rows=5)
    assert [(rule.metric, rule.judged) for rule in rules] == [("recall[c12]", True), ("recall[12 slices]", False)]
    assert rules[1].note == "fewer than min_rows 5: c0, c1, c2, ..."
