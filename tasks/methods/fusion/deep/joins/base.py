"""What every way to join features looks like; names and references need no TensorFlow."""

from collections.abc import Sequence
from typing import Any, Protocol

from tasks.methods.registry import Methods


class Join(Protocol):
    """Builds the layers between the members' features and the head."""

    def __call__(self, features: Sequence[Any], units: int, seed: int) -> Any:
        """Joins features.

        Args:
            features: The members' features, Keras tensors [n, d_i], at least two.
            units: Width of a joint feature, where the way has one of its own.
            seed: Seed of the initial weights (Glorot & Bengio, 2010).

        Returns:
            A Keras tensor [n, d], made with built-in layers whose names start with `fusion_`.
        """


joins: Methods[Join] = Methods("way to join features")


def dense(units: int, activation: str | None, name: str, seed: int) -> Any:
    """A Dense layer with weights of its own seed."""
    from tasks.methods.backend import keras

    return keras.layers.Dense(
        units, activation=activation, name=f"fusion_{name}", kernel_initializer=keras.initializers.GlorotUniform(seed)
    )


def stacked(tensors: Sequence[Any], name: str) -> Any:
    """Members' tensors [n, d] as one [n, m, d]."""
    from tasks.methods.backend import keras

    rows = [
        keras.layers.Reshape((1, int(tensor.shape[-1])), name=f"fusion_{name}_row_{number}")(tensor)
        for number, tensor in enumerate(tensors)
    ]
    return keras.layers.Concatenate(axis=1, name=f"fusion_{name}")(rows)


def summed(tensor: Any, name: str) -> Any:
    """The sum over members of [n, m, d], as the mean times m: built-in layers have no sum over an axis."""
    from tasks.methods.backend import keras

    mean = keras.layers.GlobalAveragePooling1D(name=f"fusion_{name}_mean")(tensor)
    return keras.layers.Rescaling(float(tensor.shape[1]), name=f"fusion_{name}")(mean)
