"""How far apart the features of source and target rows are, by some distance between two samples."""

from collections.abc import Callable, Sequence
from typing import Any

from tasks.methods.backend import keras
from tasks.methods.networks.feature_tensors import as_vectors, feature_tensors
from tasks.methods.transfer.lesson import Step, TransferLesson
from tasks.methods.transfer.objectives.base import Prepared, Source, Start

Distance = Callable[[Any, Any], Any]
"""(source float32 [n, d], target float32 [m, d]) -> float32 []."""


class Alignment:
    """The term distance(features of source rows, features of target rows), of what the final classifier reads.

    Args:
        model: The heir, flat.
        distance: Between two samples of features.
    """

    variables: Sequence[Any] = ()

    def __init__(self, model: keras.Model, distance: Distance) -> None:
        self.tensors: Sequence[Any] = feature_tensors(model)
        self._distance = distance

    def __call__(self, step: Step) -> Any:
        """The term, on a step's rows and as many of the source's."""
        return self._distance(as_vectors(step.source_tensors), as_vectors(step.tensors))


def aligned(start: Start, source: Source, distance: Distance) -> Prepared:
    """An heir whose features are led to those of its source's rows.

    Args:
        start: The heir.
        source: With its training rows.
        distance: Between the features of source and target rows.
    """
    assert source.rows is not None
    term = Alignment(start.model, distance)
    lesson = TransferLesson(start.model, term, start.strength, source_rows=source.rows, seed=start.seed)
    return Prepared(start.model, start.stages, lesson)
