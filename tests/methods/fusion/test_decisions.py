"""Votes, logical rules and evidence: hand-worked."""

import numpy as np
import pytest

from tasks.methods.fusion.combiners import combiners
from tasks.methods.fusion.combiners.dempster_shafer import Evidence
from tasks.methods.fusion.combiners.rule import LEAST
from tasks.methods.fusion.combiners.votes import votes

# Three members' probability of class 1 on six rows: 3, 2, 2, 1, 0 and 0 of them decide on it.
SAID = np.array([[0.9, 0.8, 0.6, 0.7, 0.2, 0.1], [0.8, 0.7, 0.3, 0.2, 0.4, 0.3], [0.6, 0.1, 0.9, 0.3, 0.1, 0.2]])
TWO = np.stack([1 - SAID, SAID], axis=2)


def test_votes_go_to_the_most_probable_class_and_are_shared_by_equal_ones():
    found = votes(np.array([[0.5, 0.3, 0.2], [0.4, 0.4, 0.2], [0.3334, 0.3333, 0.3333]]))
    np.testing.assert_allclose(found[:2], [[1, 0, 0], [0.5, 0.5, 0]], atol=1e-12)
    # 0.0001 apart: the others have exp(-3.2768) = 0.0377 of what the first has.
    np.testing.assert_allclose(found[2] / found[2, 0], [1, 0.03774, 0.03774], atol=1e-4)


def test_majority_gives_shares_of_votes():
    probabilities = np.array([[[0.6, 0.3, 0.1]], [[0.1, 0.8, 0.1]], [[0.5, 0.2, 0.3]], [[0.4, 0.2, 0.4]]])
    found = combiners.get("majority")(probabilities, np.array([0]))(probabilities)
    np.testing.assert_allclose(found, [[2.5 / 4, 1 / 4, 0.5 / 4]], atol=1e-12)


def test_all_says_one_where_every_member_does():
    y = np.array([1, 1, 0, 0, 0, 0])
    found = combiners.get("all")(TWO, y)(TWO)
    # The verdict 1 was right once of once: (1 + 1) / (1 + 2); the verdict 0 four times of five: (4 + 1) / (5 + 2).
    np.testing.assert_allclose(found[:, 1], [2 / 3, 2 / 7, 2 / 7, 2 / 7, 2 / 7, 2 / 7], atol=1e-12)


def test_any_says_one_where_one_member_does():
    y = np.array([1, 1, 1, 1, 0, 0])
    found = combiners.get("any")(TWO, y)(TWO)
    np.testing.assert_allclose(found[:, 1], [5 / 6, 5 / 6, 5 / 6, 5 / 6, 1 / 4, 1 / 4], atol=1e-12)


def test_a_rule_stands_by_its_verdict_where_validation_speaks_against_it():
    found = combiners.get("any")(TWO, np.zeros(6, np.int64))(TWO)
    np.testing.assert_allclose(found[:4, 1], LEAST)


@pytest.mark.parametrize(("y", "like"), [([1, 0, 0, 0, 0, 0], "all"), ([1, 1, 1, 1, 0, 0], "any"), ([1, 1, 1, 0, 0, 0], None)])
def test_k_of_n_takes_the_k_that_validation_asks_for(y, like):
    labels = np.array(y)
    found = combiners.get("k_of_n")(TWO, labels)
    expected = combiners.get(like)(TWO, labels).needed if like else [2, 2]
    np.testing.assert_array_equal(found.needed, expected)
    np.testing.assert_array_equal(found(TWO).argmax(axis=1), labels)


def test_k_of_n_takes_the_k_nearest_to_half_when_all_do_as_well():
    agreed = np.tile([[0.9, 0.1], [0.1, 0.9]], (5, 4, 1))
    np.testing.assert_array_equal(combiners.get("k_of_n")(agreed, np.tile([0, 1], 4)).needed, [3, 3])


# Three members, three classes: unanimous for 0; two of three for 1; all differ.
THREE = np.array(
    [
        [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1]],
        [[0.6, 0.2, 0.2], [0.3, 0.6, 0.1], [0.3, 0.5, 0.2]],
        [[0.5, 0.4, 0.1], [0.6, 0.2, 0.2], [0.1, 0.3, 0.6]],
    ]
)


