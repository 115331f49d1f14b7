"""Successive halving over contestants whose losses are known."""

import numpy as np
import pytest

from tasks.methods.selection.order import mean_ranks
from tasks.methods.selection.race import Race, Round, race


class Course:
    """Contestants whose loss falls from `start` by `rate` with each epoch, the same on all rows but for fixed noise."""

    def __init__(self, **contestants: tuple[float, float]) -> None:
        self.contestants = contestants
        self.epochs: dict[str, int] = dict.fromkeys(contestants, 0)
        self.calls: list[tuple[str, int]] = []

    def __call__(self, name: str, epochs: int) -> np.ndarray:
        self.epochs[name] += epochs
        self.calls.append((name, epochs))
        start, rate = self.contestants[name]
        return start - rate * self.epochs[name] + np.linspace(-0.1, 0.1, 5)


def test_race_halves_the_field_and_doubles_the_epochs():
    course = Course(a=(5.0, 0.1), b=(6.0, 0.5), c=(7.0, 0.1), d=(8.0, 1.0))
    found = race(["a", "b", "c", "d"], course, epochs=4)
    assert [(each.epochs, each.order, each.dropped) for each in found.rounds] == [
        (2, ["a", "b", "d", "c"], ["d", "c"]),  # 4.8, 5.0, 6.0, 6.8
        (4, ["b", "a"], []),  # 4.0, 4.6
    ]
    assert found.order == ["b", "a", "d", "c"]
    assert course.epochs == {"a": 4, "b": 4, "c": 2, "d": 2}
    assert course.calls[-2:] == [("a", 2), ("b", 2)]  # two more, not four anew
    assert found.last("d").loss("d") == pytest.approx(6.0)
    assert set(found.cpu_s) == {"a", "b", "c", "d"}


@pytest.mark.parametrize(("count", "rounds"), [(1, [4]), (2, [4]), (3, [2, 4]), (4, [2, 4]), (5, [1, 2, 4]), (9, [1, 2, 4])])
def test_race_has_as_many_rounds_as_halvings_but_never_an_empty_one(count, rounds):
    names = [f"n{i}" for i in range(count)]
    found = race(names, Course(**{name: (10.0 + i, 1.0) for i, name in enumerate(names)}), epochs=4)
    assert [each.epochs for each in found.rounds][-len(rounds) :] == rounds
    assert found.order == names
    assert found.rounds[-1].epochs == 4


def test_race_keeps_the_control_to_the_end_in_the_place_of_the_worst():
    course = Course(control=(9.0, 0.1), a=(5.0, 0.1), b=(6.0, 0.1), c=(7.0, 0.1))
    found = race(["a", "b", "c", "control"], course, epochs=2, kept=["control"])
    assert found.rounds[0].dropped == ["b", "c"]
    assert found.rounds[1].order == ["a", "control"]
    ahead = race(["a", "b", "c", "control"], Course(**course.contestants | {"control": (1.0, 0.1)}), epochs=2, kept=["control"])
    assert ahead.rounds[1].order == ["control", "a"]  # the best of the others is always there to be measured


def test_whoever_is_ahead_of_the_control_rests_until_it_is_not():
    course = Course(ahead=(5.0, 1.0), level=(7.0, 1.0), control=(9.0, 1.0))
    found = race(["ahead", "level", "control"], course, epochs=4, kept=["control"])
    assert course.calls == [
        ("control", 2),  # 7: that is what the others are held to
        ("ahead", 0),
        ("level", 0),
        ("level", 2),  # 5, and out, for it is not the best
        ("control", 2),  # 5 as well, so that the best has to train after all
        ("ahead", 4),
    ]
    assert found.trained == {"ahead": 4, "level": 2, "control": 4}
    assert found.order == ["ahead", "control", "level"]

    course = Course(ahead=(5.0, 1.0), control=(9.0, 0.5))
    found = race(["ahead", "control"], course, epochs=4, kept=["control"])
    assert found.trained == {"ahead": 0, "control": 4}
    assert found.lead("ahead", "control")[0] == pytest.approx(2.0)  # 5 to 7
    assert found.clearly_ahead("ahead", "control")


def test_race_goes_on_without_who_cannot_be_trained():
    course = Course(a=(5.0, 0.1), b=(8.0, 0.1), control=(7.0, 0.1))

    def train(name: str, epochs: int) -> np.ndarray:
        if name == "a":
            raise ValueError("Training diverged")
        losses = course(name, epochs)
        return np.full(5, np.nan) if name == "b" and course.epochs["b"] > 1 else losses

    found = race(["a", "b", "control"], train, epochs=2, kept=["control"])
    assert found.order == ["control", "b", "a"]
    assert found.last("a").loss("a") == found.last("b").loss("b") == float("inf")
    assert found.lead("control", "b") == (float("inf"), 0.0)
    assert found.clearly_ahead("control", "a")
    assert found.lead("a", "a") == (0.0, 0.0)


def test_race_ends_early_when_nobody_but_the_control_can_be_trained():
    course = Course(control=(7.0, 0.1))

    def train(name: str, epochs: int) -> np.ndarray:
        if name != "control":
            raise ValueError("no")
        return course(name, epochs)

    found = race(["a", "b", "c", "control"], train, epochs=8, kept=["control"])
    assert len(found.rounds) == 1
    assert found.order[0] == "control"


def test_lead_is_the_paired_difference_in_the_last_round_of_both():
    rows = {"a": np.array([1.0, 2.0, 3.0]), "b": np.array([2.0, 3.0, 7.0]), "c": np.array([0.0, 0.0, 0.0])}
    found = Race(
        [Round(1, ["c", "a", "b"], rows, ["b"]), Round(2, ["a", "c"], {"a": rows["b"], "c": rows["a"]}, [])], [], {}, {}
    )
    mean, error = found.lead("a", "b")
    assert mean == pytest.approx(2.0)  # 1, 1, 4
    assert error == pytest.approx(np.sqrt(3) / np.sqrt(3))
    assert not found.clearly_ahead("a", "b")  # two standard errors, and no more
    assert found.lead("c", "a")[0] == pytest.approx(2.0)  # the second round's
    assert found.clearly_ahead("c", "b")


@pytest.mark.parametrize(
    ("contestants", "epochs", "kept", "message"),
    [
        ([], 1, [], "at least one"),
        (["a", "a"], 1, [], r"different names.*\['a', 'a'\]"),
        (["a"], 0, [], "epochs=0"),
        (["a"], 1, ["b"], r"contestants \['a'\]. Received: \['b'\]"),
    ],
)
def test_race_says_what_is_wrong_with_its_arguments(contestants, epochs, kept, message):
    with pytest.raises(ValueError, match=message):
        race(contestants, Course(a=(1.0, 0.1)), epochs=epochs, kept=kept)


def test_mean_ranks_of_two_selectors():
    found = mean_ranks({"first": [0.9, 0.5, 0.5, None], "second": [-3.0, -1.0, -2.0, 0.0]})
    np.testing.assert_allclose(found, [(1 + 4) / 2, (2.5 + 2) / 2, (2.5 + 3) / 2, (4 + 1) / 2])


@pytest.mark.parametrize("scores", [{}, {"a": [1.0], "b": [1.0, 2.0]}])
def test_mean_ranks_ask_for_as_many_scores_from_each(scores):
    with pytest.raises(ValueError, match="at least one selector, and as many scores"):
        mean_ranks(scores)
