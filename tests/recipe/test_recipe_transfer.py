"""What a recipe may say of transfer, and what is told of what it may not."""

import pytest

from tasks.methods.transfer.objectives import objectives
from tasks.recipe.check import validate
from tasks.recipe.transfer_schema import Stage, Transfer


def told(**transfer) -> list[str]:
    _, mistakes = validate({"name": "r", "data": {"source": "bundled:iris"}, "transfer": transfer})
    return [mistake.text("r") for mistake in mistakes]


def test_default_is_one_heir_an_ancestor_by_fine_tuning():
    assert (Transfer().objectives, Transfer().strength, Transfer().recalibrate) == (["fine_tuning"], None, False)
    assert {stage.decay for stage in Transfer().stages} == {1.0}


@pytest.mark.parametrize("name", objectives.names())
def test_every_objective_can_be_named(name):
    assert told(objectives=[name]) == []


def test_unknown_objective_is_told_with_those_that_are_known():
    (said,) = told(objectives=["fine_tuning", "l2sp"])
    assert said.startswith(
        f"r: transfer.objectives[1]: expected one of {objectives.names()}. Received: 'l2sp'. Did you mean 'l2_sp'?"
    )


@pytest.mark.parametrize(
    ("transfer", "said"),
    [
        ({"objectives": []}, "transfer.objectives: expected a list of 1 or more, each one of"),
        ({"objectives": ["mmd", "mmd"]}, "transfer: expected each of the objectives once. Received twice: mmd."),
        (
            {"strength": 0.1},
            "transfer: expected null for strength, none of the objectives ['fine_tuning'] has one. Received: 0.1.",
        ),
        ({"objectives": ["mmd"], "strength": -1}, "transfer.strength: expected a number >= 0, or"),
        (
            {"objectives": ["mmd", "lp_ft"], "strength": {"lp_ft": 1}},
            "transfer: expected under strength only objectives that are listed and have one: mmd. Received: lp_ft.",
        ),
        ({"stages": [{"unfreeze": "all", "decay": 0}]}, "transfer.stages[0].decay: expected a number in (0, 1]. Received: 0."),
    ],
)
def test_mistakes_are_told(transfer, said):
    assert [each.startswith(f"r: {said}") for each in told(**transfer)] == [True]


def test_strength_is_one_for_all_or_one_by_name():
    both = ["fine_tuning", "l2_sp", "mmd"]
    for strength, expected in ((None, [None] * 3), (2.0, [None, 2.0, 2.0]), ({"mmd": 3.0}, [None, None, 3.0])):
        section = Transfer(objectives=both, strength=strength)
        assert [section.strength_of(name) for name in both] == expected


def test_description_of_strength_names_every_default():
    said = Transfer.model_fields["strength"].description.partition("not named: ")[2]
    known = {name: objectives.get(name).strength for name in objectives}
    assert said == ", ".join(f"{name} {default:g}" for name, default in known.items() if default is not None) + "."


def test_stage_has_a_decay_of_its_own():
    assert Stage(unfreeze="all", decay=0.4).decay == 0.4
