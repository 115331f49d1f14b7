"""Writes a prepared data set's folder, all at once."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from model_registry.manifest import sha256_of
from tasks.data.card import DataCard
from tasks.data.dataset import GROUP, HASH, LABEL, SPLIT
from tasks.data.quarantine import write_quarantine
from tasks.data.splits import SPLITS
from tasks.data.store import CARD, new_folder, write_json


def write_data_set(
    folder: Path,
    card: DataCard,
    documents: dict[str, dict[str, Any]],
    quarantine: pd.DataFrame,
    *,
    rows: pd.DataFrame | np.ndarray,
    label: np.ndarray,
    split: np.ndarray,
    row_hash: np.ndarray,
    group: np.ndarray | None,
) -> None:
    """Writes rows, documents, quarantine and card into a new folder.

    Args:
        folder: Where it will be.
        card: All but `files`, which is filled in here.
        documents: File name to JSON.
        quarantine: Rows that were taken out.
        rows: Raw features, or pictures [n, h, w, c].
        label: int64 [n].
        split: int8 [n].
        row_hash: uint64 [n].
        group: object [n], with strategy `group` on a table; else None.
    """
    with new_folder(folder) as work:
        if isinstance(rows, pd.DataFrame):
            table = rows.assign(**{LABEL: label, SPLIT: np.array(SPLITS)[split], HASH: row_hash})
            (table if group is None else table.assign(**{GROUP: group})).to_parquet(work / "rows.parquet", index=False)
        else:
            np.savez(work / "rows.npz", image=rows, label=label, split=split, row_hash=row_hash)
        for name, document in documents.items():
            write_json(work / name, document)
        write_quarantine(quarantine, work / "quarantine.csv")
        files = {path.name: sha256_of(path) for path in sorted(work.iterdir())}
        write_json(work / CARD, card.model_copy(update={"files": files}).model_dump(mode="json"))
