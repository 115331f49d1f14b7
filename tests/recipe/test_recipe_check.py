import json
import pickle

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_registry.errors import InputError
from tasks.methods.drift import detectors_for
from tasks.methods.fusion.ways import names
from tasks.methods.selection import relevance_names, selectors
from tasks.recipe.check import validate
from tasks.recipe.kinds import metric_names
from tasks.recipe.mistakes import Mistake, RecipeError, dotted, shown
from tasks.recipe.schema import Recipe

LEAST = {"name": "digits", "data": {"source": "bundled:digits"}}


def gate(floors):
    return {"evaluate": {"gate": {"floors": floors}}}


def told(**stated):
    recipe, mistakes = validate({**LEAST, **stated})
    assert (recipe is None) == bool(mistakes)
    return [mistake.text("r") for mistake in mistakes]


@pytest.mark.parametrize(
    ("stated", "line"),
    [
        ({"name": "My Digits"}, "r: name: expected text that matches * Received: 'My Digits'. Did you mean 'my-digits'?"),
        ({"name": 3}, "r: name: expected text that matches * Received: 3. Write it in quotes."),
        ({"seed": True}, "r: seed: expected a whole number >= 0. Received: true."),
        ({"seed": 1.5}, "r: seed: expected a whole number >= 0. Received: 1.5."),
        ({"description": None}, "r: description: expected text. Received: nothing. Remove the line to keep the default."),
        ({"data": None}, "r: data: expected the keys ['source', * Received: nothing."),
        ({"data": {}}, "r: data.source: expected text, not empty (A .csv, * relative to the recipe). Received: nothing."),
        ({"data": "iris"}, "r: data: expected the keys ['source', * Received: 'iris'."),
        ({"data": {"source": "bundled:irs"}}, "r: data.source: expected one of ['bundled:* Did you mean 'bundled:iris'?"),
        ({"data": {"source": ""}}, "r: data.source: expected text, not empty. Received: ''."),
        ({"tarin": {}}, "r: tarin: expected one of the keys ['name', * Received: 'tarin'. Did you mean 'train'?"),
        (
            {"compress": {"sparsity": 0.5}},
            "r: compress.sparsity: * Received: 'sparsity'. Did you mean 'compress.prune.sparsity'?",
        ),
        ({"compress": {"prune": {"sparsity": 50}}}, "r: compress.prune.sparsity: * Received: 50. * Did you mean 0.5?"),
        (
            {"compress": {"prune": {"layers": {"head": 50}}}},
            "r: compress.prune.layers.head: expected a number in [0, 1). Received: 50. * Did you mean 0.5?",
        ),
        (
            {"compress": {"prune": {"score": "l1"}}},
            "r: compress.prune: expected no score with pattern unstructured, * Received: score l1.",
        ),
        (
            {"compress": {"quantize": {"calibration_rows": 0}}},
            "r: compress.quantize.calibration_rows: expected a whole number >= 1. Received: 0.",
        ),
        ({"compress": {"prune": "no"}}, "r: compress.prune: expected the keys [* or null. Received: 'no'."),
        (
            {"train": {"epochs": "10"}},
            "r: train.epochs: * Received: '10'. Write it without quotes.",
        ),
        ({"train": {"schedule": "Cosine"}}, "r: train.schedule: expected one of [* Received: 'Cosine'. Did you mean 'cosine'?"),
        (
            {"train": {"search": {"learning_rate": [0.1, 0.01]}}},
            "r: train.search: expected learning_rate [low, high] with 0 < low <= high. Received: [0.1, 0.01].",
        ),
        (
            {"train": {"search": {"learning_rate": [0.1]}}},
            "r: train.search.learning_rate[1]: expected a number. * nothing.",
        ),
        ({"preprocess": {"augment": {"flip": "yes"}}}, "r: preprocess.augment.flip: * Received: 'yes'. Did you mean true?"),
        ({"data": {"source": "a", "drop": "x"}}, "r: data.drop: expected a list, each text. Received: 'x'. Write a list: [x]."),
        ({"data": {"source": "a", "drop": ["x", 1]}}, "r: data.drop[1]: expected text. Received: 1. Write it in quotes."),
        (
            {"data": {"source": "a", "image": {"size": [1, 2, 3]}}},
            "r: data.image.size: * of 2, * a list: [1, 2, 3].",
        ),
        (
            {"evaluate": {"gate": {"floors": {"accuracy": float("nan")}}}},
            "r: evaluate.gate.floors.accuracy: expected a number, finite. *",
        ),
        (
            {"evaluate": {"gate": {"floors": {"accuracy": "x"}}}},
            "r: evaluate.gate.floors.accuracy: expected a number. Received: 'x'.",
        ),
        (
            {"evaluate": {"gate": {"floors": [0.9]}}},
            "r: evaluate.gate.floors: expected one of [* as keys, each with a number. *",
        ),
        (
            {"evaluate": {"gate": {"slices": {"by": {"sex": {"accuracy": 80}}}}}},
            "r: evaluate.gate.slices.by.sex.accuracy: expected a number in [0, 1]. * Did you mean 0.8?",
        ),
        (
            {"evaluate": {"gate": {"slices": {"by": {"sex": {"log_loss": 0.8}}}}}},
            "r: evaluate.gate.slices.by.sex.log_loss: expected one of ['accuracy', * Received: 'log_loss'.",
        ),
        (
            {"evaluate": {"gate": {"slices": {"by": {"sex": 0.8}}}}},
            "r: evaluate.gate.slices.by.sex: expected one of ['accuracy', * as keys, each with a number in [0, 1]. *",
        ),
        (
            {"evaluate": {"gate": {"slices": {"by_class": {"recal": 0.8}}}}},
            "r: evaluate.gate.slices.by_class.recal: expected one of ['f1', * Did you mean 'recall'?",
        ),
        ({"evaluate": {"gate": {"ratios": {"latency": 0}}}}, "r: evaluate.gate.ratios.latency: expected a number > 0, *"),
        (
            {"evaluate": {"gate": {"robustness": {"noise": 10}}}},
            "r: evaluate.gate.robustness.noise: * in (0, 1]. Received: 10.*",
        ),
        ({"inherit": 3}, "r: inherit: expected the keys ['ancestors', * Received: 3."),
        (
            {"inherit": {"selector": ["knn", "knn"]}},
            "r: inherit: expected each selector once. Received: ['knn', 'knn'].",
        ),
        ({"inherit": {"race": {"rows": 0}}}, "r: inherit.race.rows: expected a whole number >= 1. Received: 0."),
    ],
)
def test_validate_says_expected_received_and_remedy(stated, line):
    (said,) = told(**stated)
    start, _, end = line.partition("*")
    assert said.startswith(start)
    for part in end.split("*"):
        assert part.strip() in said


