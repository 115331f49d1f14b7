"""What is said of a batch without labels."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.feedback_labels import no_labels

TABLE: Any = SimpleNamespace(modality="tabular", target="churned")
PICTURES: Any = SimpleNamespace(modality="image", target="label")


def said(cause: str) -> str:
    return f"no labels: {cause}, so accuracy is not known"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_column_looked_for_is_named_when_a_csv_lacks_it(tmp_path: Path, separator: str):
    path = tmp_path / "batch.csv"
    path.write_text(separator.join(["age", "churnd"]) + "\n" + separator.join(["1", "yes"]) + "\n")
    assert no_labels(path, TABLE, None) == said("no column 'churned' in the batch")
    path.write_text(separator.join(["age", "churned"]) + "\n" + separator.join(["1", ""]) + "\n")
    assert no_labels(path, TABLE, None) == said("column 'churned' is empty in every row that can be used")


def test_column_looked_for_is_named_when_a_parquet_file_lacks_it(tmp_path: Path):
    path = tmp_path / "batch.parquet"
    pd.DataFrame({"age": [1], "left": [None]}).to_parquet(path)
    assert no_labels(path, TABLE, None) == said("no column 'churned' in the batch")
    assert no_labels(path, TABLE, "left") == said("column 'left' is empty in every row that can be used")


def test_key_looked_for_is_named_when_an_archive_lacks_it(tmp_path: Path):
    np.savez(tmp_path / "batch.npz", x=np.zeros((2, 4, 4)))
    assert no_labels(tmp_path / "batch.npz", PICTURES, None) == said("no key 'y' in the batch")


def test_class_folders_are_missed_when_a_folder_has_none(tmp_path: Path):
    (tmp_path / "one.png").touch()
    assert no_labels(tmp_path, PICTURES, None) == said("no class folders in the batch, only pictures")
