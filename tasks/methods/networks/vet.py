"""Whether a stored Keras configuration builds nothing but built-in parts: read before any of it is executed.

Keras resolves class names, module paths and function names it finds in a file. Lambda layers carry byte code, a config may
name any importable module, a TFOpLambda any TensorFlow function (file access included), and lookup layers read vocabulary
files. So what is built in and harmless is listed, and everything else is refused.
"""

import inspect
from collections.abc import Collection, Iterator
from functools import cache
from typing import Any

from tasks.methods.backend import keras
from tasks.methods.networks.natural_log import NaturalLog

_REFUSED_LAYERS = {
    "Lambda",
    "DenseFeatures",
    "Hashing",
    "HashedCrossing",
    "IntegerLookup",
    "StringLookup",
    "TextVectorization",
}
_FUNCTION_LAYERS = {"TFOpLambda", "SlicingOpLambda"}
_FUNCTION_PREFIXES = ("math.", "nn.", "__operators__.")
_FUNCTIONS = {
    "abs",
    "cast",
    "clip_by_value",
    "concat",
    "expand_dims",
    "identity",
    "image.resize",
    "pad",
    "reshape",
    "reverse",
    "split",
    "squeeze",
    "stack",
    "tile",
    "transpose",
    "unstack",
}
_MODELS = {"Functional", "Model", "Sequential"}
_DATA = {"Policy", "TensorShape", "__tuple__", "__ellipsis__", "__tensor__", "__numpy__", "__bytes__"}
_MODULES = ("keras", "tf_keras", "builtins")
_OWN = [  # class name, module and registered name of layers of our own, which compute and nothing else
    form
    for layer in (NaturalLog,)
    for form in (
        (layer.__name__, layer.__module__, keras.saving.get_registered_name(layer)),  # in a `.keras` archive
        (keras.saving.get_registered_name(layer), None, None),  # everywhere else
    )
]


def refused(config: Any, allow: Collection[str] = ()) -> list[str]:
    """What a configuration holds that is not a built-in, harmless part; empty where all of it may be built.

    Args:
        config: A model's configuration, as JSON.
        allow: Names of classes and functions that the user vouches for; what stands inside of them is vetted all the same.

    Returns:
        One line a finding, without repetition.
    """
    return list(dict.fromkeys(_findings(config, frozenset(allow))))


def _findings(config: Any, allow: frozenset[str]) -> Iterator[str]:
    if isinstance(config, list):
        for value in config:
            yield from _findings(value, allow)
    elif isinstance(config, dict):
        if "class_name" in config and not _names(config) & allow:
            yield from _class_findings(config)
        if config.get("class_name") == "Lambda" and "Lambda" in allow:
            return  # its byte code and its module are what was vouched for
        for value in config.values():
            yield from _findings(value, allow)


def _names(config: dict[str, Any]) -> set[str]:
    """What a class may be named by: its own name, or that of the function it stands for."""
    inner = config.get("config")
    function = inner.get("function") if isinstance(inner, dict) else inner
    return {name for name in (config["class_name"], function) if isinstance(name, str)}


def _class_findings(config: dict[str, Any]) -> Iterator[str]:
    name, module, registered = config["class_name"], config.get("module"), config.get("registered_name")
    inner = config.get("config")
    label = inner.get("name") if isinstance(inner, dict) else None
    what = f"{name!r} ({label!r})" if label else repr(name)
    if (name, module, registered) in _OWN:
        return
    if name in ("Lambda", "__lambda__"):
        yield f"a Lambda layer, {what}, which carries code"
    elif name in _REFUSED_LAYERS:
        yield f"a layer that reads files or text, {what}"
    elif name == "function":
        if inner not in _functions() or registered not in (None, "function", inner):
            yield f"a function that is not a built-in activation, {inner!r}"
    elif name in _FUNCTION_LAYERS:
        function = inner.get("function") if isinstance(inner, dict) else None
        if not isinstance(function, str) or not (function in _FUNCTIONS or function.startswith(_FUNCTION_PREFIXES)):
            yield f"a TensorFlow function that is not known to be harmless, {function!r}"
    elif not isinstance(name, str) or name not in _classes() | _MODELS | _DATA:
        yield f"a class that is not built into Keras, {what}"
    elif registered not in (None, name):
        yield f"a class registered under another name, {what} as {registered!r}"
    if module is not None and str(module).split(".")[0] not in _MODULES:
        yield f"an object from the module {module!r}"


@cache
def _classes() -> frozenset[str]:
    """Names of the built-in layers, initializers, regularizers and constraints."""
    parts = (keras.layers, keras.initializers, keras.regularizers, keras.constraints)
    names = {name for part in parts for name in dir(part) if inspect.isclass(getattr(part, name))}
    return frozenset(names - _REFUSED_LAYERS)


@cache
def _functions() -> frozenset[str]:
    return frozenset(name for name in dir(keras.activations) if inspect.isfunction(getattr(keras.activations, name))) - {
        "get",
        "serialize",
        "deserialize",
    }
