"""Whether networks can be merged at all, asked before anything is computed; the answer is for a person to read."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tasks.methods.fusion.merging.architecture import difference
from tasks.methods.fusion.merging.mergers import Merger, mergers
from tasks.methods.fusion.merging.symmetries import unmatchable

if TYPE_CHECKING:
    from tasks.methods.backend import keras


def objection(
    name: str, models: "Sequence[keras.Model]", origin: "keras.Model | None", labels: Sequence[str] | None = None
) -> str:
    """Why these networks can't be merged in this way; empty where they can.

    They need one architecture (layers, sizes, activations, wiring; names and what only training looks at may differ), finite
    weights, and either a network that all of them started from or a merger that brings their units into one order.

    Args:
        name: A name in `mergers`.
        models: Functional or Sequential; not changed.
        origin: The network that all started from, under the same head; None where there is none.
        labels: What to call the models; "member 0" and so on where None.

    Raises:
        ValueError: No merger of that name, or not as many labels as models.
    """
    merger = mergers.get(name)
    called = [f"member {index}" for index in range(len(models))] if labels is None else list(labels)
    if len(called) != len(models):
        raise ValueError(f"Invalid `labels`. Expected {len(models)}, one a model. Received: {len(called)}.")
    if not models:
        return "there are no members"
    named = [*zip(called, models, strict=True), *([] if origin is None else [("the origin", origin)])]
    ungraphed = [label for label, model in named if not getattr(model, "_is_graph_network", False)]
    if ungraphed:
        return f"{ungraphed[0]} is a subclassed model, or was never built, so that its layers are not known"
    flats = [(label, _flat(model)) for label, model in named]
    unrelated = origin is None and (len(models) > 1 or merger.needs_origin)
    return _unlike(flats) or (_unrelated(name, merger, flats[0][1]) if unrelated else "")


def _unlike(flats: "list[tuple[str, keras.Model]]") -> str:
    """Why these are not weights of one architecture."""
    first, known = flats[0]
    for label, flat in flats:
        if len(flat.inputs) != 1 or len(flat.outputs) != 1:
            return f"{label} has several inputs or outputs, where one of each is expected"
        other = difference(flat, known)
        if other:
            return f"{label} is built otherwise than {first}: {other}. Fuse them as an ensemble, or distil one from them"
        bad = [variable.name for variable in flat.weights if not np.isfinite(variable.numpy()).all()]
        if bad:
            return f"{label} has NaN or infinity in {bad[0].removesuffix(':0')!r}; leave it out"
    return ""


def _unrelated(name: str, merger: Merger, flat: "keras.Model") -> str:
    """Why networks of this architecture that have no origin can't be merged."""
    lacking = "there is no network that all members started from"
    aligning = " or ".join(each for each in mergers if mergers.get(each).aligns)
    if merger.needs_origin:
        return f"{lacking}, and {name} adds up their ways from it. Use {aligning}, or an ensemble"
    if not merger.aligns:
        return (
            f"{lacking}, so their units stand each in an order of its own, and an average of them is no network (two "
            "independent MNIST networks of 2.8 % error averaged to 7.21 %). "
            f"Use {aligning}, which matches units first, or an ensemble"
        )
    why = unmatchable(flat)
    return f"{lacking}, and {why}. Use an ensemble" if why else ""


def _flat(model: "keras.Model") -> "keras.Model":
    from tasks.methods.backend import keras
    from tasks.methods.networks.graph import to_functional

    nested = any(isinstance(layer, keras.Model) for layer in model.layers)
    return to_functional(model) if nested or isinstance(model, keras.Sequential) else model
