import subprocess
import sys

import pytest
from pydantic import ValidationError

from tasks.recipe.compress_schema import Compress, OneMode, SearchedMode
from tasks.recipe.data_schema import Data, Image
from tasks.recipe.evaluate_schema import Gate
from tasks.recipe.inherit_schema import Inherit
from tasks.recipe.kinds import COST_METRICS, metric_names
from tasks.recipe.schema import Recipe


@pytest.mark.parametrize("uri", ["models:/digits@production", "models:/digits/3", "models:/a.b-c_d@staging"])
def test_inherit_accepts_registry_addresses(uri):
    assert Inherit(ancestors=[uri]).ancestors == [uri]


@pytest.mark.parametrize(
    "uri", ["digits", "models:/digits", "models:/digits@", "models:/a/b/c", "runs:/x/model", "models:/a b@c", ""]
)
def test_inherit_refuses_what_is_no_registry_address(uri):
    with pytest.raises(ValidationError, match="models:/NAME@ALIAS"):
        Inherit(ancestors=[uri])


@pytest.mark.parametrize(
    ("short", "ancestors"),
    [
        ("auto", "auto"),
        ("models:/a@b", ["models:/a@b"]),
        (["models:/a@b", "models:/c/1"], ["models:/a@b", "models:/c/1"]),
        (None, []),
    ],
)
def test_recipe_reads_a_bare_inherit_as_ancestors(short, ancestors):
    recipe = Recipe.model_validate({"name": "x", "data": {"source": "bundled:iris"}, "inherit": short})
    assert recipe.inherit.ancestors == ancestors


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"target": "y", "features": ["x", "y"]}, "`features` without the target"),
        ({"target": "y", "drop": ["y"]}, "`drop` without the target"),
        ({"features": ["x", "z"], "drop": ["z"]}, "no column in both"),
        ({"classes": ["only"]}, "two or more different labels"),
        ({"classes": [1, "1"]}, "two or more different labels"),
        ({"append": [""]}, "at least 1 character"),
    ],
)
def test_data_refuses_what_contradicts_itself(fields, message):
    with pytest.raises(ValidationError, match=message):
        Data(source="rows.csv", **fields)


def test_data_keeps_numbers_among_classes():
    assert Data(source="rows.csv", classes=[0, 1, "other"]).classes == [0, 1, "other"]


def test_image_refuses_a_size_without_pixels():
    with pytest.raises(ValidationError):
        Image(size=(0, 8))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_gate_refuses_a_limit_that_is_not_finite(value):
    with pytest.raises(ValidationError, match="finite"):
        Gate(floors={"accuracy": value})


def test_gate_accepts_every_metric_name():
    limits = dict.fromkeys(metric_names(), 1.0)
    assert Gate(floors=limits, ceilings=limits).floors == limits
    assert set(metric_names()) >= COST_METRICS | {"accuracy", "log_loss"}


@pytest.mark.parametrize(
    ("gate", "relative"),
    [
        ({}, True),
        ({"champion": None}, False),
        ({"champion": None, "ratios": {"latency": 1.2}}, True),
        ({"champion": None, "golden": "rows.csv"}, True),
        ({"champion": None, "slices": {"by_class": {"recall": 0.8}}, "robustness": {}}, False),
    ],
)
def test_gate_is_relative_where_a_rule_looks_at_the_version_in_production(gate, relative):
    assert Gate.model_validate(gate).relative is relative


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"prune": {"sparsity": 50}}, "less than 1"),
        ({"prune": {"pattern": "2:4", "sparsity": 0.6}}, "sparsity 0.5 and budget per_layer with pattern 2:4"),
        ({"prune": {"criterion": "magnitud"}}, "Did you mean 'magnitude'"),
        ({"budget": {"ratio": 0.5}}, "greater than 1"),
        ({"search": {"modes": []}}, "at least 1 item"),
        (
            {"prune": {"pattern": "2:4", "layers": {"head": 0.5}}},
            r"pattern 2:4, which is what it makes.*layers \{'head': 0.5\}",
        ),
        ({"prune": {"layers": {"head": 50}}}, "less than 1"),
        ({"prune": {"layers": {"head": 0.5}, "budget": "global"}}, "budget per_layer with layers.*Received: budget global"),
        ({"prune": {"score": "l1"}}, "no score with pattern unstructured.*score is for pattern channels. Received: score l1"),
        ({"prune": {"pattern": "channels", "score": "l3"}}, r"expected one of \['l1', 'l2', 'taylor'\]"),
        ({"prune": {"pattern": "channels", "criterion": "taylor"}}, "score instead of criterion with pattern channels"),
        ({"prune": {"pattern": "channels", "schedule": "constant"}}, "schedule polynomial, its default, with pattern channels"),
        ({"prune": {"pattern": "channels", "budget": "scan"}}, "budget per_layer or global with pattern channels"),
        ({"prune": {"budget": "scn"}}, "Did you mean 'scan'"),
        ({"cluster": {"clusters": 2}}, "greater than or equal to 3"),
        ({"cluster": {"init": "kmeans"}}, r"Did you mean 'kmeans\+\+'"),
        ({"cluster": {}, "budget": {"ratio": 2}}, "null for cluster where there is a budget"),
        ({"quantize": {"calibration_rows": 0}}, "greater than or equal to 1"),
        ({"quantize": {"mode": "int4"}}, "weight_only_int4"),
        ({"quantize": {"power_of_two_bits": 8}}, "mode float32, or float16 with at most 11 bits.*Received: mode int8"),
        ({"quantize": {"power_of_two_bits": 12, "mode": "float16"}}, "at most 11 bits"),
        (
            {"quantize": {"power_of_two_bits": 8, "mode": "float32"}, "budget": {"ratio": 2}},
            "null for quantize.power_of_two_bits where there is a budget",
        ),
    ],
)
def test_compress_refuses_what_cannot_be_done(section, message):
    with pytest.raises(ValidationError, match=message):
        Compress.model_validate(section)


@pytest.mark.parametrize(
    ("section", "mode"),
    [({}, "int8"), ({"quantize": {"mode": "float16"}}, "float16"), ({"budget": {"ratio": 2}}, "float32")],
)
def test_ancestors_are_judged_as_the_final_model_will_be_served_where_that_is_known(section, mode):
    assert Compress.model_validate(section).judged_as == mode


def test_scores_of_channels_are_the_registered_ones_and_taylor():
    from tasks.methods.pruning.channel_scores import scores

    for name in [*scores.names(), "taylor", None]:
        assert Compress.model_validate({"prune": {"pattern": "channels", "score": name}}).prune.score == name


def test_a_recipe_needs_no_tensorflow_to_know_the_methods_names():
    code = "import sys, tasks.recipe.compress_schema; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_conversion_modes_of_a_recipe_are_the_registered_ones():
    from typing import get_args

    from tasks.methods.planning.judge import AWARE
    from tasks.methods.quantization.convert import MODES

    assert set(get_args(OneMode)) == set(MODES)
    assert set(get_args(SearchedMode)) == {*MODES, AWARE}
