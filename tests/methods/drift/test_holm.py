import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.methods.drift import holm


def test_holm_matches_hand_worked_values():
    # Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1 is 0.04, 0.06, 0.06, 0.04; never below one before it.
    np.testing.assert_allclose(holm([0.04, 0.01, 0.03, 0.02]), [0.06, 0.04, 0.06, 0.06])


def test_holm_stops_at_one():
    np.testing.assert_allclose(holm([0.9, 0.8]), [1.0, 1.0])


def test_holm_of_nothing_is_nothing():
    assert holm([]).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_the_p_value_and_bonferroni_and_keeps_order(p_values):
    p, adjusted = np.array(p_values), holm(p_values)
    assert (adjusted >= p - 1e-15).all()
    assert (adjusted <= np.minimum(1, p * len(p)) + 1e-12).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


@pytest.mark.parametrize("bad", [[-0.1], [1.1], [float("nan")]])
def test_holm_refuses_what_is_not_a_p_value(bad):
    with pytest.raises(ValueError, match=r"numbers in \[0, 1\]"):
        holm(bad)
