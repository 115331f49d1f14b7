"""Which epoch's weights are taken, told by losses written down beforehand."""

import numpy as np
import pytest

from tasks.methods.networks.best_epoch import best_epoch

ROWS = np.zeros((4, 1), np.float32), np.zeros(4, np.int64)


class Scripted:
    """A loop whose validation losses are given; `now` is the epoch that its network stands at."""

    def __init__(self, before, losses):
        self.before, self.losses, self.now = before, losses, 0

    def validate(self, rows):
        return self.before, 0.0

    def epoch(self, train, weights, validation, rng, augment):
        assert weights.tolist() == [1, 1, 1, 1]
        self.now += 1
        return {"loss": 1.0, "validation_loss": self.losses[self.now - 1]}


def taken(loop, **how):
    epochs = len(loop.losses)
    return best_epoch(loop, ROWS, ROWS, epochs, 1e-3, np.random.default_rng(0), lambda: [np.array(loop.now)], **how)[0]


@pytest.mark.parametrize(
    ("before", "losses", "counts_from", "expected"),
    [
        (0.5, [0.6, 0.4, 0.3, 0.3], 0, 3),  # of equals the first
        (0.2, [0.6, 0.4], 0, 0),  # none is better than before
        (0.2, [0.6, 0.4], 1, 2),  # before does not count
        (0.2, [0.1, 0.4, 0.3], 2, 3),  # nor does the first epoch
    ],
)
def test_the_lowest_validation_loss_among_the_epochs_that_count_is_taken(before, losses, counts_from, expected):
    assert taken(Scripted(before, losses), counts_from=counts_from) == expected


def test_epochs_are_told_before_and_after():
    loop, told = Scripted(1.0, [0.5, 0.7]), []
    taken(loop, before=lambda epoch: told.append((epoch, loop.now)), on_epoch=lambda epoch, log: told.append((epoch, log)))

    assert [epoch for epoch, _ in told] == [1, 1, 2, 2]
    assert told[2] == (2, 1)  # the second has not begun
    assert told[3][1]["validation_loss"] == 0.7


def test_a_loss_that_is_no_number_ends_it():
    with pytest.raises(ValueError, match=r"diverged in epoch 2.*learning_rate=0.001"):
        taken(Scripted(1.0, [0.5, float("nan"), 0.4]))
