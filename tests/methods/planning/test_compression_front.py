from dataclasses import replace

import pytest

from tasks.methods.planning.front import Budget, Point, front, pick

REFERENCE = Point((), "float32", 0.95, (0.9, 1.0), 0.1, 1000, 900, 0.10, 0, 0)


def point(accuracy: float, size_bytes: int, latency_ms: float = 0.1, training_steps: int = 0) -> Point:
    return replace(
        REFERENCE, accuracy=accuracy, size_bytes=size_bytes, latency_ms=latency_ms, training_steps=training_steps, mode="int8"
    )


def test_front_keeps_what_no_other_beats_smallest_first():
    small, middle, large = point(0.90, 100), point(0.93, 300), point(0.95, 900)
    beaten = point(0.92, 300)
    quick = point(0.90, 500, latency_ms=0.01)  # larger and no better, but faster
    assert front([large, beaten, small, quick, middle]) == [small, middle, quick, large]


def test_front_keeps_the_cheaper_of_equals():
    cheap, dear = point(0.9, 100, training_steps=5), point(0.9, 100, training_steps=50)
    assert front([dear, cheap]) == [cheap]
    assert front([]) == []


def test_front_of_packed_files_weighs_their_bytes_instead():
    dense, sparse = replace(point(0.9, 300), packed_bytes=280), replace(point(0.9, 310), packed_bytes=60)
    assert front([dense, sparse]) == [dense]
    assert front([dense, sparse], packed=True) == [sparse]
    assert pick([dense, sparse], REFERENCE, Budget(packed_bytes=100), max_drop=0.1) == (sparse, True)


def test_pick_takes_the_most_accurate_within_budget_and_drop():
    points = [point(0.99, 600), point(0.948, 400), point(0.946, 200), point(0.9, 100)]
    assert pick(points, REFERENCE, Budget(size_bytes=500), max_drop=0.005) == (points[1], True)
    assert pick(points, REFERENCE, Budget(ratio=4), max_drop=0.005) == (points[2], True)
    assert pick(points, REFERENCE, Budget(ratio=4, latency_ms=0.2), max_drop=0.05) == (points[2], True)


def test_pick_holds_to_accuracy_when_the_budget_cannot_be_met():
    points = [point(0.948, 400), point(0.9, 100)]
    assert pick(points, REFERENCE, Budget(size_bytes=150), max_drop=0.005) == (points[0], False)
    assert pick([point(0.5, 10)], REFERENCE, Budget(size_bytes=150), max_drop=0.005) == (REFERENCE, False)


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (Budget(size_bytes=200), 2.0),
        (Budget(latency_ms=0.05), 2.0),
        (Budget(ratio=5), 2.0),
        (Budget(packed_bytes=300), 3.0),
        (Budget(), 0.0),
    ],
)
def test_excess_is_the_factor_by_which_the_tightest_limit_is_passed(budget, expected):
    assert budget.excess(point(0.9, 400), REFERENCE) == pytest.approx(expected)
