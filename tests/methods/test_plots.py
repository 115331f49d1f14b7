"""The pictures are pictures: PNG, readable in size, the same bytes for the same numbers, for every shape of input."""

import io

import numpy as np
import pytest
from PIL import Image

from tasks.methods import plots
from tasks.methods.drift import DriftReport, FeatureDrift, report
from tasks.methods.metrics import reliability_curve


def size(png: bytes) -> tuple[int, int]:
    image = Image.open(io.BytesIO(png))
    image.load()
    assert image.format == "PNG"
    assert np.asarray(image.convert("L")).std() > 5  # something is drawn
    return image.size


@pytest.mark.parametrize("k", [2, 3, 10, 40])
def test_confusion_matrix_png_fits_a_page(k):
    matrix = np.diag(np.full(k, 20)) + 1
    width, height = size(plots.confusion_matrix_png(matrix, [f"a class called {i}" for i in range(k)]))
    assert 400 < width < 3000
    assert 300 < height < 3000


def test_confusion_matrix_png_takes_a_class_without_rows():
    size(plots.confusion_matrix_png(np.array([[5, 1], [0, 0]]), ["yes", "no"]))


def test_confusion_matrix_png_refuses_labels_that_do_not_fit():
    with pytest.raises(ValueError, match=r"shape \[3, 3\].*matrix.shape=\(2, 2\)"):
        plots.confusion_matrix_png(np.eye(2, dtype=int), ["a", "b", "c"])


def test_pictures_are_the_same_bytes_when_the_numbers_are_the_same():
    matrix = np.array([[5, 1], [2, 9]])
    assert plots.confusion_matrix_png(matrix, ["a", "b"]) == plots.confusion_matrix_png(matrix, ["a", "b"])


@pytest.mark.parametrize("ece", [0.12, float("nan")])
def test_reliability_png_draws_when_bins_are_empty(ece):
    curve = reliability_curve(np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([0, 0]))
    size(plots.reliability_png(curve, ece))


@pytest.mark.parametrize(
    "logs",
    [
        {"loss": [1.0, 0.5], "validation_loss": [1.1, 0.7], "accuracy": [0.5, 0.8], "validation_accuracy": [0.4, 0.7]},
        {"loss": [0.5], "validation_loss": [0.4]},
        {"loss": [1.0, float("nan")], "validation_loss": [float("nan")] * 2},
        {"loss": [1.0, 0.5]},
        {},
    ],
)
def test_history_png_draws_what_there_is(logs):
    size(plots.history_png(logs))


def test_history_png_shows_validation_as_a_training_records_it():
    from tasks.learning import curves
    from tasks.methods.networks.fit import History

    known = History([1.0, 0.5], [0.5, 0.8], [1.1, 0.7], [0.4, 0.7], [0.01, 0.01], 2, 0.7)
    blank = History([1.0, 0.5], [0.5, 0.8], [], [], [0.01, 0.01], 2, 0.7)
    assert plots.history_png(curves(known)) != plots.history_png(curves(blank))


def test_drift_png_draws_every_outcome():
    features = [
        FeatureDrift("gone", "numeric", "ks", float("nan"), None, False),
        FeatureDrift("certain", "numeric", "ks", 1.0, 0.0, True),
        FeatureDrift("likely", "categorical", "chi2", 30.0, 0.004, True),
        FeatureDrift("calm", "numeric", "missing", 0.01, 0.9, False),
    ]
    size(plots.drift_png(DriftReport(features, 0.5, True, 0.01, 0.2)))


def test_drift_png_shows_the_strongest_when_features_are_many():
    rng = np.random.default_rng(0)
    kinds = dict.fromkeys([f"a feature with a rather long name, number {i}" for i in range(50)], "numeric")
    found = report({k: rng.normal(size=30) for k in kinds}, {k: rng.normal(size=30) for k in kinds}, kinds)
    _, height = size(plots.drift_png(found))
    assert height < 2000
    size(plots.drift_png(report({}, {}, {})))
