"""An ancestor's own training rows, as an heir of it takes them: for objectives that go on learning from them."""

from pathlib import Path
from typing import Any

import numpy as np

from model_registry.errors import IntegrityError
from model_registry.reference import DataRef
from model_registry.versions import Version
from tasks.adapt import inputs_of
from tasks.data.dataset import DataSet
from tasks.learning import Pair


def stand(version: Version) -> bool:
    """Whether the data set that a version was made on is still here."""
    return bool(version.data_uri) and Path(version.data_uri).is_dir()


def source_rows(
    version: Version, target: DataRef, rows: DataSet, most: int | None = None, seed: int = 0
) -> tuple[Pair | None, str]:
    """The training split of an ancestor's data set, its validation and test rows unread.

    Pictures are brought to the target's size and channels, a table's columns found by their names and standardised as the
    target's are.

    Args:
        version: The ancestor.
        target: The target data set, for comparison.
        rows: The same, opened.
        most: How many of them to draw; None takes all.
        seed: Draws them.

    Returns:
        x as the heir takes it, and indices of the ancestor's own classes; or None and why there are none.
    """
    if not stand(version):
        return None, "the data set it was made on is not here"
    if version.data_sha256 == target.sha256:
        return None, "it was made on these very rows"
    try:
        own = DataSet.open(DataRef(uri=version.data_uri, sha256=version.data_sha256))
        train = own.split("train")
        drawn = slice(None) if most is None else np.random.default_rng(seed).permutation(len(train.y))[:most]
        return (_as_target(own, train.x[drawn], rows), train.y[drawn]), ""
    except (IntegrityError, ValueError) as error:
        return None, f"its rows can't be used: {error}"


def _as_target(own: DataSet, x: Any, rows: DataSet) -> Any:
    from tasks.methods.networks import columns
    from tasks.methods.networks.surgery import adapted_rows

    if own.card.modality == rows.card.modality == "tabular":
        theirs, ours = ([columns.Column(*each) for each in inputs_of(data.preprocessing)] for data in (own, rows))
        return columns.align_rows(x, theirs, ours)
    return adapted_rows(x, rows.card.input_shape)
