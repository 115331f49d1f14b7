import numpy as np
import pytest

from tasks.methods.metrics import lost_rows


def test_lost_rows_are_those_the_champion_alone_gets_right():
    challenger = np.array([True, False, False, True, False])
    champion = np.array([True, True, False, False, True])
    assert lost_rows(challenger, champion).tolist() == [1, 4]
    assert lost_rows(champion, champion).tolist() == []


def test_lost_rows_refuses_two_of_different_length():
    with pytest.raises(ValueError, match=r"Received: shapes \(2,\) and \(3,\)"):
        lost_rows(np.ones(3, bool), np.ones(2, bool))
