"""Whether a solution fits other rows, and what differs, in words."""

import numpy as np
import pandas as pd
import pytest

from tasks.data.dataset import DataSet
from tasks.solution import Solution
from tasks.solution_fit import held_against, solution_fit


@pytest.fixture
def made(prepared):
    """`made(source)`: the data set of a table or a picture file, and the solution that goes with it."""

    def run(source):
        recipe, data = prepared(source)
        rows = DataSet.open(data)
        return rows, Solution(
            recipe=recipe.model_dump(mode="json"), card=rows.card, preprocessing=rows.preprocessing, contract=rows.contract
        )

    return run


@pytest.fixture
def pictures(tmp_path):
    """`pictures(side)`: a file of 60 pictures of two classes."""

    def run(side: int) -> str:
        rng = np.random.default_rng(side)
        x = rng.integers(0, 255, (60, side, side, 1), dtype=np.uint8)
        np.savez(tmp_path / f"{side}.npz", x=x, y=np.arange(60) % 2)
        return str(tmp_path / f"{side}.npz")

    return run


def test_a_solution_fits_its_own_rows(made, measured):
    rows, solution = made(measured())
    fit = held_against(solution_fit(solution, rows), solution, rows)
    assert (fit.level, fit.differs) == ("fits", [])


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        (lambda frame: frame.assign(d=frame["a"] * 2), ["new columns ['d']"]),
        (lambda frame: frame.drop(columns="c"), ["without columns ['c']"]),
        (lambda frame: frame.rename(columns={"c": "z"}), ["new columns ['z']", "without columns ['c']"]),
        (lambda frame: frame.replace({"label": {"low": "nought"}}), ["knows 1 of these 2 classes, and 1 others"]),
        (lambda frame: frame.replace({"label": {"low": "x", "high": "y"}}), ["other classes"]),
    ],
)
def test_tables_differ_in_columns_and_classes(made, measured, change, differs):
    _, solution = made(measured())
    rows, _ = made(change(measured(seed=1)))
    fit = solution_fit(solution, rows)
    assert (fit.level, fit.differs) == ("partly", differs)


def test_the_contract_tells_of_values_it_does_not_allow(made, measured):
    _, solution = made(measured())
    wide = measured(seed=1)
    wide[["a", "b"]] *= 50
    rows, _ = made(wide.assign(d=1.0 * np.arange(len(wide))))
    fit = held_against(solution_fit(solution, rows), solution, rows)
    assert fit.level == "partly"
    assert fit.differs[0] == "new columns ['d']"
    assert fit.differs[1].startswith("its contract does not allow: ")
    assert fit.differs[1].endswith(", and 1 more")
    without = Solution(recipe=solution.recipe, card=solution.card, preprocessing=solution.preprocessing)
    assert held_against(solution_fit(without, rows), without, rows).differs == fit.differs[:1]


def test_nothing_fits_where_rows_are_of_another_kind(made, measured, pictures):
    rows, of_a_table = made(measured())
    _, of_pictures = made(pictures(8))
    assert solution_fit(of_pictures, rows).differs == ["it is about pictures, these rows are a table"]
    other = pd.DataFrame({"x": np.arange(60.0), "label": np.where(np.arange(60) % 2, "high", "low")})
    strange, _ = made(other)
    fit = held_against(solution_fit(of_a_table, strange), of_a_table, strange)
    assert (fit.level, fit.differs) == ("no", ["no column in common"])
    assert solution_fit(Solution(), rows).differs == ["it hands down no recipe and preprocessing"]


def test_pictures_differ_in_shape(made, pictures):
    _, solution = made(pictures(8))
    rows, _ = made(pictures(6))
    assert solution_fit(solution, rows).differs == ["pictures of 8 x 8 x 1, these are 6 x 6 x 1"]
