"""Models saved by Keras 3, built as tf_keras models: the configuration is translated, the weights are copied layer by layer.

What is translated is what both know: functional and Sequential models of layers without sub-layers. Anything else is refused
by name, because a setting that is dropped in silence would change what the network computes.
"""

import inspect
import re
from collections import Counter
from typing import Any

import h5py

from tasks.methods.backend import keras
from tasks.methods.networks.vet import refused

_MODELS = {"Functional": "tf_keras.src.engine.functional", "Sequential": "keras"}
_RENAMED = {("InputLayer", "batch_shape"): "batch_input_shape", ("LeakyReLU", "negative_slope"): "alpha"}
_ALWAYS = {"name", "trainable", "dtype", "batch_input_shape"}  # settings of every layer, not in its own signature
_HARMLESS = {  # settings tf_keras does not have, at the value that means what tf_keras does
    "renorm_momentum": 0.99,
    "fill_mode": "constant",
    "fill_value": 0.0,
    "data_format": "channels_last",
    "iterations": 1,
}


def is_keras3(version: Any) -> bool:
    """Whether a file's `keras_version` is that of the multi-backend Keras."""
    major = str(version or "").split(".")[0]
    return major.isdigit() and int(major) >= 3


def translate(config: dict[str, Any]) -> dict[str, Any]:
    """The tf_keras configuration of a model that Keras 3 saved.

    Raises:
        ValueError: Names the layer or setting that has no counterpart.
    """
    name, inner = config["class_name"], config["config"]
    if name not in _MODELS:
        raise ValueError(f"a {name!r} is neither functional nor Sequential")
    layers = [_layer(layer) for layer in inner["layers"]]
    translated: dict[str, Any] = {"name": inner["name"], "layers": layers}
    if name == "Functional":
        nested = {layer["config"]["name"] for layer in layers if layer["class_name"] in _MODELS}
        for layer, given in zip(layers, inner["layers"], strict=True):
            layer["name"] = given["name"]
            layer["inbound_nodes"] = [_node(node, nested, given["name"]) for node in given["inbound_nodes"]]
        for ends in ("input_layers", "output_layers"):
            translated[ends] = [[*_tensor(end, nested)] for end in _as_list(inner[ends])]
    return {"module": _MODELS[name], "class_name": name, "config": translated, "registered_name": None}


def load_weights(model: keras.Model, config: dict[str, Any], store: h5py.Group) -> None:
    """Copies the weights of a Keras 3 store into a model built from the translated configuration.

    Args:
        model: Built by tf_keras from `config`.
        config: As `translate` gave it; the store numbers layers of one class in its order.
        store: The open `model.weights.h5`, or a nested model's group in it.

    Raises:
        ValueError: The store lacks a layer's weights, or holds others.
    """
    seen: Counter[str] = Counter()
    for layer in config["config"]["layers"]:
        kind = _snake(layer["class_name"])
        group = store["layers"].get(f"{kind}_{seen[kind]}" if seen[kind] else kind)
        seen[kind] += 1
        if layer["class_name"] == "InputLayer":
            continue  # a Sequential has none of its own in tf_keras
        built = model.get_layer(layer["config"]["name"])
        if isinstance(built, keras.Model):
            load_weights(built, layer, group)
        elif built.weights:
            values = [] if group is None else [group["vars"][str(index)][()] for index in range(len(group["vars"]))]
            if [value.shape for value in values] != [tuple(weight.shape) for weight in built.weights]:
                raise ValueError(f"the stored weights of layer {built.name!r} are not those of its kind")
            built.set_weights(values)


def _layer(layer: dict[str, Any]) -> dict[str, Any]:
    if layer["class_name"] in _MODELS:
        return translate(layer)
    found = refused({key: layer.get(key) for key in ("class_name", "module", "registered_name")})
    if found:
        raise ValueError(found[0])
    if layer.get("module") != "keras.layers" or layer.get("registered_name") is not None:
        raise ValueError(f"{layer['class_name']!r} (from {layer.get('module')!r}) is not a built-in layer")
    kind = getattr(keras.layers, layer["class_name"], None)
    if kind is None:
        raise ValueError(f"tf_keras has no layer {layer['class_name']!r}")
    return {
        "module": "keras.layers",
        "class_name": layer["class_name"],
        "config": _settings(kind, layer["config"]),
        "registered_name": None,
    }


def _settings(kind: type, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that `kind` knows; others must be off, or at a value that changes nothing."""
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


def _node(node: dict[str, Any], nested: set[str], layer: str) -> list[Any]:
    """One call of a layer: Keras 3 writes its arguments, tf_keras the tensors it reads and its keywords."""
    arguments = node["args"]
    keywords = {key: value for key, value in node["kwargs"].items() if value is not None}
    if len(arguments) != 1 or any(isinstance(value, dict | list) for value in keywords.values()):
        raise ValueError(f"layer {layer!r} is called with more than one argument")
    return [[*_tensor(given["config"]["keras_history"], nested), keywords] for given in _as_list(arguments[0])]


def _tensor(history: list[Any], nested: set[str]) -> tuple[str, int, int]:
    """tf_keras counts a nested model's own graph as its first call."""
    name, node, index = history
    return name, node + (name in nested), index


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) and value and not isinstance(value[0], str) else [value]


def _snake(name: str) -> str:
    """As Keras names the groups of its weight store: BatchNormalization -> batch_normalization."""
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", re.sub(r"\W+", "", name))).lower()
