"""Settings of one Keras 3 layer, as tf_keras writes them; what has no counterpart must be off, or change nothing."""

import inspect
from typing import Any

from tasks.methods.backend import keras

_RENAMED = {("InputLayer", "batch_shape"): "batch_input_shape", ("LeakyReLU", "negative_slope"): "alpha"}
_ALWAYS = {"name", "trainable", "dtype", "batch_input_shape"}  # settings of every layer, not in its own signature
_HARMLESS = {  # settings tf_keras does not have, at the value that means what tf_keras does
    "renorm_momentum": 0.99,
    "fill_mode": "constant",
    "fill_value": 0.0,
    "data_format": "channels_last",
    "iterations": 1,
}
_ACTIVATIONS = {  # those that compute the same in both; hard_sigmoid, say, has another slope
    **{name: name for name in ("elu", "exponential", "gelu", "linear", "mish", "relu", "selu", "sigmoid", "softmax")},
    **{name: name for name in ("softplus", "softsign", "swish", "tanh")},
    "silu": "swish",
}


def translate_settings(kind: type, settings: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The tf_keras class and settings of a layer.

    Args:
        kind: The tf_keras class of the layer's name.
        settings: As Keras 3 wrote them.

    Raises:
        ValueError: Names the setting that has no counterpart.
    """
    if kind is keras.layers.Activation and settings.get("activation") == "relu6":
        kept = {name: value for name, value in settings.items() if name in ("name", "trainable", "dtype")}
        return "ReLU", _settings(keras.layers.ReLU, kept) | {"max_value": 6.0}
    return kind.__name__, _settings(kind, settings)


def _settings(kind: type, settings: dict[str, Any]) -> dict[str, Any]:
    known = _ALWAYS | {name for base in kind.__mro__ for name in inspect.signature(base.__init__).parameters}  # type: ignore[misc]
    kept: dict[str, Any] = {}
    for given, value in settings.items():
        name = _RENAMED.get((kind.__name__, given), given)
        if name in known:
            kept[name] = _value(name, value)
        elif value not in (None, False) and value != _HARMLESS.get(given, ...):
            raise ValueError(f"setting {given}={value!r} of {kind.__name__!r} has no counterpart")
    return kept


def _value(name: str, value: Any) -> Any:
    if name == "activation" or name.endswith("_activation"):
        return _activation(name, value)
    if not isinstance(value, dict) or "class_name" not in value:
        return value
    if name == "dtype":
        return value["config"]["name"]
    for part in (keras.initializers, keras.regularizers, keras.constraints):
        kind = getattr(part, value["class_name"], None)
        if kind is not None:
            inner = _settings(kind, value["config"])
            return {
                "module": part.__name__.replace("tf_keras.api._v2.", ""),
                "class_name": value["class_name"],
                "config": inner,
            }
    raise ValueError(f"{name}={value['class_name']!r} is not built in")


def _activation(name: str, value: Any) -> Any:
    if value is None:
        return None
    if not isinstance(value, str) or value not in _ACTIVATIONS:
        what = value.get("config", value) if isinstance(value, dict) else value
        raise ValueError(f"{name}={what!r} computes something else in tf_keras, or is unknown there")
    return _ACTIVATIONS[value]
