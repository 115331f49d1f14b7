"""Each sequential test against numbers worked by hand or published, then what holds for every one."""

import random

import numpy as np
import pytest

from tasks.methods.sequential import sequential, track, wilson
from tasks.methods.sequential.adwin import adwin
from tasks.methods.sequential.page_hinkley import excess


def worse(n: int, seed: int, before: float = 0.1, after: float = 0.35) -> np.ndarray:
    """Mistakes of a stream whose error rises after its first half."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.random(n // 2) < before, rng.random(n - n // 2) < after]).astype(np.float64)


def test_excess_matches_the_hand_worked_sum():
    wrong = np.array([[0.0] * 30 + [1.0, 1.0]])
    # 30 zeros take the sum down by 0.005 each; the means are then 1/31 and 2/32, and the least was before the ones.
    ahead = (1 - 1 / 31 - 0.005) + (1 - 2 / 32 - 0.005)
    np.testing.assert_allclose(excess(wrong)[0, [0, 29, 31]], [0.0, 0.0, ahead])


def test_adwin_notices_the_published_change_at_the_published_row():
    # The example of river's documentation (0.26, 12345 as seed): drift detected at index 1023.
    rng = random.Random(12345)
    stream = rng.choices([0, 1], k=1000) + rng.choices(range(4, 8), k=1000)
    assert adwin(np.array(stream, np.float64), 0.002) == [1023]


def test_adwin_cuts_where_another_implementation_does():
    # river 0.26 with delta 0.002 on this stream: first drift at index 1055.
    rng = np.random.default_rng(0)
    stream = np.concatenate([rng.random(1000) < 0.1, rng.random(600) < 0.35]).astype(np.float64)
    assert adwin(stream, 0.002)[0] == 1055


def test_wilson_matches_the_published_interval():
    # Newcombe, 1998, table I: 81 of 263.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("name", sequential.names())
def test_sequential_test_notices_a_rise_soon_after_it(name: str):
    alarms = sequential.get(name)(worse(1600, 0), 0.01)
    assert alarms
    assert 800 <= alarms[0] < 1000
    assert alarms == sorted(set(alarms))
    assert alarms == sequential.get(name)(worse(1600, 0), 0.01)


@pytest.mark.parametrize("name", sequential.names())
def test_sequential_test_is_silent_when_predictions_get_better(name: str):
    assert not sequential.get(name)(worse(1600, 1, before=0.4, after=0.05), 0.01)


@pytest.mark.parametrize("name", sequential.names())
def test_sequential_test_raises_few_false_alarms(name: str):
    rng = np.random.default_rng(1)
    alarms = sum(bool(sequential.get(name)((rng.random(150) < 0.2).astype(np.float64), 0.1)) for _ in range(60))
    assert alarms / 60 <= 0.2


@pytest.mark.parametrize("name", sequential.names())
@pytest.mark.parametrize("stream", [[], [1.0], [0.0] * 400, [1.0] * 400], ids=["none", "one", "right", "wrong"])
def test_sequential_test_has_no_alarm_where_nothing_can_change(name: str, stream: list[float]):
    assert sequential.get(name)(np.array(stream), 0.05) == []


def test_track_tells_accuracy_in_windows_and_since_the_alarm():
    right = worse(1600, 0, after=0.5) == 0
    found = track(right, method="page_hinkley")
    assert (found.windows[0].start, found.windows[-1].end, len(found.windows)) == (0, 1600, 20)
    assert all(each.low <= each.accuracy <= each.high for each in found.windows)
    assert found.windows[0].accuracy == right[:80].mean()
    assert found.since[1] == 1600 - found.alarms[-1]
    assert 0.4 < found.since[0] / found.since[1] < 0.6


def test_track_has_one_window_when_rows_are_few():
    found = track(np.array([True, False, True]))
    assert [(each.start, each.end) for each in found.windows] == [(0, 3)]
    assert (found.alarms, found.since) == ([], (2, 3))
    assert track(np.array([], bool)).windows == []


def test_track_says_what_is_wrong_with_its_rows():
    with pytest.raises(ValueError, match=r"`right`.*bool \[n\].*float64 \[3\]"):
        track(np.ones(3))
    with pytest.raises(ValueError, match="Did you mean 'adwin'"):
        track(np.ones(3, bool), method="adwinn")