def test_all_of_many_classes_is_unanimity_and_else_the_mean():
    found = combiners.get("all")(THREE, np.array([0, 1, 1]))(THREE)
    # One verdict, right: (1 + 1) / (1 + 3) is less than 0.51; the two other classes share the rest.
    np.testing.assert_allclose(found[0], [0.51, 0.245, 0.245], atol=1e-12)
    np.testing.assert_allclose(found[1:], THREE.mean(axis=0)[1:], atol=1e-12)


def test_k_of_n_of_many_classes_needs_more_than_half_of_the_votes():
    found = combiners.get("k_of_n")(np.repeat(THREE, 10, axis=1), np.repeat([0, 1, 1], 10))
    np.testing.assert_array_equal(found.needed, [2, 2, 2])
    # Ten verdicts each for 0 and for 1, all right: 11 / 13. None for 2.
    np.testing.assert_allclose(found(THREE)[0], [11 / 13, 1 / 13, 1 / 13], atol=1e-12)
    np.testing.assert_allclose(found(THREE)[1], [1 / 13, 11 / 13, 1 / 13], atol=1e-12)
    np.testing.assert_allclose(found(THREE)[2], THREE.mean(axis=0)[2], atol=1e-12)


def test_any_refuses_more_than_two_classes():
    with pytest.raises(ValueError, match=r"Use 'k_of_n' or 'majority'\. Received: 3 classes"):
        combiners.get("any")(THREE, np.array([0, 1, 1]))


def masses(reliability, probabilities):
    """Dempster's rule as written: every pair of focal elements, classes being {c} and the frame None."""
    combined = {None: 1.0}
    for r, p in zip(reliability, probabilities, strict=True):
        own = {None: 1 - r, **{c: r * value for c, value in enumerate(p)}}
        products: dict = {}
        for a, mass_a in combined.items():
            for b, mass_b in own.items():
                if a is None or b is None or a == b:
                    met = b if a is None else a
                    products[met] = products.get(met, 0.0) + mass_a * mass_b
        total = sum(products.values())  # less than 1: the conflict is divided out
        combined = {element: mass / total for element, mass in products.items()}
    return np.array([combined[c] + combined[None] / len(probabilities[0]) for c in range(len(probabilities[0]))])


def test_dempster_shafer_matches_the_hand_worked_case():
    # r = 0.8 and 0.5 on (0.75, 0.25) and (0.4, 0.6): m1 = 0.6, 0.2, 0.2 and m2 = 0.2, 0.3, 0.5 for {0}, {1}, both.
    # {0}: 0.6 * 0.7 + 0.2 * 0.2 = 0.46; {1}: 0.2 * 0.8 + 0.2 * 0.3 = 0.22; both: 0.1; conflict 0.22.
    found = Evidence(np.array([0.8, 0.5]))(np.array([[[0.75, 0.25]], [[0.4, 0.6]]]))
    np.testing.assert_allclose(found, [[0.51 / 0.78, 0.27 / 0.78]])


@pytest.mark.parametrize(("m", "k"), [(1, 2), (2, 3), (5, 4)])
def test_evidence_is_dempsters_rule_and_the_pignistic_transform(drawn, m, k):
    probabilities, _ = drawn(m, 6, k)
    reliability = np.linspace(0.3, 0.95, m)
    expected = [masses(reliability, probabilities[:, row]) for row in range(6)]
    np.testing.assert_allclose(Evidence(reliability)(probabilities), expected, rtol=1e-10)


def test_dempster_shafer_believes_members_as_far_as_they_were_right():
    y = np.array([0] * 8)
    right = np.tile([0.9, 0.1], (8, 1))
    half = np.concatenate([right[:4], right[:4, ::-1]])
    found = combiners.get("dempster_shafer")(np.stack([right, half]), y)
    np.testing.assert_allclose(found.reliability, [9 / 10, 5 / 10])


def test_dempster_shafer_stays_finite_when_sure_members_contradict_each_other():
    sure = np.tile(np.eye(3)[[0, 1, 2]][:, np.newaxis], (7, 1, 1))  # 21 members
    found = Evidence(np.full(21, 0.999))(sure)
    np.testing.assert_allclose(found, 1 / 3, rtol=1e-9)
    assert Evidence(np.full(21, 0.999))(sure[:1].repeat(21, axis=0))[0, 0] == pytest.approx(1)


@pytest.mark.parametrize("reliability", [[0.0, 0.5], [1.0], []])
def test_evidence_refuses_members_believed_wholly_or_not_at_all(reliability):
    with pytest.raises(ValueError, match=r"numbers in \(0, 1\)"):
        Evidence(np.array(reliability))
