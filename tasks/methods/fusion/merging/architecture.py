"""Where two networks are built otherwise, in words."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.methods.backend import keras

_TRAINING_ALONE = {"name", "trainable", "build_config", "seed", "momentum", "noise_shape", "activity_regularizer"}
_TRAINING_ENDINGS = ("_initializer", "_regularizer", "_constraint")
_NOISE = {"rate", "stddev"}  # of layers that do nothing outside of training, as Dropout


def difference(flat: "keras.Model", known: "keras.Model") -> str:
    """Where a network differs from a known one: layers, sizes, activations, wiring; empty where it does not.

    Names may differ, and so may what only training looks at, as initializers or the rate of a Dropout.

    Args:
        flat: A functional model without nested ones.
        known: Likewise.
    """
    ours, theirs = flat.get_config()["layers"], known.get_config()["layers"]
    for place, (one, other) in enumerate(zip(ours, theirs, strict=False), 1):
        label = f"layer {place}, {one['config']['name']!r},"
        if one["class_name"] != other["class_name"]:
            return f"{label} is a {one['class_name']}, not a {other['class_name']}"
        mine, its = _built(one), _built(other)
        for key in sorted(mine.keys() | its.keys()):
            if mine.get(key) != its.get(key):
                return f"{label} has {key} {mine.get(key)}, not {its.get(key)}"
    if len(ours) != len(theirs):
        return f"it has {len(ours)} layers, not {len(theirs)}"
    if _wiring(ours) != _wiring(theirs):
        place = next(index for index, (a, b) in enumerate(zip(_wiring(ours), _wiring(theirs), strict=True)) if a != b)
        return f"layer {place + 1}, {ours[place]['config']['name']!r}, reads other layers"
    for one, other in zip(flat.weights, known.weights, strict=True):
        if one.shape != other.shape:
            return f"{one.name.removesuffix(':0')!r} has shape {one.shape.as_list()}, not {other.shape.as_list()}"
    return ""


def _built(entry: dict[str, Any]) -> dict[str, Any]:
    """What a layer's configuration says of the network that it is, less what only its training looks at."""
    left_out = set(_TRAINING_ALONE)
    if entry["class_name"] != "InputLayer":
        left_out.add("batch_input_shape")
    if "Dropout" in entry["class_name"] or "Noise" in entry["class_name"]:
        left_out |= _NOISE
    found: dict[str, Any] = _without(entry["config"], left_out)
    return found


def _without(value: Any, left_out: set[str]) -> Any:
    if isinstance(value, dict):
        kept = {key: each for key, each in value.items() if key not in left_out and not key.endswith(_TRAINING_ENDINGS)}
        return {key: _without(each, left_out) for key, each in kept.items()}
    return [_without(each, left_out) for each in value] if isinstance(value, list | tuple) else value


def _wiring(entries: list[dict[str, Any]]) -> list[Any]:
    """What each layer reads, layers by their place."""
    place = {entry["config"]["name"]: index for index, entry in enumerate(entries)}

    def placed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: placed(each) for key, each in value.items() if key not in ("name", "training")}
        if isinstance(value, list | tuple):
            return [placed(each) for each in value]
        return place.get(value, value) if isinstance(value, str) else value

    return [placed(entry["inbound_nodes"]) for entry in entries]