@pytest.mark.parametrize("value", ["hed", 0, True, None, [1]])
def test_validate_tells_a_union_once_when_no_alternative_fits(value):
    (said,) = told(transfer={"stages": [{"unfreeze": value}]})
    assert said.startswith(
        "r: transfer.stages[0].unfreeze: expected one of ['head', 'all'], or a whole number >= 1. Received: "
    )
    assert ("Did you mean 'head'?" in said) == (value == "hed")


ADDRESS = "expected models:/NAME@ALIAS or models:/NAME/VERSION."
ANCESTORS = "inherit.ancestors: expected 'auto', or a list, each text."


@pytest.mark.parametrize(
    ("inherit", "line"),
    [
        ("a@b", f"inherit.ancestors[0]: {ADDRESS} Received: 'a@b'. Did you mean 'models:/a@b'?"),
        (["auto"], f"inherit.ancestors[0]: {ADDRESS} Received: 'auto'. Write `auto` on its own, not in a list."),
        ({"ancestors": "Auto"}, f"{ANCESTORS} Received: 'Auto'. Did you mean 'auto'?"),
        ({"ancestors": "models:/a@b"}, f"{ANCESTORS} Received: 'models:/a@b'. Write a list: [models:/a@b]."),
        ({"ancestors": {}}, f"{ANCESTORS} Received: keys: {{}}."),
    ],
)
def test_validate_tells_ancestors_in_words(inherit, line):
    assert told(inherit=inherit) == [f"r: {line}"]


def test_validate_tells_each_item_of_a_list_on_its_own():
    assert told(inherit=[1, "x"]) == [
        "r: inherit.ancestors[0]: expected text. Received: 1. Write it in quotes.",
        f"r: inherit.ancestors[1]: {ADDRESS} Received: 'x'.",
    ]


