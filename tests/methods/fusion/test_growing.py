"""Members that are grown on purpose: from whom each learns, what combines them, and that nothing else is changed."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tasks.methods.fusion.combiners import combiners
from tasks.methods.fusion.growing import growers
from tasks.methods.fusion.growing.boosting import reweighted
from tasks.methods.networks import fuse
from tasks.methods.networks.architectures import build
from tasks.methods.networks.fit import FitSettings
from tasks.methods.networks.predict import predict

SETTINGS = FitSettings(epochs=6, learning_rate=1e-2, patience=6)


@pytest.fixture(scope="module")
def rows():
    digits = load_digits(n_class=5)
    x, y = (digits.data / 16).astype(np.float32), digits.target.astype(np.int64)
    return (x[:150], y[:150]), (x[150:300], y[150:300])


@pytest.fixture
def start():
    return build("mlp", (64,), 5, hidden=[6], filters=[], dropout=0.0, seed=0)


@pytest.mark.parametrize("name", growers.names())
def test_growers_make_different_members_of_one_seed_and_leave_the_start_alone(name, rows, start):
    before = start.get_weights()
    grown, again = (growers.get(name)(start, *rows, SETTINGS, 3, seed=1) for _ in range(2))
    for kept, given in zip(start.get_weights(), before, strict=True):
        np.testing.assert_array_equal(kept, given)
    said, said_again = (np.stack([predict(member, rows[1][0]) for member in each.models]) for each in (grown, again))
    np.testing.assert_array_equal(said, said_again)
    assert len(grown.models) == 3
    for first, second in ((0, 1), (1, 2), (0, 2)):
        assert np.abs(said[first] - said[second]).max() > 0.01

    combined = grown.combiner(said)
    np.testing.assert_allclose(predict(fuse.fuse_models(grown.models, grown.combiner), rows[1][0]), combined, atol=1e-5)
    loss = -np.log(combined[np.arange(len(combined)), rows[1][1]]).mean()
    untrained = -np.log(predict(start, rows[1][0])[np.arange(len(combined)), rows[1][1]]).mean()
    assert loss < 0.7 * untrained  # snapshots share few epochs


@pytest.mark.parametrize("name", growers.names())
def test_no_member_is_refused(name, rows, start):
    with pytest.raises(ValueError, match=r"at least 1 member. Received: count=0"):
        growers.get(name)(start, *rows, SETTINGS, 0, seed=1)


def test_boosting_weighs_rows_as_the_paper_does():
    said = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.25, 0.5, 0.25]])
    y = np.array([0, 0, 1])
    # exp(-(K - 1) / K z log p), with z = (1, -1/2, -1/2) in the order of the true class and the others
    raw = [np.exp(-2 / 3 * (np.log(p[t]) - (np.log(p).sum() - np.log(p[t])) / 2)) for p, t in zip(said, y, strict=True)]
    np.testing.assert_allclose(reweighted(np.ones(3), said, y), np.array(raw) / np.mean(raw))
    halfway = reweighted(np.ones(3), said, y, rate=0.5)
    np.testing.assert_allclose(halfway, np.sqrt(raw) / np.mean(np.sqrt(raw)))
    assert np.argmax(reweighted(np.ones(3), said, y)) == 1  # the row it has wrong


def test_boosting_refuses_a_rate_beyond_one(rows, start):
    with pytest.raises(ValueError, match=r"share in \(0, 1\]. Received: rate=1.5"):
        growers.get("boosting")(start, *rows, SETTINGS, 2, seed=0, rate=1.5)


def test_bagging_counts_every_member_alike(rows, start):
    np.testing.assert_allclose(growers.get("bagging")(start, *rows, SETTINGS, 4, seed=0).combiner.shares, np.full(4, 0.25))


def test_snapshots_share_the_epochs_and_weigh_members_on_validation(rows, start):
    grown = growers.get("snapshots")(start, *rows, SETTINGS, 3, seed=0)
    said = np.stack([predict(member, rows[1][0]) for member in grown.models])
    np.testing.assert_allclose(grown.combiner.shares, combiners.get("weighted_average")(said, rows[1][1]).shares)
    with pytest.raises(ValueError, match=r"epochs=6, count=7"):
        growers.get("snapshots")(start, *rows, SETTINGS, 7, seed=0)
