"""Sums, products and activations of Keras 3 that tf_keras has in another form, as layers without weights."""

from collections.abc import Callable
from typing import Any

Tensor = Callable[[list[Any]], tuple[str, int, int]]

_OF_TWO = {"Add": "Add", "Subtract": "Subtract", "Multiply": "Multiply", "Maximum": "Maximum", "Minimum": "Minimum"}
_SCALING = ("Add", "Divide", "Multiply", "Subtract", "TrueDivide")
_HARD = ("hard_sigmoid", "hard_silu", "hard_swish")  # of x / 6 + 1/2, held between 0 and 1; the last two times x


def is_operation(layer: dict[str, Any]) -> bool:
    """Whether what stands among a model's layers is an operation; `.h5` files do not say so, but show it by its arguments."""
    module = layer.get("module")
    if module is not None:
        return str(module).startswith("keras.src.ops")
    known = {*_OF_TWO, *_SCALING}
    return layer["class_name"] in known and any(len(node["args"]) != 1 for node in layer["inbound_nodes"])


def translate_operation(operation: dict[str, Any], tensor: Tensor) -> dict[str, Any]:
    """The tf_keras layer, and its calls, that compute what an operation of `keras.ops` does.

    Args:
        operation: Its configuration and calls, as Keras 3 wrote them.
        tensor: Says where a tensor is found in tf_keras, given where Keras 3 has it.

    Raises:
        ValueError: Names the operation that has no counterpart.
    """
    name, kind = operation["name"], operation["class_name"]
    layers, calls = [], []
    for node in operation["inbound_nodes"]:
        arguments = [*node["args"], *(value for value in node["kwargs"].values() if value is not None)]
        tensors = [_history(each) for each in arguments]
        if len(arguments) == 2 and all(tensors) and kind in _OF_TWO:
            layers.append((_OF_TWO[kind], {"name": name}))
            calls.append([[*tensor(history), {}] for history in tensors if history])
            continue
        numbers = [each for each in arguments if isinstance(each, int | float) and not isinstance(each, bool)]
        histories = [history for history in tensors if history]
        scaling = _scaling(kind, numbers[0], first=tensors[0] is not None) if len(numbers) == len(histories) == 1 else None
        if scaling is None:
            raise ValueError(f"the operation {kind!r} ({name!r}) has no counterpart among tf_keras' built-in layers")
        layers.append(("Rescaling", {"name": name, "scale": scaling[0], "offset": scaling[1]}))
        calls.append([[*tensor(histories[0]), {}]])
    if not layers or any(layer != layers[0] for layer in layers):
        raise ValueError(f"the operation {kind!r} ({name!r}) is called in several ways")
    return _layer(layers[0][0], calls, **layers[0][1])


def in_several_layers(layer: dict[str, Any], calls: list[Any]) -> list[dict[str, Any]]:
    """An Activation that is a scaled ReLU in Keras 3, in tf_keras' layers; [] for any other layer.

    Args:
        layer: Its configuration, as Keras 3 wrote it.
        calls: Its calls, as tf_keras writes them.
    """
    kind = layer["config"].get("activation") if layer["class_name"] == "Activation" else None
    if kind not in _HARD:
        return []
    name = layer["name"]
    held = name if kind == "hard_sigmoid" else f"{name}_held"
    scaled = _layer("Rescaling", calls, name=f"{name}_scaled", scale=1 / 6, offset=0.5)
    gate = _layer("ReLU", [[[f"{name}_scaled", call, 0, {}]] for call in range(len(calls))], name=held, max_value=1.0)
    if kind == "hard_sigmoid":
        return [scaled, gate]
    products = [[*each, [held, call, 0, {}]] for call, each in enumerate(calls)]
    return [scaled, gate, _layer("Multiply", products, name=name)]


def _layer(kind: str, calls: list[Any], **config: Any) -> dict[str, Any]:
    return {
        "module": "keras.layers",
        "class_name": kind,
        "config": config,
        "registered_name": None,
        "name": config["name"],
        "inbound_nodes": calls,
    }


def _history(argument: Any) -> list[Any] | None:
    return argument["config"]["keras_history"] if isinstance(argument, dict) and "config" in argument else None


def _scaling(kind: str, number: float, *, first: bool) -> tuple[float, float] | None:
    """Scale and offset of an operation between a tensor and a number; `first` says that the tensor stands first."""
    if kind == "Add":
        return 1.0, float(number)
    if kind == "Multiply":
        return float(number), 0.0
    if kind == "Subtract":
        return (1.0, -float(number)) if first else (-1.0, float(number))
    if kind in ("Divide", "TrueDivide") and first and number:
        return 1.0 / float(number), 0.0
    return None
