"""The versions that teach while the final model is trained, as networks for the target's rows and classes."""

from pathlib import Path
from typing import Any

import numpy as np

from model_registry.errors import InputError
from model_registry.reference import ModelRef
from model_registry.versions import Version
from tasks.adapt import adapted
from tasks.data.dataset import DataSet
from tasks.derive import KERAS_FILE, opened
from tasks.inference_only import flatbuffer_of, require_network
from tasks.methods.picture_input import PictureInput
from tasks.solution import Solution
from tasks.stage import Job


def teachers(job: Job, refs: list[ModelRef], rows: DataSet) -> tuple[list[Version], list[Any]]:
    """Opens teachers: each takes the target's rows, and gives the target's classes in the target's order.

    Args:
        job: The loop's run.
        refs: The versions that teach.
        rows: The target data set.

    Returns:
        The versions, and a network of each.

    Raises:
        InputError: A teacher can't take the target's rows, or tells other classes apart.
    """
    from tasks.methods.networks import store

    found, networks = [], []
    for ref in refs:
        version, folder, solution = opened(ref)
        order, flatbuffer = _order(version, solution, rows), flatbuffer_of(folder)
        found.append(version)
        if flatbuffer is not None:
            networks.append(_flat(version, flatbuffer, solution, rows, order))
            continue
        require_network(version, named_in="train.distil.teachers")
        network = adapted(job, version, store.load(folder / KERAS_FILE), solution, rows, named_in="train.distil.teachers")
        networks.append(_ordered(version, network, order))
    return found, networks


def _flat(version: Version, path: Path, solution: Solution, rows: DataSet, order: list[int]) -> Any:
    """A version brought in as inference-only, fed as its solution says."""
    from tasks.methods.distillation.flat_teacher import FlatTeacher

    facts, ours = version.facts, rows.card
    takes, gives = list(facts.get("input_shape") or []), list(facts.get("output_shape") or [])
    if takes != list(ours.input_shape) or gives != [len(order)] or facts.get("outputs") != "probabilities":
        raise InputError(
            f"train.distil.teachers: expected rows of shape {list(ours.input_shape)} in, {len(order)} probabilities out. "
            f"Received: {version.label}, which is inference-only, takes rows of shape {takes} and gives "
            f"{facts.get('outputs')} of shape {gives}. Leave it out."
        )
    fed = PictureInput.from_json(solution.expects).apply if solution.expects else np.asarray
    return FlatTeacher(path.read_bytes(), tuple(rows.card.input_shape), order, fed)


def _order(version: Version, solution: Solution, rows: DataSet) -> list[int]:
    """Where the teacher has each of the target's classes; as they come where an import doesn't say what they are."""
    ours = rows.card.classes
    theirs = solution.card.classes if solution.card else ours
    if sorted(theirs) != sorted(ours):
        missing, more = sorted(set(ours) - set(theirs)), sorted(set(theirs) - set(ours))
        parts = [f"{word} {names}" for word, names in (("does not know", missing), ("also knows", more)) if names]
        raise InputError(
            f"train.distil.teachers: expected a teacher of the classes {ours}. Received: {version.label}, which "
            f"{' and '.join(parts)}. Leave it out, or let it be inherited from instead."
        )
    return [theirs.index(name) for name in ours]


def _ordered(version: Version, network: Any, order: list[int]) -> Any:
    """The network with its outputs in the target's order."""
    from tasks.methods.networks.graph import head_layers

    units = int(network.outputs[0].shape[-1])
    if units != len(order):
        raise InputError(
            f"train.distil.teachers: expected a teacher with {len(order)} outputs, one a class. "
            f"Received: {version.label}, which has {units}."
        )
    if order != list(range(units)):
        for layer in head_layers(network):
            layer.set_weights([np.ascontiguousarray(each[..., order]) for each in layer.get_weights()])
    return network
