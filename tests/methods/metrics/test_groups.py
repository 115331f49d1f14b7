import numpy as np
import pytest

from tasks.methods.metrics import groups_of


def members(groups: dict[str, np.ndarray]) -> dict[str, list[int]]:
    return {name: np.flatnonzero(rows).tolist() for name, rows in groups.items()}


def test_groups_are_the_categories_with_missing_last():
    values = np.array(["m", "f", None, "m", "~"], dtype=object)
    assert members(groups_of("sex", values, values)) == {
        "sex=f": [1],
        "sex=m": [0, 3],
        "sex=~": [4],
        "sex=<missing>": [2],
    }


def test_groups_of_numbers_are_cut_at_the_quartiles_of_the_training_rows():
    training = np.array([0.0, 10.0, 20.0, 30.0, 40.0, np.nan])  # quartiles 10, 20, 30
    values = np.array([-5.0, 10.0, 10.5, 20.0, 31.0, np.nan, 99.0])
    assert members(groups_of("age", values, training)) == {
        "age <= 10": [0, 1],
        "10 < age <= 20": [2, 3],
        "age > 30": [4, 6],
        "age=<missing>": [5],
    }


def test_groups_of_two_numbers_are_those_two():
    values = np.array([0.0, 1.0, 1.0, 0.0])
    training = np.array([0.0] * 6 + [1.0] * 4)  # quartiles 0, 0, 1
    assert members(groups_of("flag", values, training)) == {"flag <= 0": [0, 3], "0 < flag <= 1": [1, 2]}


@pytest.mark.parametrize("training", [np.full(3, np.nan), np.array([])])
def test_groups_are_one_when_no_training_row_has_a_number(training: np.ndarray):
    assert members(groups_of("x", np.array([1.0, 2.0]), training)) == {"x": [0, 1]}


@pytest.mark.parametrize("seed", range(5))
def test_groups_divide_the_rows(seed: int):
    rng = np.random.default_rng(seed)
    values = np.where(rng.random(200) < 0.1, np.nan, rng.integers(0, 6, 200).astype(float))
    counted = np.sum(list(groups_of("x", values, rng.normal(3, 1, 50)).values()), axis=0)
    assert counted.tolist() == [1] * 200
