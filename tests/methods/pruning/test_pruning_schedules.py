"""Schedules: hand-worked points, then what holds for every schedule."""

import numpy as np
import pytest

from tasks.methods.pruning.schedules import schedules


def test_polynomial_is_the_papers_equation():
    polynomial = schedules.get("polynomial")
    assert polynomial(0.0, 0.2, 0.8) == pytest.approx(0.2)
    assert polynomial(0.5, 0.2, 0.8) == pytest.approx(0.8 - 0.6 / 8)
    assert polynomial(1.0, 0.2, 0.8) == 0.8


def test_constant_is_at_the_end_from_the_start():
    assert [schedules.get("constant")(progress, 0.2, 0.8) for progress in (0.0, 0.5, 1.0)] == [0.8] * 3


@pytest.mark.parametrize("name", schedules.names())
@pytest.mark.parametrize(("start", "end"), [(0.0, 0.9), (0.3, 0.3), (0.1, 0.99)])
def test_every_schedule_rises_from_start_to_end(name, start, end):
    values = np.array([schedules.get(name)(progress, start, end) for progress in np.linspace(0, 1, 41)])
    assert values[-1] == end
    assert (np.diff(values) >= -1e-12).all()
    assert start - 1e-12 <= values.min() <= values.max() <= end + 1e-12
