"""An ancestor that tells the digits 0 to 4 apart, and the other five to learn; tiny, and made once."""

import numpy as np
import pytest

from tasks.methods.networks.fit import FitSettings, fit
from tasks.methods.networks.graph import to_functional
from tasks.methods.networks.surgery import new_head
from tasks.methods.transfer.objectives import Source, Start


@pytest.fixture(scope="session")
def low_digits(all_digits):
    """Rows of the digits 0 to 4: 200 that the ancestor has learned from."""
    x, y = all_digits
    return x[y < 5][:200], y[y < 5][:200]


@pytest.fixture(scope="session")
def high_digits(all_digits):
    """Rows of the digits 5 to 9, as classes 0 to 4: 100 to train on, 80 to validate on."""
    x, y = all_digits
    x, y = x[y >= 5], y[y >= 5] - 5
    return (x[:100], y[:100]), (x[100:180], y[100:180])


@pytest.fixture(scope="session")
def ancestor(low_digits):
    """A network with a convolution, a normalisation and a sparse hidden layer; not to be changed."""
    from tasks.methods.backend import keras

    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1), name="picture")
    hidden = keras.layers.Conv2D(6, 3, strides=2, name="conv")(inputs)
    hidden = keras.layers.ReLU(name="relu")(keras.layers.BatchNormalization(name="norm", momentum=0.8)(hidden))
    hidden = keras.layers.Dense(24, activation="relu", name="dense")(keras.layers.Flatten(name="flat")(hidden))
    outputs = keras.layers.Dense(5, activation="softmax", name="classes")(hidden)
    model = keras.Model(inputs, outputs, name="ancestor")
    fit(model, low_digits, low_digits, FitSettings(epochs=6, learning_rate=5e-3, patience=6))
    kernel = model.get_layer("dense").kernel
    kernel.assign(kernel.numpy() * (np.abs(kernel.numpy()) > np.quantile(np.abs(kernel.numpy()), 0.4)))
    return model


@pytest.fixture
def start(ancestor, high_digits):
    """`start()`: an heir of the ancestor, under a new head; `start(kept=True)`: under its own."""

    def made(*stages: FitSettings, kept: bool = False) -> Start:
        model = to_functional(ancestor) if kept else new_head(ancestor, 5, seed=0, dropout=0.1)
        settings = stages or (FitSettings(epochs=1, trainable="head"), FitSettings(epochs=2, learning_rate=3e-3))
        return Start(model, kept, *high_digits, settings)

    return made


@pytest.fixture
def source(ancestor, low_digits):
    return Source(to_functional(ancestor), low_digits)
