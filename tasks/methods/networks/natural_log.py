"""The one layer Keras has no built-in for that combining probabilities needs: the logarithm."""

from typing import Any

from tasks.methods.backend import keras, tf


@keras.saving.register_keras_serializable(package="bequest")
class NaturalLog(keras.layers.Layer):
    """log(max(x, floor)), element by element.

    softmax(log(x)) scales positive numbers to sum 1, so this and built-in layers are all that products of probabilities take.
    Every mode of conversion has both operations. NaN stays NaN.

    Args:
        floor: Least number whose logarithm is taken, > 0.

    Raises:
        ValueError: A floor that is not.
    """

    def __init__(self, floor: float = 1e-7, **options: Any) -> None:
        super().__init__(**options)
        if not floor > 0:
            raise ValueError(f"Invalid `floor`. Expected a number > 0. Received: floor={floor}.")
        self.floor = float(floor)

    def call(self, inputs: Any) -> Any:
        """The logarithm; see the class."""
        return tf.math.log(tf.maximum(inputs, self.floor))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """What the layer is made from."""
        return {**super().get_config(), "floor": self.floor}
