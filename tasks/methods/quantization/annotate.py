"""A network with tfmot's emulation of int8 arithmetic around its layers."""

import warnings
from typing import Any

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.networks.graph import to_functional
from tasks.methods.quantization.kept import scheme
from tasks.methods.quiet import quiet

with quiet(), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from tensorflow_model_optimization.python.core.quantization.keras import quant_ops, quantize, quantize_layer, quantizers

_NOISE = (
    keras.layers.Dropout,
    keras.layers.AlphaDropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
)
_DECAY = 0.999  # of the moving average of activations' ranges, tfmot's own


def annotated(model: keras.Model, preserve: str, sample: np.ndarray) -> keras.Model:
    """A copy of `model` that computes as its int8 form would, and learns.

    Layers without weights that tfmot does not know stay float. Dropout and noise are left out, as tfmot reads clusters off
    weights that are set before it wraps the layers.

    Args:
        model: A network with one input and one output.
        preserve: See `scheme`.
        sample: float32 [n, ...], n >= 1: rows from which the ranges of activations start.

    Raises:
        ValueError: A layer with weights that tfmot cannot quantize, or an activation it does not know.
    """
    chosen = scheme(preserve)
    registry = chosen.get_quantize_registry()

    def annotate(layer: Any) -> Any:
        if isinstance(layer, keras.layers.SeparableConv1D | keras.layers.SeparableConv2D):
            raise ValueError(f"{layer.name} is a {type(layer).__name__}; use a DepthwiseConv2D and a Conv2D in its place")
        if isinstance(layer, keras.layers.InputLayer) or not (layer.weights or registry.supports(layer)):
            return layer
        return quantize.quantize_annotate_layer(layer)

    try:
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wrapped = quantize.quantize_apply(keras.models.clone_model(_without_noise(model), clone_function=annotate), chosen)
    except (ValueError, RuntimeError) as error:  # tfmot raises both
        raise ValueError(
            "Invalid `model`. Expected layers that tfmot can quantize: Dense, Conv2D, DepthwiseConv2D, BatchNormalization "
            f"behind one of these. Received: {model.name!r}, and {str(error).strip().splitlines()[0]}"
        ) from error
    for layer in wrapped.layers:
        if isinstance(layer, quantize_layer.QuantizeLayer):
            layer._name = "quantize_input"  # tfmot numbers them through the process: bytes would differ from call to call
    _set_ranges(wrapped, sample)
    return wrapped


def _without_noise(model: keras.Model) -> keras.Model:
    flat = to_functional(model)

    def copied(layer: Any) -> Any:
        if isinstance(layer, _NOISE):
            return keras.layers.Activation("linear", name=layer.name)
        return type(layer).from_config(layer.get_config())

    copy = keras.models.clone_model(flat, clone_function=copied)
    copy.set_weights(flat.get_weights())
    return copy


def _set_ranges(wrapped: keras.Model, sample: np.ndarray) -> None:
    """Sets the ranges of activations to those of one pass.

    tfmot starts every range at [-6, 6] and moves it by a thousandth of the difference a step: short training would end
    with clipped activations, or with ranges mostly empty.
    """
    quantizer = _MovingAverage()
    for layer in wrapped.layers:
        for activation in getattr(layer, "_quantize_activations", []):
            activation.quantizer = quantizer
        outputs = getattr(layer, "_output_quantizers", [])
        if outputs and isinstance(outputs[0], quantizers.MovingAverageQuantizer):
            layer._output_quantizers = [quantizer]
    quantizer.decay = 0.0
    wrapped(sample, training=True)
    quantizer.decay = _DECAY


class _MovingAverage(quantizers.MovingAverageQuantizer):
    """tfmot's quantizer of activations, its decay open."""

    def __init__(self) -> None:
        super().__init__(num_bits=8, per_axis=False, symmetric=False, narrow_range=False)
        self.decay = _DECAY

    def __call__(self, inputs: Any, training: bool, weights: dict[str, Any], **kwargs: Any) -> Any:
        low, high = weights["min_var"], weights["max_var"]
        return quant_ops.MovingAvgQuantize(
            inputs, low, high, ema_decay=self.decay, is_training=training, num_bits=self.num_bits
        )
