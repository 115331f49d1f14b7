import copy
import re
from typing import Any, get_args, get_origin

import annotated_types as limits
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tasks.recipe.check import validate
from tasks.recipe.describe import choices, is_nullable, is_section, members, section_of, unwrap
from tasks.recipe.inherit import dump, merge, recipe_sha256
from tasks.recipe.kinds import Ancestor
from tasks.recipe.load import parse
from tasks.recipe.plain_yaml import read
from tasks.recipe.schema import Recipe

LEAST = {"name": "digits", "data": {"source": "bundled:digits"}}
PARENT = {
    "name": "digits",
    "description": "the first one",
    "seed": 7,
    "inherit": {"ancestors": ["models:/older@production"], "prepare": ["older.yaml"]},
    "data": {
        "source": "/data/rows.csv",
        "target": "y",
        "classes": ["a", "b"],
        "rows": {"end": 0.5},
        "append": ["/data/b1.csv"],
    },
    "transfer": {"batch_size": 64, "patience": 2},
    "evaluate": {"gate": {"floors": {"accuracy": 0.9, "macro_f1": 0.8}}},
    "deploy": {"to": "production"},
}


def test_merge_keeps_what_the_child_states_and_fills_the_rest():
    merged = merge({"name": "heir", "data": {"drop": ["id"]}, "transfer": {"batch_size": 8}, "seed": 1}, PARENT)
    assert merged.stated == {
        "name": "heir",
        "seed": 1,
        "data": {
            "drop": ["id"],
            "source": "/data/rows.csv",
            "target": "y",
            "classes": ["a", "b"],
            "rows": {"end": 0.5},
            "append": ["/data/b1.csv"],
        },
        "transfer": {"batch_size": 8, "patience": 2},
        "evaluate": {"gate": {"floors": {"accuracy": 0.9, "macro_f1": 0.8}}},
    }
    assert merged.inherited_keys == (
        "data.source",
        "data.target",
        "data.classes",
        "data.rows.end",
        "data.append",
        "transfer.patience",
        "evaluate.gate.floors.accuracy",
        "evaluate.gate.floors.macro_f1",
    )


def test_merge_makes_a_whole_recipe_when_nothing_but_inherit_is_stated():
    child = {"inherit": "models:/digits@production"}
    merged = merge(child, PARENT)
    recipe = parse(merged.stated, origin="merged")
    assert (recipe.name, recipe.data.source, recipe.seed) == ("digits", "/data/rows.csv", 7)
    assert recipe.inherit.ancestors == ["models:/digits@production"]
    assert recipe.inherit.prepare == []
    assert (recipe.description, recipe.deploy.to) == ("", "staging")
    assert not any(key.startswith(("inherit", "description", "deploy")) for key in merged.inherited_keys)


def test_merge_keeps_back_the_strength_of_objectives_when_the_child_has_its_own():
    parent = {"transfer": {"objectives": ["mmd", "l2_sp"], "strength": {"mmd": 2.0}, "patience": 2}}
    own = merge({"transfer": {"objectives": ["fine_tuning"]}}, parent)
    assert own.stated["transfer"] == {"objectives": ["fine_tuning"], "patience": 2}
    assert merge({"transfer": {"patience": 3}}, parent).stated["transfer"] == parent["transfer"] | {"patience": 3}


def test_merge_keeps_back_the_choice_of_rows_when_the_child_has_its_own_source():
    merged = merge({"data": {"source": "/new/rows.csv"}}, PARENT)
    assert merged.stated["data"] == {"source": "/new/rows.csv", "target": "y"}


def test_merge_keeps_back_what_a_gate_asks_of_columns_and_rows_when_the_child_has_its_own_source():
    slices = {"by_class": {"recall": 0.8}, "by": {"sex": {"accuracy": 0.7}}, "min_rows": 9}
    parent = {"data": {"source": "/old.csv"}, "evaluate": {"gate": {"slices": slices, "golden": "/golden.csv"}}}
    assert merge({}, parent).stated["evaluate"] == parent["evaluate"]
    merged = merge({"data": {"source": "/new.csv"}}, parent).stated["evaluate"]["gate"]
    assert merged == {"slices": {"by_class": {"recall": 0.8}, "min_rows": 9}}


def test_merge_replaces_lists_whole():
    merged = merge({"data": {"append": ["/data/b2.csv"], "classes": ["b", "c"]}}, PARENT)
    assert merged.stated["data"]["append"] == ["/data/b2.csv"]
    assert merged.stated["data"]["classes"] == ["b", "c"]


@pytest.mark.parametrize(
    ("child", "parent", "expected"),
    [
        ({"prune": None}, {"prune": {"sparsity": 0.8}}, {"prune": None}),
        ({"prune": {"epochs": 2}}, {"prune": None}, {"prune": {"epochs": 2}}),
        ({"prune": {"epochs": 2}}, {"prune": {"sparsity": 0.8, "epochs": 9}}, {"prune": {"epochs": 2, "sparsity": 0.8}}),
        ({}, {"prune": None}, {"prune": None}),
        ({}, {"prune": {}}, {"prune": {}}),
    ],
)
def test_merge_treats_null_as_stated(child, parent, expected):
    assert merge({"compress": child}, {"compress": parent}).stated == {"compress": expected}


