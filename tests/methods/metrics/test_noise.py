import numpy as np
import pytest

from tasks.methods.metrics import drop_under_noise


def sign(x: np.ndarray) -> np.ndarray:
    """Class 1 where the first number is positive."""
    return np.stack([x[:, 0] <= 0, x[:, 0] > 0], axis=1).astype(np.float32)


def test_drop_is_what_the_seeded_noise_turns_over():
    x, y = np.array([[-1.0], [1.0], [1.0], [-1.0]], np.float32), np.array([0, 1, 1, 0])
    draws = np.random.default_rng(7).standard_normal((3, 4, 1))
    turned = [((x + 2 * noise > 0) != (x > 0)).mean() for noise in draws]
    found = drop_under_noise(sign, x, y, np.array([2.0]), draws=3, seed=7)
    assert found == pytest.approx(np.mean(turned))
    assert found > 0


def test_drop_is_nothing_where_the_noise_falls_on_a_number_that_the_network_does_not_read():
    x = np.array([[-1.0, 0.0], [1.0, 0.0]], np.float32)
    assert drop_under_noise(sign, x, np.array([0, 1]), np.array([0.0, 50.0]), draws=4, seed=0) == 0


def test_drop_nears_what_the_normal_distribution_says():
    x = np.ones((4000, 1), np.float32)
    found = drop_under_noise(sign, x, np.ones(4000, np.int64), np.array(1.0), draws=5, seed=1)
    assert found == pytest.approx(0.1587, abs=0.01)  # P(N(0, 1) <= -1)


@pytest.mark.parametrize(("rows", "draws"), [(0, 1), (1, 0)])
def test_drop_is_refused_without_rows_or_draws(rows: int, draws: int):
    with pytest.raises(ValueError, match="Expected one of each at least"):
        drop_under_noise(sign, np.ones((rows, 1), np.float32), np.ones(rows, np.int64), np.array(1.0), draws=draws, seed=0)
