"""What a recipe may say of fusion, in a word or in full."""

import pytest

from tasks.methods.fusion.ways import AUTO, kind_of, names
from tasks.recipe.check import validate
from tasks.recipe.inherit import merge
from tasks.recipe.schema import Recipe
from tasks.recipe.shorthand import spelled_out


def of(fuse):
    return Recipe.model_validate({"name": "r", "data": {"source": "bundled:iris"}, "fuse": fuse}).fuse


def told(**fuse) -> list[str]:
    _, mistakes = validate({"name": "r", "data": {"source": "bundled:iris"}, "fuse": fuse})
    return [mistake.text("r") for mistake in mistakes]


@pytest.mark.parametrize("name", names())
def test_every_way_can_be_named_alone_and_in_a_list(name):
    assert of(name).ways == of([name]).ways == of({"method": name}).ways == [name]


def test_auto_is_short_for_ways_of_three_kinds():
    assert of("auto").ways == list(AUTO)
    assert {kind_of(name) for name in AUTO} == {"combine", "merge", "join"}
    assert of("auto").needs_origins
    assert not of("mean").needs_origins


def test_kind_of_refuses_an_unknown_way():
    with pytest.raises(ValueError, match="Received: 'men'"):
        kind_of("men")


@pytest.mark.parametrize(
    ("fuse", "said"),
    [
        ({"method": ["mean", "mean"]}, "fuse: expected each method once. Received twice: mean."),
        ({"method": ["mean", "auto"]}, "fuse.method[1]: expected one of"),
        ({"method": []}, "fuse.method: expected"),
        ({"budget": {"latency_ratio": 0.5}}, "fuse.budget.latency_ratio: expected"),
        (
            {"method": "snapshots", "epochs": 2},
            "fuse: expected with snapshots at least as many epochs as members. Received: 2 and 3.",
        ),
    ],
)
def test_what_can_not_be_is_told(fuse, said):
    assert told(**fuse)[0].removeprefix("r: ").startswith(said)


def test_a_word_is_spelled_out_so_that_the_rest_of_the_section_is_still_handed_down():
    assert spelled_out({"fuse": "auto", "seed": 1}) == {"fuse": {"method": "auto"}, "seed": 1}
    merged = merge({"fuse": "auto"}, {"fuse": {"method": "mean", "min_gain": 0.5}})
    assert merged.stated["fuse"] == {"method": "auto", "min_gain": 0.5}
    assert merged.inherited_keys == ("fuse.min_gain",)
