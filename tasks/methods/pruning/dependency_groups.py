"""Which channels of a network can only go together, found by walking its graph (Fang et al., DepGraph, arXiv:2301.12900)."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tasks.methods.backend import keras, tf
from tasks.methods.pruning.channel_kernels import KERNEL_RULES
from tasks.methods.pruning.channel_ledger import Ids, Ledger
from tasks.methods.pruning.channel_rules import RULES, Rule


@dataclass(frozen=True)
class Group:
    """Channels made by the same layers: how many of them go is one decision.

    Args:
        producers: Names of the layers whose kernels make them, in the order of the graph.
        channels: int64 [n], numbers of the channels, in order. A channel may stand at several places of several tensors.
        whole: Why none of them may go; empty where they may.
    """

    producers: tuple[str, ...]
    channels: np.ndarray
    whole: str = ""


@dataclass(frozen=True)
class Dependencies:
    """Where each channel of a network stands.

    Args:
        groups: Groups of channels that kernels make, in the order of the graph.
        read: Layer name -> int64 [channels] of its first input.
        made: Layer name -> int64 [channels] of its output.
        channels: How many different channels there are.
    """

    groups: list[Group]
    read: dict[str, np.ndarray]
    made: dict[str, np.ndarray]
    channels: int


@dataclass(frozen=True)
class _Walk:
    ledger: Ledger = field(default_factory=Ledger)
    tensors: dict[int, Ids] = field(default_factory=dict)
    read: dict[str, list[Ids]] = field(default_factory=dict)
    made: dict[str, Ids] = field(default_factory=dict)
    producers: list[str] = field(default_factory=list)


def rule_of(layer: Any) -> Rule | None:
    """How a layer carries channels, or None where that is not known."""
    return KERNEL_RULES.get(type(layer)) or RULES.get(type(layer))


def dependencies(flat: keras.Model) -> Dependencies:
    """The groups of channels of a network.

    A layer that is not understood holds what it reads and what it makes: groups it touches are left whole. So are the
    network's inputs and its outputs, and whatever is added to them.

    Args:
        flat: A functional model without nested ones, as `to_functional` gives it.

    Returns:
        Its groups, and where their channels stand.
    """
    walk = _Walk()
    for depth in sorted(flat._nodes_by_depth, reverse=True):
        for node in flat._nodes_by_depth[depth]:
            _visit(walk, node)
    for tensor in flat.outputs:
        walk.ledger.hold(walk.tensors[id(tensor)], "they are the network's outputs")
    channels = walk.ledger.channels()
    return Dependencies(
        groups=_groups(walk, channels),
        read={name: channels[ids[0]] for name, ids in walk.read.items() if ids},
        made={name: channels[ids] for name, ids in walk.made.items()},
        channels=int(channels.max(initial=-1)) + 1,
    )


def _visit(walk: _Walk, node: Any) -> None:
    layer, outputs = node.layer, tf.nest.flatten(node.outputs)
    inputs = [walk.tensors[id(tensor)] for tensor in node.keras_inputs] if not node.is_input else []
    rule = rule_of(layer)
    carried = rule.carry(node, inputs, walk.ledger) if rule and _plain(node, inputs) else None
    if rule is None or carried is None:
        why = (
            "they are the network's inputs"
            if node.is_input
            else f"{type(layer).__name__} {layer.name!r} mixes them, or is not known"
        )
        for ids in inputs:
            walk.ledger.hold(ids, why)
        made = [_held(walk, tensor, why) for tensor in outputs]
    else:
        made = [carried]
        if layer.name not in walk.made:
            walk.producers.extend([layer.name] if rule.makes else [])
        elif rule.cut or rule.resize:  # called again: one set of weights, so one choice of channels
            for one, other in zip([*walk.read[layer.name], walk.made[layer.name]], [*inputs, carried], strict=True):
                walk.ledger.tie(one, other)
    walk.read.setdefault(layer.name, inputs)
    walk.made.setdefault(layer.name, made[0])
    walk.tensors.update(zip(map(id, outputs), made, strict=True))


def _plain(node: Any, inputs: list[Ids]) -> bool:
    """Whether a layer reads tensors of the graph alone, each with channels: constants beside them could not be cut."""
    arrays = [each for each in tf.nest.flatten((node.call_args, node.call_kwargs)) if hasattr(each, "shape")]
    return bool(inputs) and all(map(len, inputs)) and len(arrays) == len(inputs)


def _held(walk: _Walk, tensor: Any, why: str) -> Ids:
    """Fresh ids for a tensor whose channels stay; none where it has no last axis of known size."""
    size = tensor.shape[-1] if tensor.shape.rank is not None and tensor.shape.rank >= 2 else None
    ids = walk.ledger.fresh(size or 0)
    walk.ledger.hold(ids, why)
    return ids


def _groups(walk: _Walk, channels: np.ndarray) -> list[Group]:
    group_of = walk.ledger.groups(walk.made[name] for name in walk.producers)
    whole: dict[int, str] = {}
    for each, why in walk.ledger.held().items():
        whole.setdefault(int(group_of[each]), why)
    producers: dict[int, list[str]] = {}
    for name in walk.producers:
        producers.setdefault(int(group_of[walk.made[name][0]]), []).append(name)
    return [
        Group(tuple(names), np.unique(channels[group_of == label]), whole.get(label, "")) for label, names in producers.items()
    ]
