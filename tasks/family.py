"""The heirs of a run as the family that fusion works on: their networks, what they say, and what they started from."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from model_registry import versions
from model_registry.errors import BequestError
from model_registry.reference import ModelRef
from model_registry.versions import Version
from tasks.data.dataset import DataSet
from tasks.derive import KERAS_FILE, opened
from tasks.fresh import fresh
from tasks.origin import origin_of
from tasks.solution import Solution
from tasks.stage import Job

if TYPE_CHECKING:
    from tasks.methods.fusion.making.base import Members

FROM_SCRATCH = "scratch"


@dataclass(frozen=True)
class Heir:
    """A version made on the target, opened."""

    version: Version
    folder: Path
    solution: Solution

    @property
    def ancestor(self) -> Version | None:
        """The one version its weights come from; None for the control."""
        weights = [parent for parent in self.version.parents if parent.role == "weights"]
        return versions.get(weights[0].name, weights[0].version) if len(weights) == 1 else None


def opened_heirs(refs: list[ModelRef]) -> list[Heir]:
    """Every heir with its verified files."""
    return [Heir(*opened(ref)) for ref in refs]


def family_of(job: Job, heirs: list[Heir], rows: DataSet, *, origins: bool) -> "tuple[Members, list[Heir], list[str]]":
    """Loads heirs and asks each about the validation rows.

    Args:
        job: The loop's run.
        heirs: At least one.
        rows: The target data set.
        origins: Whether to build what they started from, too.

    Returns:
        The family, the heirs in it, and in words who is left out, as a network that gives NaN can't be a member.

    Raises:
        BequestError: None of them gives numbers.
    """
    from tasks.methods.fusion.making.base import Members
    from tasks.methods.networks import store
    from tasks.methods.networks.predict import predict

    models = [store.load(heir.folder / KERAS_FILE) for heir in heirs]
    x = rows.split("validation").x
    said = [predict(model, x) for model in models]
    kept = [index for index, each in enumerate(said) if np.isfinite(each).all()]
    labels = [heir.version.label for heir in heirs]
    if not kept:
        raise BequestError(
            "fuse: expected heirs that give numbers on the validation rows. "
            f"Received: NaN or infinity from {', '.join(labels)}. Lower the learning rates of "
            "transfer.stages, or inherit from other ancestors."
        )
    notes = [f"{labels[index]} is left out: it gives NaN on validation" for index in range(len(heirs)) if index not in kept]
    members = [heirs[index] for index in kept]
    family = Members(
        labels=[labels[index] for index in kept],
        models=[models[index] for index in kept],
        probabilities=np.stack([said[index] for index in kept]),
        branches=_branches(job, members, rows) if origins else (),
    )
    return family, members, notes


def _branches(job: Job, heirs: list[Heir], rows: DataSet) -> list[Any]:
    """Heirs by what they started from."""
    from tasks.methods.fusion.making.base import Branch

    groups: dict[str, list[int]] = {}
    ancestors: dict[str, Version | None] = {}
    for position, heir in enumerate(heirs):
        ancestor = heir.ancestor
        label = ancestor.label if ancestor is not None else FROM_SCRATCH
        groups.setdefault(label, []).append(position)
        ancestors[label] = ancestor
    x = rows.split("train").x
    return [Branch(label, tuple(found), _start(job, ancestors[label], rows, x)) for label, found in groups.items()]


def _start(job: Job, ancestor: Version | None, rows: DataSet, x: np.ndarray) -> Any:
    return fresh(job.recipe, rows) if ancestor is None else origin_of(job, *opened(ancestor.ref), rows, x).model
