import dataclasses

import pytest

from model_registry.errors import InputError
from tasks.recipe.load import load, parse
from tasks.recipe.mistakes import RecipeError
from tasks.recipe.schema import Recipe


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a recipe into the current folder, so that errors name it in short."""
    monkeypatch.chdir(tmp_path)

    def to(text, name="digits.yaml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path.relative_to(tmp_path)

    return to


def refused(path):
    with pytest.raises(InputError) as caught:
        load(path)
    return str(caught.value).splitlines()


def test_load_gives_the_recipe_and_exactly_what_is_stated(write, tmp_path):
    path = write("name: digits\ninherit: models:/old@production\ndata:\n  source: bundled:digits\n  classes: [no, 1]\n")
    loaded = load(path)
    assert loaded.stated == {
        "name": "digits",
        "inherit": "models:/old@production",
        "data": {"source": "bundled:digits", "classes": ["no", 1]},
    }
    assert loaded.recipe == Recipe.model_validate(loaded.stated)
    assert loaded.recipe.data.classes == ["no", 1]
    assert loaded.inherit == loaded.recipe.inherit
    assert (loaded.path, loaded.base, loaded.missing) == (path, tmp_path, ())
    with pytest.raises(dataclasses.FrozenInstanceError):
        loaded.base = tmp_path


def test_load_tells_every_mistake_with_file_line_path_and_remedy(write):
    path = write(
        """\
# a comment
nme: digits
data:
  source: nope.csv
  drop: [a, 1]
  drop: 3
compress:
  prune:
    sparsity: 50
    criterion: magnitud

transfer:
  stages:
  - unfreeze: hed
    epochs: 0
fuse: {method: men}
evaluate:
  gate:
    floors:
      acuracy: 0.9
"""
    )
    lines = refused(path)
    assert [line.split(": ")[:2] for line in lines] == [
        ["digits.yaml:2", "name"],
        ["digits.yaml:2", "nme"],
        ["digits.yaml:4", "data.source"],
        ["digits.yaml:5", "data.drop[1]"],
        ["digits.yaml:6", "data.drop"],
        ["digits.yaml:9", "compress.prune.sparsity"],
        ["digits.yaml:10", "compress.prune.criterion"],
        ["digits.yaml:14", "transfer.stages[0].unfreeze"],
        ["digits.yaml:15", "transfer.stages[0].epochs"],
        ["digits.yaml:16", "fuse.method"],
        ["digits.yaml:20", "evaluate.gate.floors.acuracy"],
    ]
    assert lines[1].endswith("Received: 'nme'. Did you mean 'name'?")
    assert lines[7].endswith("expected one of ['head', 'all'], or a whole number >= 1. Received: 'hed'. Did you mean 'head'?")
    assert lines[10].endswith("Received: 'acuracy'. Did you mean 'accuracy'?")


def test_load_names_the_inherit_line_when_the_short_form_is_wrong(write):
    (line,) = refused(write("name: x\ndata: {source: bundled:iris}\n\ninherit: old@production\n"))
    assert line.startswith("digits.yaml:4: inherit.ancestors[0]: expected models:/NAME@ALIAS")


def test_load_names_the_section_line_when_a_required_key_is_missing(write):
    (line,) = refused(write("name: x\n\ndata:\n  target: y\n"))
    assert line.startswith("digits.yaml:3: data.source: expected text, not empty (A .csv")


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_load_says_where_to_start_when_the_file_is_empty(write, text):
    (line,) = refused(write(text))
    assert line.startswith(
        "digits.yaml:1: expected `name` and `data.source` at least. Received: an empty file. `bequest recipe new`"
    )


@pytest.mark.parametrize(
    ("text", "received"), [("- a\n- b\n", "a list: ['a', 'b']"), ("just words\n", "'just words'"), ("3\n", "3")]
)
def test_load_asks_for_keys_when_the_top_level_has_none(write, text, received):
    assert refused(write(text)) == [f"digits.yaml:1: expected keys such as `name` and `data`. Received: {received}"]


def test_load_names_line_and_column_when_it_is_no_yaml(write):
    (line,) = refused(write("name: x\ndata: [1\nseed: 3\n"))
    assert line.startswith("digits.yaml:3: column 5: expected YAML. Received: while parsing a flow sequence")


def test_load_tells_a_top_level_key_stated_twice(write):
    assert refused(write("name: x\ndata: {source: bundled:iris}\nname: y\n")) == [
        "digits.yaml:3: name: expected each key once. Received: 'name' again, first on line 1"
    ]


def test_load_names_the_nearest_file_when_there_is_none(write):
    write("", "digits.yaml")
    write("", "iris.yaml")
    assert refused("digit.yml") == [
        "digit.yml: expected a recipe file. Received: nothing of that name. Did you mean 'digits.yaml'?"
    ]


def test_load_names_the_recipes_in_it_when_given_a_folder(write, tmp_path):
    write("", "iris.yaml")
    write("", "notes.txt")
    assert refused(tmp_path) == [f"{tmp_path}: expected a recipe file. Received: a folder. Recipes in it: ['iris.yaml']."]


def test_load_finds_files_relative_to_the_recipe_and_not_to_the_current_folder(write, tmp_path, monkeypatch):
    path = write("name: x\ndata: {source: rows.csv}\n")
    (tmp_path / "rows.csv").touch()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load(tmp_path / path).base == tmp_path


def test_load_leaves_name_and_data_to_a_named_ancestor(write):
    loaded = load(write("inherit: models:/digits@production\n"))
    assert loaded.missing == ("name", "data")
    assert loaded.inherit.ancestors == ["models:/digits@production"]
    with pytest.raises(RecipeError, match=r"digits\.yaml: name: expected"):
        _ = loaded.recipe


def test_load_leaves_only_the_source_when_the_rest_of_data_is_stated(write):
    assert load(write("name: x\ninherit: models:/digits/3\ndata:\n  drop: [id]\n")).missing == ("data.source",)


@pytest.mark.parametrize(
    "inherit", ["auto", "{ancestors: ['models:/digits@production'], solution: false}", "{ancestors: []}", "{solution: true}"]
)
def test_load_asks_for_name_and_data_when_no_recipe_is_handed_down(write, inherit):
    assert [line.split(": ")[1] for line in refused(write(f"inherit: {inherit}\n"))] == ["name", "data"]


def test_load_still_tells_other_mistakes_when_data_is_left_to_the_ancestor(write):
    (line,) = refused(write("inherit: models:/digits@production\nsed: 3\n"))
    assert line.startswith("digits.yaml:2: sed: ")
    assert line.endswith("Did you mean 'seed'?")


def test_parse_names_the_origin_instead_of_a_line():
    with pytest.raises(RecipeError, match=r"^models:/x/3, merged: fuse\.method: expected one of \["):
        parse({"name": "x", "data": {"source": "bundled:iris"}, "fuse": {"method": "men"}}, origin="models:/x/3, merged")
