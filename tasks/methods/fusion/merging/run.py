"""Merges networks: their weights by a merger, BatchNormalization measured anew, and one network to show for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.fusion.merging.mergers import Family, mergers
from tasks.methods.fusion.merging.preflight import objection
from tasks.methods.fusion.merging.symmetries import units_of
from tasks.methods.fusion.merging.units import Weights
from tasks.methods.metrics.log_loss import log_loss
from tasks.methods.networks.batch_statistics import recalibrate
from tasks.methods.networks.freeze import only
from tasks.methods.networks.graph import to_functional
from tasks.methods.networks.predict import predict
from tasks.methods.networks.rows import Rows, checked
from tasks.methods.pruning.masks import overall
from tasks.methods.transfer.fisher import fisher_diagonal
from tasks.methods.transfer.objectives.base import Unsuited

_SPARSE_FROM = 0.01  # fewer zeros than this happen by chance


@dataclass(frozen=True)
class MergedModel:
    """One network made of several.

    Attributes:
        model: A flat network of the first member's layers and names; not compiled.
        shares: How much of each member is in it, float64 [m], each in [0, 1], summing to 1.
        what: What was done, in words.
        loss: Its log loss on the validation rows, nats.
    """

    model: keras.Model
    shares: np.ndarray
    what: str
    loss: float


def merge(
    name: str,
    models: Sequence[keras.Model],
    origin: keras.Model | None,
    train: Rows,
    validation: Rows,
    seed: int,
) -> MergedModel:
    """Merges networks by the merger of that name.

    BatchNormalization's statistics are measured anew on the training rows for every network that is judged, and for the one
    made: averaged ones belong to no network. Only where a single member is the outcome do its own stay. Weights that are
    zero in all members that count stay zero: members of one mask make a network of that mask, and members of different
    masks one that keeps whatever any of them kept, which `what` says.

    Args:
        name: A name in `mergers`.
        models: Networks of one architecture with a softmax over the target's classes; not changed.
        origin: The network that all of them started from, under the same head; None where there is none.
        train: x float32 [n, ...] and y, class indices [n]: for statistics and Fisher information; no weight is trained.
        validation: Likewise; mergers choose by the log loss on them.
        seed: Of everything random.

    Returns:
        The network. Equal arguments give equal weights, and so do the same members in another order.

    Raises:
        ValueError: The networks can't be merged in this way (see `objection`), rows do not fit them, or the result gives NaN.
    """
    merger = mergers.get(name)
    reason = objection(name, models, origin)
    if reason:
        raise ValueError(f"Invalid `models`. Expected networks that {name} can merge. Received: {reason}.")
    flats = [to_functional(model) for model in models]
    network = to_functional(models[0])
    x, _ = checked("train", train, network)
    known = checked("validation", validation, network)
    family = Family(
        members=[flat.get_weights() for flat in flats],
        origin=None if origin is None else to_functional(origin).get_weights(),
        trainable=_trainable(network),
        loss=lambda weights: np.inf,
        fisher=[_fisher(flat, x, seed) for flat in flats] if merger.needs_fisher else None,
        seed=seed,
        units=units_of(network) if merger.aligns else None,
    )
    family = replace(family, loss=_judged(network, family, x, known))
    merged = merger(family)
    loss = family.loss(merged.weights)  # leaves the network with these weights
    if not np.isfinite(loss):
        raise ValueError(f"Invalid `models`. Expected networks that {name} can merge. Received: a result that gives NaN.")
    counted = [flat for flat, share in zip(flats, merged.shares, strict=True) if share > 0]
    return MergedModel(network, merged.shares, merged.what + _zeros(network, counted), loss)


def _judged(network: keras.Model, family: Family, x: np.ndarray, validation: Rows) -> Callable[[Weights], float]:
    """(weights) -> validation log loss; leaves `network` with them."""
    own = [*family.members, *([] if family.origin is None else [family.origin])]

    def loss(weights: Weights) -> float:
        network.set_weights(weights)
        if not any(all(map(np.array_equal, weights, each)) for each in own):
            recalibrate(network, x, family.seed)
        said = predict(network, validation[0])
        return log_loss(said, validation[1]) if np.isfinite(said).all() else np.inf

    return loss


def _trainable(network: keras.Model) -> list[bool]:
    with only(network, "all"):  # frozen layers as well
        found = {id(variable) for variable in network.trainable_variables}
    return [id(variable) in found for variable in network.weights]


def _fisher(flat: keras.Model, x: np.ndarray, seed: int) -> Weights:
    """A network's Fisher information in the order of its weights; 0 for statistics."""
    trainable = _trainable(flat)
    variables = [each for each, moves in zip(flat.weights, trainable, strict=True) if moves]
    try:
        found = iter(fisher_diagonal(flat, x, variables, seed))
    except Unsuited as error:
        raise ValueError(
            "Invalid `models`. Expected classifiers with a softmax, as Fisher information is that of their predictions. "
            f"Received: {flat.name!r}, with outputs that are no probabilities."
        ) from error
    return [next(found) if moves else np.zeros(each.shape) for each, moves in zip(flat.weights, trainable, strict=True)]


def _zeros(network: keras.Model, members: Sequence[keras.Model]) -> str:
    """What to say where members of different masks made a network less sparse than each of them."""
    theirs, ours = [overall(member) for member in members], overall(network)
    if min(theirs) < _SPARSE_FROM or ours > min(theirs) - _SPARSE_FROM:
        return ""
    return (
        f"; {ours:.0%} of its weights are zero, of its members' {min(theirs):.0%} to {max(theirs):.0%}: "
        "their masks differ, and what any of them keeps is kept"
    )
