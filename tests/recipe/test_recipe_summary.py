import pytest

from tasks.recipe.load import load
from tasks.recipe.summary import summarize

ORDER = ["inherit", "preprocess", "compress", "transfer", "fuse", "train", "evaluate", "deploy", "feedback"]


@pytest.fixture
def summary(tmp_path):
    def of(text):
        path = tmp_path / "r.yaml"
        path.write_text(text)
        return summarize(load(path))

    return of


def test_summarize_tells_stated_from_defaulted(summary):
    told = summary(
        "name: x\ndata: {source: bundled:iris}\ncompress: {prune: null}\nevaluate: {gate: {floors: {accuracy: 0.9}}}\n"
    )
    assert told.stated == {
        "name": "x",
        "data.source": "bundled:iris",
        "compress.prune": None,
        "evaluate.gate.floors.accuracy": 0.9,
    }
    assert told.defaulted["evaluate.gate.ceilings"] == {}
    assert told.defaulted["compress.quantize.mode"] == "int8"
    assert not {"compress.prune", "evaluate.gate.floors", "data.source"} & set(told.defaulted)
    assert not any(key.startswith("compress.prune") for key in told.defaulted)


def test_summarize_counts_the_short_form_of_inherit_as_ancestors(summary):
    told = summary("name: x\ndata: {source: bundled:iris}\ninherit: models:/a@production\n")
    assert told.stated["inherit.ancestors"] == ["models:/a@production"]
    assert "inherit.ancestors" not in told.defaulted
    assert told.defaulted["inherit.solution"] is True


def test_summarize_says_each_stage_in_order(summary):
    told = summary("name: x\ndata: {source: bundled:iris}\n")
    assert [stage for stage, _ in told.plan] == ORDER
    plan = dict(told.plan)
    assert plan["inherit"] == "from nobody; a network is trained from scratch"
    assert plan["preprocess"] == "bundled:iris; checked against the data contract; split stratified, 0.6 / 0.2 / 0.2"
    assert plan["evaluate"] == "promoted only if non-inferior to the production version by a margin of 0.02"


def test_summarize_says_what_is_stated(summary):
    told = summary(
        """\
name: x
inherit: {ancestors: auto, solution: false, max_ancestors: 3, selector: [logme, knn], race: null}
data: {source: bundled:digits, rows: {end: 0.5}, classes: [1, 2]}
preprocess: {split: {strategy: predefined, column: part}}
compress: {prune: null, quantize: {mode: float16}}
transfer: {stages: [{unfreeze: head, epochs: 2}, {unfreeze: 3, epochs: 1}], control: false}
train: {search: {trials: 0}}
evaluate: {gate: {floors: {accuracy: 0.9}, ceilings: {size_bytes: 1000}, champion: null}}
deploy: {to: none}
feedback: {retrain_on: []}
"""
    )
    plan = dict(told.plan)
    assert plan["inherit"] == ("weights alone, from up to 3 of the registry's models, ranked by logme and knn")
    assert plan["preprocess"].startswith("bundled:digits, rows 0 to 0.5, classes 1, 2; ")
    assert plan["preprocess"].endswith("split by column part")
    assert plan["compress"] == "nothing; ancestors stay whole"
    assert plan["transfer"] == "unfreezing head, then 3, at most 3 epochs"
    assert plan["train"] == "at most 20 epochs with adam"
    assert plan["evaluate"] == "promoted only if accuracy >= 0.9 and size_bytes <= 1000"
    assert plan["deploy"] == "nowhere"
    assert plan["feedback"].endswith("reports only")


def test_summarize_names_the_objectives_of_transfer(summary):
    told = summary("name: x\ndata: {source: bundled:iris}\ntransfer: {objectives: [fine_tuning, l2_sp], control: false}\n")
    expected = "one heir an ancestor by each of fine_tuning, l2_sp; unfreezing head, then all, at most 28 epochs"
    assert dict(told.plan)["transfer"] == expected


@pytest.mark.parametrize(
    ("compress", "stage", "said"),
    [
        (
            "prune: {sparsity: 0.3}",
            "compress",
            "each ancestor pruned to sparsity 0.3, unless that costs more than 0.02 accuracy",
        ),
        ("prune: {pattern: channels}", "compress", "each ancestor rebuilt without 50% of its channels, unless"),
        ("prune: {budget: scan}", "compress", "each ancestor pruned layer by layer as far as it stands it, to sparsity 0.5 at"),
        ("cluster: {clusters: 8}", "deploy", "as a verified int8 bundle, with 8 values a kernel, to staging at most"),
        ("budget: {ratio: 4}", "deploy", "as a verified bundle as the budget's search finds it, to staging at most"),
    ],
)
def test_summarize_says_how_networks_get_smaller(summary, compress, stage, said):
    plan = dict(summary(f"name: x\ndata: {{source: bundled:iris}}\ncompress: {{{compress}}}\n").plan)
    assert plan[stage].startswith(said)


def test_summarize_names_every_rule_of_the_gate(summary, tmp_path):
    gate = """{champion: null, slices: {by_class: {recall: 0.8}, by: {a: {accuracy: 0.7}}}, ratios: {latency: 1.2},
      robustness: {noise: 0.2, max_drop: 0.03}, golden: 'bundled:iris'}"""
    told = dict(summary(f"name: x\ndata: {{source: bundled:iris}}\nevaluate:\n  gate: {gate}\n").plan)["evaluate"]
    assert told == (
        "promoted only if recall >= 0.8 in every class and accuracy >= 0.7 in every group of a and latency at most 1.2 times "
        "the production version's and noise of 0.2 costs at most 0.03 accuracy and no row of bundled:iris is lost that the "
        "production version gets right"
    )


def test_summarize_says_that_auto_hands_down_weights_alone(summary):
    told = {}
    for ancestors in ("auto", "models:/a@production"):
        told[ancestors] = dict(summary(f"name: x\ninherit: {ancestors}\ndata: {{source: bundled:iris}}\n").plan)["inherit"]
    assert told["auto"] == (
        "weights alone, from up to 2 of the registry's models, ranked by all_layers; the best race a network from scratch first"
    )
    assert (
        told["models:/a@production"] == "from models:/a@production; keys not stated here are taken from the first one's recipe"
    )


def test_summarize_has_no_plan_when_keys_are_left_to_the_ancestor(summary):
    told = summary("inherit: models:/a@production\nseed: 3\n")
    assert (told.plan, told.defaulted) == ((), {})
    assert told.stated == {"inherit.ancestors": ["models:/a@production"], "seed": 3}
