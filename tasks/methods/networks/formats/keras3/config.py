"""A Keras 3 configuration to the tf_keras configuration of the same network.

What is translated is what both know: functional and Sequential models of layers without sub-layers, sums and products between
layers. Anything else is refused by name, because a setting that is dropped in silence would change what the network computes.
"""

from typing import Any

from tasks.methods.backend import keras
from tasks.methods.networks.formats.keras3.operations import in_several_layers, is_operation, translate_operation
from tasks.methods.networks.formats.keras3.settings import translate_settings
from tasks.methods.networks.vet import refused

_MODELS = {"Functional": "tf_keras.src.engine.functional", "Sequential": "keras"}


def translate(config: dict[str, Any]) -> dict[str, Any]:
    """The tf_keras configuration of a model that Keras 3 saved.

    Args:
        config: The model's configuration, without compile settings.

    Raises:
        ValueError: Names the layer or setting that has no counterpart.
    """
    name, inner = config["class_name"], config["config"]
    if name not in _MODELS:
        raise ValueError(f"a {name!r} is neither functional nor Sequential")
    nested = {layer["config"]["name"] for layer in inner["layers"] if layer["class_name"] in _MODELS}
    if name == "Sequential":
        layers = [_layer(layer) for layer in inner["layers"]]
        translated: dict[str, Any] = {"name": inner["name"], "layers": layers}
    else:
        layers = [each for layer in inner["layers"] for each in _placed(layer, nested)]
        translated = {"name": inner["name"], "layers": layers}
        for ends in ("input_layers", "output_layers"):
            translated[ends] = [[*_tensor(end, nested)] for end in _ends(inner[ends])]
    return {"module": _MODELS[name], "class_name": name, "config": translated, "registered_name": None}


def _placed(layer: dict[str, Any], nested: set[str]) -> list[dict[str, Any]]:
    """A layer of a functional model, with the calls that tie it to others; several where tf_keras has no single one."""
    if is_operation(layer):
        return [translate_operation(layer, lambda history: _tensor(history, nested))]
    nodes = [_node(node, nested, layer["name"]) for node in layer["inbound_nodes"]]
    return in_several_layers(layer, nodes) or [{**_layer(layer), "name": layer["name"], "inbound_nodes": nodes}]


def _layer(layer: dict[str, Any]) -> dict[str, Any]:
    if layer["class_name"] in _MODELS:
        return translate(layer)
    label = repr(layer["config"].get("name", layer["class_name"]))
    found = refused({key: layer.get(key) for key in ("class_name", "module", "registered_name")})
    if found:
        raise ValueError(f"{found[0]}, layer {label}")
    if layer.get("module") not in ("keras.layers", None) or layer.get("registered_name") is not None:  # .h5 files name none
        raise ValueError(f"layer {label}: {layer['class_name']!r} (from {layer.get('module')!r}) is not a built-in layer")
    kind = getattr(keras.layers, layer["class_name"], None)
    if kind is None:
        raise ValueError(f"layer {label}: tf_keras has no layer {layer['class_name']!r}")
    try:
        name, settings = translate_settings(kind, layer["config"])
    except ValueError as error:
        raise ValueError(f"layer {label}: {error}") from error
    return {"module": "keras.layers", "class_name": name, "config": settings, "registered_name": None}


def _node(node: dict[str, Any], nested: set[str], layer: str) -> list[Any]:
    """One call of a layer: Keras 3 writes its arguments, tf_keras the tensors it reads and its keywords."""
    arguments = node["args"]
    keywords = {key: value for key, value in node["kwargs"].items() if value is not None}
    if len(arguments) != 1 or any(isinstance(value, dict | list) for value in keywords.values()):
        raise ValueError(f"layer {layer!r} is called with more than one argument")
    given = arguments[0] if isinstance(arguments[0], list) else arguments
    return [[*_tensor(each["config"]["keras_history"], nested), keywords] for each in given]


def _tensor(history: list[Any], nested: set[str]) -> tuple[str, int, int]:
    """tf_keras counts a nested model's own graph as its first call."""
    name, node, index = history
    return name, node + (name in nested), index


def _ends(value: Any) -> list[Any]:
    """Inputs or outputs, of which Keras 3 writes a single one without a list around it."""
    return value if isinstance(value, list) and value and not isinstance(value[0], str) else [value]
