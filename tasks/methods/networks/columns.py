"""Fits a table's network to other columns: each input weight belongs to a column, and follows it by name.

A standardised value is `(raw - offset) / scale`. What the network learned for one standardisation holds for another once
its first layer is rescaled: `old = a * new + b`, with `a = scale_new / scale_old` and
`b = (offset_new - offset_old) / scale_old`, so that a kernel row `w` becomes `a * w`, and `w * b` goes to the bias.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.networks.graph import to_functional
from tasks.methods.networks.replay import Replay

_SAME_UNIT = 10.0
_SMALL = 1e-3
_LISTED = 5  # names in a message
# What may stand between the input and the first weights: the same for every column.
_ALIKE = (keras.layers.Rescaling, keras.layers.Dropout, keras.layers.GaussianNoise, keras.layers.Flatten)


@dataclass(frozen=True)
class Column:
    """One input of a table's network: a numeric column, or a category's place.

    Attributes:
        name: `age`, or `job=cook`.
        offset: Taken off the raw value.
        scale: What the difference is divided by, > 0.
    """

    name: str
    offset: float = 0.0
    scale: float = 1.0


def align_columns(model: keras.Model, known: Sequence[Column], given: Sequence[Column], seed: int) -> keras.Model:
    """A network that makes of the columns `given` what `model` made of those it knew.

    The kernels that read the input (several in a fused network) are made anew, their rows copied where names agree and
    rescaled where the standardisation differs. A column that is gone counts as 0, its mean. A network that begins with
    other layers gets a Dense layer in front that hands each column to its place.

    The weights of a new column are small, not zero: zeros in a kernel are read as pruned and held at zero for ever, so the
    column would never be learned. Where a column's scale or mean differs more than tenfold, it came in another unit, or was
    constant before: what was learned then holds for standardised values, and its weights stay as they are.

    Args:
        model: A trained network with one input [n, len(known)]; it is not changed.
        known: What its inputs mean, in order.
        given: What the new rows hold, in order.
        seed: Seed of the new columns' weights.

    Returns:
        A flat functional model; a plain copy where columns and standardisation agree.

    Raises:
        ValueError: No column in common, or `known` does not describe the network's input.
    """
    shape = tuple(model.inputs[0].shape[1:])
    if shape != (len(known),):
        raise ValueError(
            f"Invalid `known`. Expected a name for each input of {model.name!r}, which takes rows of shape {list(shape)}. "
            f"Received: {len(known)} names."
        )
    names = [column.name for column in known]
    if not {column.name for column in given} & set(names):
        raise ValueError(
            f"Invalid `given`. Expected columns of which {model.name!r} knows at least one: {_some(known)}. "
            f"Received: {_some(given)}. Rename the columns to the names it knows, or train from scratch."
        )
    flat = to_functional(model)
    if list(known) == list(given):
        return flat
    firsts = _first_layers(flat)
    if firsts is None:
        if names == [column.name for column in given]:
            return flat  # there is no kernel to rescale
        flat = _behind_a_door(flat)
        firsts = _first_layers(flat)
        assert firsts is not None
    rows = [names.index(column.name) if column.name in names else -1 for column in given]
    return _rebuilt(flat, firsts, np.array(rows), *_affine(known, given, rows), seed)


def align_rows(x: np.ndarray, given: Sequence[Column], known: Sequence[Column]) -> np.ndarray:
    """Rows of the columns `given` as a network takes them that knows the columns `known`.

    Columns are found by name and standardised as the network has it; one that is not given counts as 0, its mean. Units are
    judged as by `align_columns`.

    Args:
        x: float32 [n, len(given)].
        given: What the rows hold, in order.
        known: What the network's inputs mean, in order.

    Returns:
        float32 [n, len(known)].

    Raises:
        ValueError: No column in common, or `given` does not describe the rows.
    """
    names = [column.name for column in known]
    places = [names.index(column.name) if column.name in names else -1 for column in given]
    if x.ndim != 2 or x.shape[1] != len(given) or set(places) <= {-1}:
        raise ValueError(
            f"Invalid `given`. Expected a name for each of {x.shape[-1]} columns, at least one of them of {_some(known)}. "
            f"Received: {_some(given)}."
        )
    a, b = _affine(known, given, places)
    aligned = np.zeros((len(x), len(known)), np.float32)
    for column, place in enumerate(places):
        if place >= 0:
            aligned[:, place] = a[place] * x[:, column] + b[place]
    return aligned


@dataclass(frozen=True)
class _First:
    """A Dense layer that reads the input as `scale * x + offset`."""

    layer: Any
    scale: float
    offset: float


def _first_layers(flat: keras.Model) -> list[_First] | None:
    """Dense layers that read the input; None where anything else makes a difference between columns."""
    found: list[_First] = []
    waiting = [(flat.inputs[0]._keras_history.layer, 1.0, 0.0)]
    while waiting:
        layer, scale, offset = waiting.pop()
        for reader in (node.layer for node in layer._outbound_nodes):
            if len(reader._inbound_nodes) > 1:
                return None
            if type(reader) is keras.layers.Dense:
                found.append(_First(reader, scale, offset))
            elif type(reader) is keras.layers.Rescaling and np.ndim(reader.scale) == np.ndim(reader.offset) == 0:
                factor = float(reader.scale)
                waiting.append((reader, factor * scale, factor * offset + float(reader.offset)))
            elif type(reader) in _ALIKE and type(reader) is not keras.layers.Rescaling:
                waiting.append((reader, scale, offset))
            else:
                return None
    return found


def _behind_a_door(flat: keras.Model) -> keras.Model:
    """The network behind a Dense layer that changes nothing yet."""
    width, names = flat.inputs[0].shape[1], Replay(taken=[layer.name for layer in flat.layers])
    inputs = keras.Input((width,), name=names.name("columns"))
    door = keras.layers.Dense(width, name=names.name("column_door"))
    placed = door(inputs)
    door.set_weights([np.eye(width, dtype=np.float32), np.zeros(width, np.float32)])
    return keras.Model(inputs, Replay().run(flat, [placed])[0], name=flat.name)


def _affine(known: Sequence[Column], given: Sequence[Column], rows: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """`a` and `b` of every known column, float64 [known]: `old = a * new + b`; both 0 for a column that is gone."""
    a, b = np.zeros(len(known)), np.zeros(len(known))
    for column, row in zip(given, rows, strict=True):
        if row < 0:
            continue
        before = known[row]
        a[row], b[row] = column.scale / before.scale, (column.offset - before.offset) / before.scale
        if not (1 / _SAME_UNIT <= a[row] <= _SAME_UNIT and abs(b[row]) <= _SAME_UNIT):
            a[row], b[row] = 1.0, 0.0
    return a, b


def _rebuilt(flat: keras.Model, firsts: list[_First], rows: np.ndarray, a: np.ndarray, b: np.ndarray, seed: int) -> keras.Model:
    """A copy of `flat` whose first kernels have a row for each of `rows`: a known row's index, -1 for a new column."""
    weights: dict[str, list[np.ndarray]] = {}
    seeds = np.random.SeedSequence(seed).generate_state(len(firsts)).tolist()
    for first, own_seed in zip(firsts, seeds, strict=True):
        kernel = first.layer.kernel.numpy()
        fresh = keras.initializers.GlorotUniform(own_seed)((len(rows), kernel.shape[1])).numpy() * _SMALL
        aligned = np.where(rows[:, np.newaxis] < 0, fresh, (kernel * a[:, np.newaxis])[rows])
        # The layer reads s x + o, so its old input is a times its new one, plus s b + o (1 - a); a new column's mean adds 0.
        shift = (first.scale * b + first.offset * (1 - a)) @ kernel - first.offset * fresh[rows < 0].sum(axis=0)
        bias = first.layer.bias.numpy() if first.layer.use_bias else 0.0
        biases = [(bias + shift).astype(np.float32)] if first.layer.use_bias or shift.any() else []
        weights[first.layer.name] = [aligned.astype(np.float32), *biases]

    def copied(layer: Any) -> Any:
        own = {"use_bias": len(weights[layer.name]) > 1} if layer.name in weights else {}
        return type(layer).from_config(layer.get_config() | own)

    inputs = keras.Input((len(rows),), dtype=flat.inputs[0].dtype, name=flat.input_names[0])
    model = keras.models.clone_model(flat, input_tensors=inputs, clone_function=copied)
    for layer in flat.layers:
        if layer.weights:
            model.get_layer(layer.name).set_weights(weights.get(layer.name) or layer.get_weights())
    return model


def _some(columns: Sequence[Column]) -> str:
    shown = ", ".join(repr(column.name) for column in columns[:_LISTED])
    return f"[{shown}{f', ... {len(columns) - _LISTED} more' if len(columns) > _LISTED else ''}]"