def test_merge_changes_neither_argument():
    child, parent = {"data": {"drop": ["id"]}, "evaluate": {"gate": {}}}, copy.deepcopy(PARENT)
    merged = merge(child, parent)
    merged.stated["data"]["classes"].append("c")
    merged.stated["evaluate"]["gate"]["floors"]["accuracy"] = 0.0
    merged.stated["data"]["drop"].append("x")
    assert child == {"data": {"drop": ["id"]}, "evaluate": {"gate": {}}}
    assert parent == PARENT


def test_dump_writes_every_key_in_plain_yaml():
    recipe = Recipe.model_validate(LEAST)
    text = dump(recipe)
    assert yaml.safe_load(text) == recipe.model_dump(mode="json")
    assert text.startswith("name: digits\ndescription: ''\nseed: 0\ninherit:\n  ancestors: []\n")
    assert not re.search(r"[&*!]\w", text)


def test_recipe_sha256_is_the_same_when_defaults_are_stated():
    stated = Recipe.model_validate({**LEAST, "fuse": {"min_gain": 0.005}, "seed": 0})
    assert recipe_sha256(stated) == recipe_sha256(Recipe.model_validate(LEAST))
    assert re.fullmatch("[0-9a-f]{64}", recipe_sha256(stated))


def test_recipe_sha256_is_another_when_any_value_is():
    hashes = {recipe_sha256(Recipe.model_validate({**LEAST, "seed": seed})) for seed in range(3)}
    assert len(hashes) == 3


# Recipes of any kind, drawn from the schema itself: each key may be stated, with any value its type and limits allow.


def _mark(marks: tuple[Any, ...], kind: type, name: str) -> Any:
    return next((getattr(mark, name) for mark in marks if isinstance(mark, kind)), None)


def _number(annotation: type, marks: tuple[Any, ...]) -> st.SearchStrategy:
    above, below = _mark(marks, limits.Gt, "gt"), _mark(marks, limits.Lt, "lt")
    low = _mark(marks, limits.Ge, "ge") if above is None else above
    high = _mark(marks, limits.Le, "le") if below is None else below
    if annotation is int:
        return st.integers(low, high)
    ends = {"exclude_min": above is not None, "exclude_max": below is not None}
    return st.floats(low, high, allow_nan=False, allow_infinity=False, **ends)


def _text(marks: tuple[Any, ...]) -> st.SearchStrategy:
    pattern = next((mark.pattern for mark in marks if getattr(mark, "pattern", None)), None)
    if pattern is None:
        return st.text(min_size=1, max_size=6)
    return st.from_regex(pattern.replace("^", r"\A").replace("$", r"\Z"))


def _value(annotation: Any, metadata: tuple[Any, ...] = ()) -> st.SearchStrategy:
    if annotation is Ancestor:
        return st.from_regex(r"\Amodels:/[a-z]{1,5}[/@][a-z0-9]{1,5}\Z")
    bare, marks = unwrap(annotation, metadata)
    items = [_value(item) for item in get_args(bare)] if get_origin(bare) in (list, tuple, dict) else []
    if len(members(bare)) > 1 or is_nullable(bare):
        return st.one_of(*map(_value, members(bare)), *([st.none()] if is_nullable(bare) else []))
    if choices(bare, marks):
        return st.sampled_from(choices(bare, marks))
    if is_section(bare):
        return _section(bare)
    if get_origin(bare) is list:
        return st.lists(items[0], min_size=_mark(marks, limits.MinLen, "min_length") or 0, max_size=3)
    if get_origin(bare) is tuple:
        return st.tuples(*items).map(sorted)
    if get_origin(bare) is dict:
        return st.dictionaries(*items, max_size=3)
    plain = {bool: st.booleans(), str: _text(marks)}
    return plain[bare] if bare in plain else _number(bare, marks)


def _section(section: Any) -> st.SearchStrategy:
    drawn = {name: _value(field.annotation, tuple(field.metadata)) for name, field in section.model_fields.items()}
    required = {name: drawn.pop(name) for name, field in section.model_fields.items() if field.is_required()}
    return st.fixed_dictionaries(required, optional=drawn)


# Rules between keys (start < end, ...) turn away many draws; that is no fault of the strategy.
ANY_RECIPE = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("name", [name for name, field in Recipe.model_fields.items() if section_of(field.annotation)])
@given(data=st.data())
@ANY_RECIPE
def test_parse_of_dump_is_the_same_recipe(name, data):
    stated = {**LEAST, name: data.draw(_section(section_of(Recipe.model_fields[name].annotation)))}
    recipe, _ = validate(stated)
    assume(recipe is not None)
    again = parse(read(dump(recipe).encode(), "dump").data, origin="dump")
    assert again == recipe
    assert recipe_sha256(again) == recipe_sha256(recipe)
