"""What a version needs to be served, beside its network: the bundle, and the reference that production is compared with."""

from pathlib import Path

import numpy as np

from tasks import bundle
from tasks.data import reference
from tasks.data.dataset import DataSet
from tasks.derive import BUNDLE
from tasks.methods.drift.multivariate.base import sampled
from tasks.methods.embedding import embedded
from tasks.stage import Job


def calibration_rows(job: Job, x: np.ndarray) -> np.ndarray:
    """The calibration set: seeded rows of the training split.

    Args:
        job: The loop's run.
        x: The training split, float32 [n, ...].
    """
    chosen = np.random.default_rng(job.recipe.seed).permutation(len(x))[: job.recipe.compress.quantize.calibration_rows]
    return x[chosen]


def write_serving_files(into: Path, *, job: Job, rows: DataSet, flatbuffer: bytes, probabilities: np.ndarray) -> None:
    """Writes the bundle and the reference into a version's folder.

    Args:
        into: The folder.
        job: The loop's run.
        rows: The target data set.
        flatbuffer: The network as it is served.
        probabilities: What it says of the validation split.
    """
    bundle.write(
        into / BUNDLE, flatbuffer=flatbuffer, preprocessing=rows.preprocessing, labels=rows.card.classes, name=job.name
    )
    reference.write(into / reference.FOLDER, rows, probabilities, _embeddings(rows, flatbuffer))


def _embeddings(rows: DataSet, flatbuffer: bytes) -> np.ndarray | None:
    """What pictures look like to the network; rows of a table are compared as they are."""
    if rows.card.modality == "tabular":
        return None
    return embedded(flatbuffer, sampled(rows.split("validation").x, reference.MOST_EMBEDDED, seed=0))
