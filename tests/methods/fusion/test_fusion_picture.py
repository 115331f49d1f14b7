"""The picture of a family: the front it draws, and that it is drawn with and without limits."""

import numpy as np
import pytest

from tasks.methods.fusion.choice import Limits, Option, choose
from tasks.methods.fusion.picture import front, fusion_png


def option(name: str, loss: float, ms: float, size: int = 1000, single: bool = False) -> Option:
    return Option(name, np.full(50, loss) + np.linspace(-0.01, 0.01, 50), ms, size, single)


@pytest.fixture
def choice():
    return choose(
        [
            option("a/1", 0.50, 1.00, single=True),
            option("a/2", 0.60, 0.98, single=True),
            option("soup", 0.45, 1.02),
            option("mean", 0.40, 2.0, 2000),
            option("worse", 0.55, 3.0, 3000),
        ],
        Limits(),
    )


def test_front_is_what_no_other_beats_at_a_cost_that_is_alike(choice):
    assert [each.option.name for each in front(choice.table, lambda each: each.option.latency_ms)] == ["soup", "mean"]


def test_picture_is_equal_for_equal_choices_and_shows_the_limits(choice):
    plain = fusion_png(choice, Limits())
    assert plain.startswith(b"\x89PNG")
    assert plain == fusion_png(choice, Limits())
    assert plain != fusion_png(choice, Limits(latency_ratio=1.5))
    assert plain != fusion_png(choice, Limits(size_bytes=1500))


def test_picture_leaves_out_a_member_that_can_not_be_measured():
    found = choose([option("a/1", 0.5, np.inf, 0, single=True), option("a/2", 0.6, 1.0, single=True)], Limits())
    assert fusion_png(found, Limits()).startswith(b"\x89PNG")
