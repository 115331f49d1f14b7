"""What a server captured, as a batch that feedback reads: rows of some days, each with its label where one came."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from model_registry.errors import InputError

TRUTH = "_truth"  # the label column of the batch: no model's own column is named like the capture's
_KEY = ["_request_id", "_row"]
_OWN = {*_KEY, "_at", "_role", "_label", TRUTH}
_PROBABILITY = "_p_"


def gather(captured: Path, name: str, days: int, to: Path, *, today: date | None = None) -> Path:
    """Writes the captured rows of the last days as one batch, labels joined to them.

    Labels may have come on any day, in any order; the last one that came for a row counts. Rows that only a shadow answered are
    left out, because production answered the same ones. Pictures become an npz; of these, where any has a label, only those
    that have one.

    Args:
        captured: The folder that `bequest serve --capture` wrote to.
        name: The model.
        days: How many days, today being the first.
        to: Folder for the batch; the same rows and labels give the same file.
        today: The last day; None: today in UTC.

    Raises:
        InputError: Nothing was captured on these days, or some columns were dropped or hashed.
    """
    last = today or datetime.now(UTC).date()
    wanted = {f"date={last - timedelta(days=back)}" for back in range(days)}
    folder = captured / "predictions" / f"name={quote(name, safe='')}"
    files = sorted(path for path in folder.glob("date=*/version=*/*.parquet") if path.parent.parent.name in wanted)
    if not files:
        stand = sorted(path.name.removeprefix("date=") for path in folder.glob("date=*"))
        raise InputError(
            f"--captured {days}: expected predictions of {name} of the last {days} days in {captured}. "
            f"Received: {f'days up to {stand[-1]}' if stand else 'none at all'}. `bequest serve {name} --capture` keeps them."
        )
    tables = [pq.read_table(path, partitioning=None) for path in files]
    metadata = [table.schema.metadata or {} for table in tables]
    withheld = sorted({each.get(b"withheld", b"").decode() for each in metadata} - {""})
    if withheld:
        raise InputError(
            f"--captured {days}: expected all columns of {name} as they came, to compare them. Received: {', '.join(withheld)} "
            "dropped or hashed. Serve without --capture-drop and --capture-hash, or give the rows by --data."
        )
    rows = pd.concat([table.to_pandas() for table in tables], ignore_index=True)
    rows = rows[rows["_role"] != "shadow"].sort_values(["_at", *_KEY], kind="stable", ignore_index=True)
    rows[TRUTH] = _truths(captured / "labels" / folder.name, rows)
    features = [column for column in rows.columns if column not in _OWN and not column.startswith(_PROBABILITY)]
    to.mkdir(parents=True, exist_ok=True)
    if features == ["image"]:
        return _pictures(rows, metadata[0], to / name)
    table = rows[[*features, TRUTH]]
    digest = hashlib.sha256(pd.util.hash_pandas_object(table.astype(str), index=False).to_numpy().tobytes()).hexdigest()
    path = to / f"{name}-{digest[:16]}.parquet"
    table.to_parquet(path, index=False)
    return path


def _truths(folder: Path, rows: pd.DataFrame) -> pd.Series:
    """The label of each row, missing where none came."""
    files = sorted(folder.glob("date=*/*.parquet"))
    if not files:
        return pd.Series([None] * len(rows), dtype=object)
    labels = pd.concat([pq.read_table(path, partitioning=None).to_pandas() for path in files], ignore_index=True)
    labels = labels.sort_values("_at", kind="stable").drop_duplicates(_KEY, keep="last")
    joined = rows[_KEY].merge(labels[[*_KEY, TRUTH]], on=_KEY, how="left")[TRUTH].astype(object)
    return joined.where(joined.notna(), None)


def _pictures(rows: pd.DataFrame, metadata: dict[bytes, bytes], stem: Path) -> Path:
    shape = tuple(map(int, metadata[b"image_shape"].decode().split(",")))
    labelled = rows[TRUTH].notna()
    kept = rows[labelled] if labelled.any() else rows
    x = np.stack([np.frombuffer(each, np.float32).reshape(shape) for each in kept["image"]])
    arrays = {"x": x} | ({TRUTH: kept[TRUTH].astype(str).to_numpy(str)} if labelled.any() else {})
    digest = hashlib.sha256(b"".join(each.tobytes() for each in arrays.values())).hexdigest()
    path = stem.with_name(f"{stem.name}-{digest[:16]}.npz")
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path
