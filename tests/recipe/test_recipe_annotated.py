"""The whole recipe, with where each key comes from."""

from tasks.recipe.annotated import annotated
from tasks.recipe.inherit import merge
from tasks.recipe.load import parse
from tasks.recipe.schema import Recipe
from tasks.recipe.summary import leaves

PARENT = Recipe.model_validate(
    {"name": "parent", "data": {"source": "bundled:iris"}, "train": {"epochs": 7}, "transfer": {"batch_size": 8}}
)


def marks(text: str) -> dict[str, str]:
    """Line -> its remark; empty where there is none."""
    pairs = (line.partition("  # ") for line in text.splitlines())
    return {line.rstrip(): remark for line, _, remark in pairs}


def test_keys_say_whether_they_were_handed_down_or_are_defaults_and_stated_ones_stand_bare():
    stated = {"name": "heir", "data": {"source": "bundled:wine"}, "train": {"batch_size": 64}}
    merged = merge(stated, PARENT.model_dump(mode="json", include={"train": {"epochs"}, "transfer": True}))
    recipe = parse(merged.stated, origin="heir.yaml")
    text = annotated(recipe, leaves(stated), merged.inherited_keys, "parent/3")
    assert parse(merged.stated, origin="x") == Recipe.model_validate(_plain(text))
    found = marks(text)
    assert found["name: heir"] == ""
    assert found["  source: bundled:wine"] == ""
    assert found["  epochs: 7"] == "from parent/3"
    assert found["  stages:"] == "from parent/3"
    assert found["  batch_size: 64"] == ""
    assert found["  optimizer: adam"] == "default"
    assert found["train:"] == ""


def test_recipe_without_ancestors_has_defaults_alone():
    recipe = parse({"name": "x", "data": {"source": "bundled:iris"}}, origin="x.yaml")
    assert set(marks(annotated(recipe, ["name", "data.source"], (), "nobody")).values()) == {"", "default"}


def _plain(text: str):
    from tasks.recipe.plain_yaml import read

    return read(text.encode(), "text").data
