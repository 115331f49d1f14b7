import copy
from pathlib import Path

from tasks.recipe.paths import absent, anchored, nearest

STATED = {
    "inherit": {"ancestors": "auto", "prepare": ["earlier.yaml"]},
    "data": {"source": "rows.csv", "append": ["more.csv", "/abs/batch.csv"]},
    "preprocess": {"contract": {"path": "suite.json"}},
    "evaluate": {"gate": {"golden": "golden.csv"}},
}


def test_anchored_makes_every_relative_path_absolute():
    before = copy.deepcopy(STATED)
    made = anchored(STATED, Path("/home/ada/project/../digits"))
    assert made == {
        "inherit": {"ancestors": "auto", "prepare": ["/home/ada/digits/earlier.yaml"]},
        "data": {"source": "/home/ada/digits/rows.csv", "append": ["/home/ada/digits/more.csv", "/abs/batch.csv"]},
        "preprocess": {"contract": {"path": "/home/ada/digits/suite.json"}},
        "evaluate": {"gate": {"golden": "/home/ada/digits/golden.csv"}},
    }
    assert before == STATED


def test_anchored_leaves_bundled_data_and_short_forms_alone():
    stated = {"inherit": "models:/x@production", "data": {"source": "bundled:iris"}, "preprocess": None}
    assert anchored(stated, Path("/anywhere")) == stated


def test_absent_tells_each_file_that_does_not_stand(tmp_path):
    (tmp_path / "row.csv").touch()
    (tmp_path / "suite.json").touch()
    told = {mistake.path: mistake.message for mistake in absent(STATED, tmp_path)}
    assert set(told) == {
        ("inherit", "prepare", 0),
        ("data", "source"),
        ("data", "append", 0),
        ("data", "append", 1),
        ("evaluate", "gate", "golden"),
    }
    assert told["data", "source"] == (
        f"expected a file or folder. Received: 'rows.csv', looked for at {tmp_path / 'rows.csv'}. "
        f"Did you mean {str(tmp_path / 'row.csv')!r}?"
    )


def test_absent_passes_over_sections_of_a_wrong_type(tmp_path):
    assert absent({"data": [1], "inherit": 3, "preprocess": {"contract": "x"}}, tmp_path) == []


def test_nearest_names_the_folder_that_stands_when_the_files_does_not(tmp_path):
    assert nearest(tmp_path / "no" / "such" / "x.yaml").endswith(f"the nearest that does is {str(tmp_path)!r}.")
