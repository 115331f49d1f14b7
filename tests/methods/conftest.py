"""scikit-learn's digits, the one data set that methods are tried on: pixels in [0, 1], rows in their own order."""

import numpy as np
import pytest
from sklearn.datasets import load_digits


@pytest.fixture(scope="session")
def all_digits():
    """All 1,797 pictures, float32 [n, 8, 8, 1], and their classes, int64 [n]."""
    data = load_digits()
    x, y = (data.images / 16).astype(np.float32)[..., np.newaxis], data.target.astype(np.int64)
    x.flags.writeable = y.flags.writeable = False  # shared by all tests of a process
    return x, y


@pytest.fixture(scope="session")
def digits(all_digits):
    """600 pictures to train on, 300 to validate on."""
    x, y = all_digits
    return (x[:600], y[:600]), (x[600:900], y[600:900])


@pytest.fixture(scope="session")
def fewer_digits(all_digits):
    """400 pictures to train on, 200 to validate on: for trainings that take long."""
    x, y = all_digits
    return (x[:400], y[:400]), (x[400:600], y[400:600])


@pytest.fixture(scope="session")
def flat_digits(digits):
    """Those of `digits` as rows of 64 numbers."""
    return tuple((x.reshape(len(x), 64), y) for x, y in digits)
