"""Reference statistics of a served version: what production is compared with. A seeded sample, not the whole data set."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.data.columns import carries_pixels
from tasks.data.dataset import DataSet
from tasks.data.pixels import pictures_of, shape_of
from tasks.methods.drift.base import Kind
from tasks.methods.drift.pictures import picture_features

FOLDER = "reference"
MOST_ROWS = 5000
MOST_EMBEDDED = 500  # as many as the test of them reads


def features_of(raw: pd.DataFrame | np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, Kind]]:
    """Raw rows as named features for drift detection, and each one's kind.

    Pictures are told by a few figures each (brightness, contrast, edges ...), those in a table's column as well; all else by
    the table's columns.

    Args:
        raw: A table, or pictures [n, h, w, c].

    Returns:
        (name -> values [n], name -> "numeric" or "categorical").
    """
    if isinstance(raw, np.ndarray):
        features = picture_features(raw)
        return features, dict.fromkeys(features, "numeric")
    columns: dict[str, np.ndarray] = {}
    kinds: dict[str, Kind] = {}
    for name in raw.columns:
        column = raw[name]
        if carries_pixels(column):
            told = {f"{name} {each}": values for each, values in picture_features(_pictures(column)).items()}
            columns |= told
            kinds |= dict.fromkeys(told, "numeric")
            continue
        numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
        kinds[str(name)] = "numeric" if numeric else "categorical"
        columns[str(name)] = (
            column.to_numpy(dtype=np.float64, na_value=np.nan)
            if numeric
            else np.array([None if pd.isna(value) else str(value) for value in column], dtype=object)
        )
    return columns, kinds


def _pictures(column: pd.Series) -> np.ndarray:
    """The pictures of a column, as the first of them is."""
    return pictures_of(column.to_numpy(dtype=object), shape_of(str(column.iloc[0])) or (0, 0, 0), str(column.name))


@dataclass(frozen=True)
class Reference:
    """What production is compared with.

    Attributes:
        features: Training rows by feature, [n].
        kinds: numeric or categorical, by feature.
        probabilities: What the version says of the validation split, float32 [m, classes].
        y: The validation split's classes, int64 [m]; None in versions made before they were kept.
        embeddings: What pictures of the validation split look like to the network, float32 [k, d], a seeded sample; None for
            tables, for networks that give none, and in versions made before they were kept.
    """

    features: dict[str, np.ndarray]
    kinds: dict[str, Kind]
    probabilities: np.ndarray
    y: np.ndarray | None
    embeddings: np.ndarray | None = None


def write(folder: Path, rows: DataSet, probabilities: np.ndarray, embeddings: np.ndarray | None = None) -> None:
    """Writes the reference of a version that will be served.

    Args:
        folder: Where to; made where absent.
        rows: Its data set; features are taken from the training split.
        probabilities: Its predictions on the validation split, float [n, classes]: on rows it was not fitted to.
        embeddings: What some of these rows look like to it, float [k, d].
    """
    train = rows.split("train")
    keep = np.sort(np.random.default_rng(0).permutation(len(train.y))[:MOST_ROWS])
    raw = train.raw.iloc[keep] if isinstance(train.raw, pd.DataFrame) else train.raw[keep]
    features, kinds = features_of(raw)
    folder.mkdir(parents=True)
    # Categories are stored as text columns of a Parquet file: npz would need a pickle for them.
    pd.DataFrame(features).to_parquet(folder / "features.parquet", index=False)
    arrays = {"probabilities": probabilities.astype(np.float32), "validation_labels": rows.split("validation").y}
    if embeddings is not None:
        arrays["embeddings"] = embeddings.astype(np.float32)
    np.savez_compressed(folder / "predictions.npz", **arrays)  # type: ignore[arg-type]
    (folder / "kinds.json").write_text(json.dumps(kinds, indent=1))


def read(folder: Path) -> Reference:
    """The reference in a version's folder."""
    kinds: dict[str, Kind] = json.loads((folder / "kinds.json").read_text())
    frame = pd.read_parquet(folder / "features.parquet")
    features = {
        name: frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        if kind == "numeric"
        else np.array([None if pd.isna(value) else str(value) for value in frame[name]], dtype=object)
        for name, kind in kinds.items()
    }
    with np.load(folder / "predictions.npz", allow_pickle=False) as stored:
        labels = stored["validation_labels"] if "validation_labels" in stored.files else None
        seen = stored["embeddings"] if "embeddings" in stored.files else None
        return Reference(features, kinds, stored["probabilities"], labels, seen)
