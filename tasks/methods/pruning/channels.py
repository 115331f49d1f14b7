"""Channel pruning: whole filters go, and the network is built again, smaller (Li et al., arXiv:1608.08710).

Unlike single zeros this makes a network faster, on any hardware: its arrays are smaller.
"""

from collections.abc import Mapping
from math import ceil, isfinite, sqrt

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.networks.graph import to_functional
from tasks.methods.pruning.channel_ranking import group_scores
from tasks.methods.pruning.channel_rebuild import rebuild
from tasks.methods.pruning.channel_scores import Score, scores
from tasks.methods.pruning.dependency_groups import Dependencies, Group, dependencies

Choice = str | Score | Mapping[str, np.ndarray]
_ROUNDING = 1e-9  # 0.29 of 100 channels is 28.999999999999996


def prune_channels(
    model: keras.Model, fraction: float | Mapping[str, float], *, score: Choice = "l2", multiple: int = 1
) -> keras.Model:
    """A smaller copy of `model` without the channels that matter least in each group.

    Channels that are added, averaged or multiplied with one another make one group, and go together. The network's inputs
    and outputs stay, and so does every group that a layer touches which is not understood. Zeros among the weights that
    stay are kept. A channel whose filter and shift are zero goes without a trace where its activation gives 0 for 0.

    Args:
        model: A functional or Sequential model, nested ones included; it is not changed.
        fraction: Share of its channels that each group loses, [0, 1), rounded down to whole channels; or layer name ->
            share of that layer's group, all others staying whole. Names are those of `to_functional(model)`.
        score: A registered score, or (kernel [weights of a channel, channels]) -> [channels], or layer name -> [channels], as
            `taylor` gives it. A group's channel has the sum over the layers that make it; the lowest go.
        multiple: What a group keeps is rounded up to a multiple of it, which suits vector units (4 or 8).

    Returns:
        A flat functional model of built-in layers, names unchanged; not compiled.

    Raises:
        ValueError: A fraction outside [0, 1), a layer that does not exist or cannot be pruned, two fractions for one group,
            an unknown score, or a model that is subclassed or was never built.
    """
    rate = _checked(score, multiple)
    flat = to_functional(model)
    found = dependencies(flat)
    shares = _by_group(found, fraction)
    keep = np.ones(found.channels, bool)
    for group, share in zip(found.groups, shares, strict=True):
        if share:
            stay = len(group.channels) - int(share * len(group.channels) + _ROUNDING)
            _drop(keep, group, group_scores(flat, found, group, rate), stay, multiple)
    return rebuild(flat, found, keep)


def prune_channels_globally(
    model: keras.Model, fraction: float, *, score: Choice = "l2", floor: float = 0.1, multiple: int = 1
) -> keras.Model:
    """A smaller copy of `model` without the channels that matter least in all of it: one threshold for all groups.

    A group's scores are divided by their root mean square, so that they can be compared (Molchanov et al.,
    arXiv:1611.06440, divide by the norm, by which wide groups lose more). So groups with some channels far weaker than the
    others lose most.

    Args:
        model: As for `prune_channels`.
        fraction: Share of all channels of prunable groups that go, [0, 1), rounded down; fewer where floors forbid it.
        score: As for `prune_channels`.
        floor: Share of its channels that every group keeps at least, (0, 1], rounded up.
        multiple: As for `prune_channels`.

    Returns:
        As `prune_channels`.

    Raises:
        ValueError: As `prune_channels`, or a floor outside (0, 1].
    """
    if not 0 < floor <= 1:
        raise ValueError(f"Invalid `floor`. Expected a fraction in (0, 1], not a percentage. Received: floor={floor}.")
    _check_fraction("fraction", fraction)
    rate = _checked(score, multiple)
    flat = to_functional(model)
    found = dependencies(flat)
    groups = [group for group in found.groups if not group.whole]
    relative = [_relative(group_scores(flat, found, group, rate)) for group in groups]
    least = [max(1, ceil(floor * len(values) - _ROUNDING)) for values in relative]
    weakest = [np.sort(values)[: len(values) - count] for values, count in zip(relative, least, strict=True)]
    of = np.concatenate([np.full(len(values), index) for index, values in enumerate(weakest)] or [np.empty(0, int)])
    budget = int(fraction * sum(map(len, relative)) + _ROUNDING)
    order = np.argsort(np.concatenate(weakest or [np.empty(0)]), kind="stable")[:budget]
    gone = np.bincount(of[order], minlength=len(groups))
    keep = np.ones(found.channels, bool)
    for group, values, count in zip(groups, relative, gone.tolist(), strict=True):
        _drop(keep, group, values, len(values) - count, multiple)
    return rebuild(flat, found, keep)


def prunable_layers(model: keras.Model) -> list[tuple[str, ...]]:
    """Names of the layers whose channels can go, those whose channels go together in one tuple, in the order of the graph.

    Raises:
        ValueError: A model that is subclassed or was never built.
    """
    return [group.producers for group in dependencies(to_functional(model)).groups if not group.whole]


def _drop(keep: np.ndarray, group: Group, values: np.ndarray, stay: int, multiple: int) -> None:
    """Unmarks the channels of a group that score lowest, so that `stay` remain, rounded up."""
    stay = ceil(max(stay, 1) / multiple) * multiple
    order = np.argsort(values, kind="stable")
    keep[group.channels[order[: max(0, len(order) - stay)]]] = False


def _relative(values: np.ndarray) -> np.ndarray:
    size = sqrt(float(np.mean(np.square(values))))
    return values / size if size else values


def _by_group(found: Dependencies, fraction: float | Mapping[str, float]) -> list[float]:
    """The share that each group loses."""
    if not isinstance(fraction, Mapping):
        _check_fraction("fraction", fraction)
        return [0.0 if group.whole else fraction for group in found.groups]
    shares = [0.0] * len(found.groups)
    index_of = {name: index for index, group in enumerate(found.groups) for name in group.producers}
    named: dict[int, str] = {}
    for name, share in fraction.items():
        _check_fraction(f"fraction[{name!r}]", share)
        if name not in index_of:
            raise ValueError(
                f"Invalid `fraction`. Expected layers whose kernels make channels, of {sorted(index_of)}. Received: {name!r}."
            )
        index = index_of[name]
        if share and found.groups[index].whole:
            raise ValueError(
                "Invalid `fraction`. Expected layers whose channels can go. "
                f"Received: {name!r}, whose channels stay: {found.groups[index].whole}."
            )
        if index in named and shares[index] != share:
            raise ValueError(
                "Invalid `fraction`. Expected one fraction for layers whose channels go together. "
                f"Received: {shares[index]} for {named[index]!r} and {share} for {name!r}."
            )
        shares[index], named[index] = share, name
    return shares


def _check_fraction(name: str, fraction: float) -> None:
    if not (isfinite(fraction) and 0 <= fraction < 1):
        raise ValueError(f"Invalid `{name}`. Expected a fraction in [0, 1), not a percentage. Received: {name}={fraction}.")


def _checked(score: Choice, multiple: int) -> Score | Mapping[str, np.ndarray]:
    if multiple < 1:
        raise ValueError(f"Invalid `multiple`. Expected at least 1. Received: multiple={multiple}.")
    try:
        return scores.get(score) if isinstance(score, str) else score
    except ValueError as error:
        raise ValueError(f"Invalid `score`: {error}") from error
