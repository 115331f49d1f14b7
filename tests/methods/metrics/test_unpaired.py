import math

import pytest

from tasks.methods.metrics.unpaired import accuracy_drop


def test_accuracy_drop_is_the_hypergeometric_tail():
    # 4 of 4 right before, 0 of 4 now: of the C(8, 4) ways to place four right answers, one is this extreme.
    assert accuracy_drop((4, 4), (0, 4)) == pytest.approx(1 / math.comb(8, 4))


def test_accuracy_drop_is_weak_when_the_reference_is_small():
    small, large = accuracy_drop((50, 51), (79, 85)), accuracy_drop((4900, 5000), (79, 85))
    assert small > 0.1
    assert large < 0.01


def test_accuracy_drop_is_one_when_accuracy_rose_to_all_right():
    assert accuracy_drop((5, 10), (10, 10)) == pytest.approx(1.0)
    assert accuracy_drop((0, 0), (1, 2)) == 1.0


def test_accuracy_drop_refuses_more_right_answers_than_rows():
    with pytest.raises(ValueError, match="Expected 0 <= right <= rows"):
        accuracy_drop((3, 2), (1, 1))
