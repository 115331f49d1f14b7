"""Selectors against cases worked by hand, and against their formulas written out plainly."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import multivariate_normal

from tasks.methods.selection import Evidence, selectors
from tasks.methods.selection.folds import standardised
from tasks.methods.selection.transrate import DISTORTION


def score(name: str, **evidence) -> float:
    return selectors.get(name)(Evidence(**evidence))


@pytest.fixture
def few():
    """Features float [30, 4] and labels of three classes, which overlap."""
    rng = np.random.default_rng(0)
    y = np.arange(30) % 3
    return rng.normal(size=(30, 4)) + 1.5 * np.eye(3, 4)[y] + 0.5, y


def test_linear_probe_misses_what_no_line_separates_and_knn_sees_it():
    rng = np.random.default_rng(0)
    x = rng.choice([-1.0, 1.0], (200, 2))
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)  # exclusive or
    x += rng.normal(0, 0.1, x.shape)
    assert score("linear_probe", features=x, y=y) < 0.65
    assert score("knn", features=x, y=y) == 1.0


def test_leep_and_nce_of_four_rows():
    # P(y, z): y = 0 has [0.9 + 0.8, 0.1 + 0.2] / 4, y = 1 has [0.4 + 0.1, 0.6 + 0.9] / 4
    theta, y = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.1, 0.9]]), np.array([0, 0, 1, 1])
    given_0, given_1 = np.array([1.7, 0.3]) / [2.2, 1.8], np.array([0.5, 1.5]) / [2.2, 1.8]
    likelihoods = [theta[0] @ given_0, theta[1] @ given_0, theta[2] @ given_1, theta[3] @ given_1]
    assert score("leep", features=theta, y=y, probabilities=theta) == pytest.approx(np.log(likelihoods).mean())
    assert score("nce", features=theta, y=y, probabilities=theta) == 0.0  # each class of the ancestor holds one label
    theta[3] = [0.7, 0.3]  # now class 0 holds labels 0, 0, 1 and class 1 holds label 1
    entropy = 3 / 4 * -(2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 3))
    assert score("nce", features=theta, y=y, probabilities=theta) == pytest.approx(-entropy)


def test_leep_is_never_below_nce_of_certain_outputs():
    certain, y = np.eye(2)[[0, 0, 1, 1, 0, 1]], np.array([0, 0, 1, 1, 1, 0])
    values = [score(name, features=certain, y=y, probabilities=certain) for name in ("leep", "nce")]
    assert values[0] == pytest.approx(values[1])


def test_logme_is_the_largest_evidence_of_the_gaussian_it_stands_for(few):
    features, y = few
    found = score("logme", features=features, y=y)

    def evidence(alpha: float, beta: float, target: np.ndarray) -> float:
        covariance = features @ features.T / alpha + np.eye(len(y)) / beta
        return multivariate_normal(np.zeros(len(y)), covariance).logpdf(target) / len(y)

    grid = np.geomspace(0.05, 500, 60)
    best = [max(evidence(alpha, beta, (y == label) * 1.0) for alpha in grid for beta in grid) for label in range(3)]
    assert found == pytest.approx(np.mean(best), abs=2e-3)
    assert found >= np.mean(best)  # a grid misses the top


def test_all_layers_of_one_layer_is_the_evidence_of_its_standardised_features(few):
    features, y = few
    found = score("all_layers", features=features, y=y, layers=[features])
    z = (features - features.mean(axis=0)) / features.std(axis=0) / 2  # four features, each a quarter of the kernel
    targets = np.eye(3)[y] - 1 / 3

    def evidence(alpha: float, beta: float) -> np.ndarray:
        covariance = z @ z.T / alpha + np.eye(len(y)) / beta
        return multivariate_normal(np.zeros(len(y)), covariance).logpdf(targets.T) / len(y)

    grid = np.geomspace(0.05, 500, 60)
    best = np.max([evidence(alpha, beta) for alpha in grid for beta in grid], axis=0)
    assert found == pytest.approx(best.mean(), abs=2e-3)


def test_all_layers_counts_an_upper_layer_more_than_a_lower_one(few):
    features, y = few
    noise = np.random.default_rng(1).normal(size=features.shape)
    upper, lower, none = (
        score("all_layers", features=features, y=y, layers=layers)
        for layers in ([features, noise], [noise, features], [noise, noise])
    )
    assert upper > lower > none
    assert score("all_layers", features=features, y=y, layers=[noise] * 6 + [features]) < lower


def test_h_score_of_two_means_on_a_line():
    # One feature: means -1 and 1, each spread by 1. Standardised variance 1, of which 1 / (1 + 1) lies between the classes.
    features, y = np.array([-2.0, 0.0, 0.0, 2.0] * 50)[:, None], np.array([0, 0, 1, 1] * 50)
    assert score("h_score", features=features, y=y) == pytest.approx(0.5)  # of one feature nothing is shrunk


def test_h_score_shrinks_as_ledoit_and_wolf_say(few):
    from sklearn.covariance import LedoitWolf

    features, y = few
    z = standardised(features)
    fitted = LedoitWolf().fit(z)
    means = np.array([z[y == label].mean(axis=0) for label in y])
    plain = np.trace(np.linalg.inv(fitted.covariance_) @ np.cov(means.T, bias=True)) * (1 - fitted.shrinkage_)
    assert score("h_score", features=features, y=y) == pytest.approx(plain)
    assert fitted.shrinkage_ > 0.1  # else this tells nothing


def test_transrate_of_two_classes_on_a_line():
    # Centred features -1 and 1: the whole and either class have tr(Z'Z / n) = 1, so the rates are equal.
    features, y = np.array([0.0, 0.0, 2.0, 2.0])[:, None], np.array([0, 0, 1, 1])
    assert score("transrate", features=features, y=y) == pytest.approx(0.0)
    # Classes on two axes: the whole codes two directions of variance 1/2, each class one of variance 1.
    square = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    expected = np.log(1 + 0.5 / DISTORTION) - np.log(1 + 1 / DISTORTION) / 2
    assert score("transrate", features=square, y=y) == pytest.approx(expected)


def test_mmd_of_two_and_two_rows():
    source, target = np.array([[0.0], [1.0]]), np.array([[3.0], [4.0]])
    z = standardised(np.concatenate([source, target]))[:, 0]
    squared = (z[:, None] - z) ** 2
    kernel = np.exp(-squared / (2 * np.median(squared[np.triu_indices(4, 1)])))
    expected = kernel[0, 1] + kernel[2, 3] - 2 * kernel[:2, 2:].mean()
    found = score("mmd", features=target, y=np.array([0, 1]), source_features=source)
    assert found == pytest.approx(-expected)


def test_frechet_of_gaussians_on_a_line():
    # Standardised together, means are 2 d apart and both spread alike: the distance is that of the means alone.
    rows = np.array([-1.0, 1.0] * 100)[:, None]
    source, target = rows - 3, rows + 3
    z = standardised(np.concatenate([source, target]))
    apart = z[200:].mean() - z[:200].mean()
    found = score("frechet", features=target, y=np.zeros(200, np.int64), source_features=source)
    assert found == pytest.approx(-(apart**2))


def test_frechet_agrees_with_the_matrix_square_root():
    from sklearn.covariance import ledoit_wolf

    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(80, 3)) @ rng.normal(size=(3, 3)), rng.normal(size=(60, 3)) + 1
    z = standardised(np.concatenate([source, target]))
    (first, _), (second, _) = ledoit_wolf(z[:80]), ledoit_wolf(z[80:])
    apart = ((z[:80].mean(axis=0) - z[80:].mean(axis=0)) ** 2).sum()
    plain = apart + np.trace(first + second - 2 * sqrtm(first @ second).real)
    assert score("frechet", features=target, y=np.zeros(60, np.int64), source_features=source) == pytest.approx(-plain / 3)


def test_proxy_a_reaches_from_zero_to_two():
    rng = np.random.default_rng(0)
    rows, y = rng.normal(size=(200, 3)), np.zeros(200, np.int64)
    assert score("proxy_a", features=rows + 20, y=y, source_features=rows) == -2.0
    assert score("proxy_a", features=rng.normal(size=(200, 3)), y=y, source_features=rows) > -0.5