@pytest.mark.parametrize(
    ("path", "stated", "names"),
    [
        ("fuse.method", {"fuse": {"method": "?"}}, ["auto", *names()]),
        ("inherit.selector", {"inherit": {"selector": "?"}}, selectors.names()),
        ("inherit.selector[0]", {"inherit": {"selector": ["?"]}}, selectors.names()),
        ("inherit.relevance", {"inherit": {"relevance": "?"}}, relevance_names()),
        ("feedback.drift.numeric", {"feedback": {"drift": {"numeric": "?"}}}, detectors_for("numeric")),
        ("evaluate.gate.floors.?", {"evaluate": {"gate": {"floors": {"?": 1}}}}, metric_names()),
        ("evaluate.gate.ceilings.?", {"evaluate": {"gate": {"ceilings": {"?": 1}}}}, metric_names()),
    ],
)
def test_validate_lists_the_registered_names_when_a_name_is_unknown(path, stated, names):
    assert told(**stated) == [f"r: {path}: expected one of {names}. Received: '?'."]


@pytest.mark.parametrize(
    ("typo", "right"), [("acuracy", "accuracy"), ("size_byte", "size_bytes"), ("LATENCY_MS", "latency_ms")]
)
def test_validate_names_the_nearest_metric(typo, right):
    (said,) = told(evaluate={"gate": {"ceilings": {typo: 1.0}}})
    assert said.endswith(f"Received: {typo!r}. Did you mean {right!r}?")


def test_validate_tells_all_mistakes_of_a_recipe_at_once():
    said = told(name="A", tranfer={}, data={"sorce": 1, "rows": {"start": 0.5, "end": 0.2}}, fuse={"method": "men"}, seed="x")
    paths = {line.split(": ")[1] for line in said}
    assert paths == {"name", "tranfer", "data.source", "data.sorce", "data.rows", "fuse.method", "seed"}
    assert len(said) == 7


@pytest.mark.parametrize("value", [None, [], [1], "text", 3, True])
def test_validate_asks_for_keys_when_it_is_no_mapping(value):
    recipe, (mistake,) = validate(value)
    assert recipe is None
    assert mistake.text("r").startswith("r: expected keys such as `name` and `data`. Received: ")


@pytest.mark.parametrize("value", [{1, 2}, object(), b"bytes"])
def test_validate_refuses_what_is_no_plain_data(value):
    (said,) = told(seed=value)
    assert said.startswith("r: expected text, numbers, true, false, null, lists and keys only. Received: ")


def test_validate_accepts_every_default_stated():
    plain = Recipe.model_validate(LEAST).model_dump(mode="json")
    assert validate(plain) == (Recipe.model_validate(LEAST), [])


def test_dotted_writes_positions_in_brackets():
    assert dotted(("transfer", "stages", 0, "unfreeze")) == "transfer.stages[0].unfreeze"
    assert dotted(()) == ""


def test_shown_shortens_long_values():
    assert shown("x" * 500).endswith("...")
    assert len(shown("x" * 500)) == 80


def test_recipe_error_is_an_input_error_sorted_by_line_and_survives_pickling():
    error = RecipeError("a.yaml", [Mistake(("b",), "second.", 9), Mistake(("a",), "first.", 2)])
    assert isinstance(error, InputError)
    assert error.exit_code == 2
    assert str(error) == "a.yaml:2: a: first.\na.yaml:9: b: second."
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 200)
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["auto", "head", "models:/a@b"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def _places(plain, above=()):
    for key, value in plain.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from _places(value, (*above, key))


PLACES = [*_places(Recipe.model_validate(LEAST).model_dump(mode="json")), ("evaluate", "gate", "floors", "accuracy"), ("junk",)]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(PLACES), JUNK, min_size=1, max_size=4))
def test_validate_tells_any_junk_in_words(changes):
    plain = Recipe.model_validate(LEAST).model_dump(mode="json")
    for path, junk in changes.items():
        section = plain
        for key in path[:-1]:
            section = section.get(key) if isinstance(section, dict) else None
        if isinstance(section, dict):
            section[path[-1]] = junk
    recipe, mistakes = validate(plain)
    if recipe is not None:
        assert validate(json.loads(recipe.model_dump_json()))[0] == recipe
    for mistake in mistakes:
        assert "expected" in mistake.message
        assert "Received: " in mistake.message
        for jargon in ("Input should", "literal[", "constrained", "type=", "Value error"):
            assert jargon not in mistake.message
