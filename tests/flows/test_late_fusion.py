"""Late fusion of two modalities: a picture and the columns of the same row, each read by an ancestor of its own kind."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from sklearn.datasets import load_digits

from flows.inherit import inherit
from flows.outcome import Outcome
from model_registry import artifacts, versions
from model_registry.errors import InputError
from model_registry.reference import DataRef
from tasks.bundle import Bundle
from tasks.data.dataset import DataSet
from tasks.data.raw import as_columns

QUICK: dict[str, Any] = {
    "compress": {"prune": None},
    "transfer": {"stages": [{"unfreeze": "all", "epochs": 15, "learning_rate": 0.005}]},
    "train": {"epochs": 2, "search": {"trials": 0}},
    "model": {"hidden": [64], "filters": [8, 16], "dropout": 0.0},
    "deploy": {"to": "staging", "max_disagreement": 0.3},
}


@pytest.fixture(scope="module")
def table(flows: Path) -> Path:
    """scikit-learn's digits: three columns of pixels as a picture, the sums over the rest's rows and columns as numbers."""
    digits = load_digits()
    (flows / "left").mkdir()
    rows = []
    for number, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        Image.fromarray((image[:, :3] * 15).astype(np.uint8)).save(flows / "left" / f"{number}.png")
        totals = [*image[:, 3:].sum(axis=1), *image[:, 3:].sum(axis=0)]
        sums = {f"sum {place}": total for place, total in enumerate(totals)}
        rows.append({"left": f"left/{number}.png", **sums, "digit": f"d{label}"})
    path = flows / "halves.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def run(folder: Path, name: str, data: dict[str, Any], **changes: Any) -> Outcome:
    path = folder / f"{name}.yaml"
    stated = QUICK | {"name": name, "data": {"source": "halves.csv", "target": "digit"} | data} | changes
    path.write_text(yaml.safe_dump(stated))
    return inherit(str(path))


@pytest.fixture(scope="module")
def ancestors(flows: Path, table: Path) -> list[str]:
    """One that knows the pictures, and one that knows the columns, of rows that the heir does not have."""
    half = {"start": 0.0, "end": 0.5}
    run(flows, "lefts", {"features": ["left"], "image": {"column": "left"}, "rows": half})
    run(flows, "sums", {"drop": ["left"], "rows": half})
    return ["models:/lefts@staging", "models:/sums@staging"]


def test_ancestors_of_either_modality_are_fused_into_one_model_that_reads_both(flows: Path, ancestors: list[str]):
    outcome = run(
        flows,
        "halves",
        {"image": {"column": "left"}, "rows": {"start": 0.5, "end": 1.0}},
        inherit={"ancestors": ancestors, "solution": False},
        transfer=QUICK["transfer"] | {"control": False},
        fuse={"method": "log_pool"},
    )
    assert sorted(label.partition("/")[0] for label in outcome.inherited) == ["lefts", "sums"]
    fused = next(each for each in versions.search("name = 'halves'") if each.operation == "fused")
    heirs = [versions.get(parent.name, parent.version) for parent in fused.parents]
    assert {parent.name for heir in heirs for parent in heir.parents} == {"lefts", "sums"}
    alone = [heir.facts["validation_accuracy"] for heir in heirs]
    assert fused.facts["validation_accuracy"] > max(alone) + 0.03

    served = versions.resolve("halves@staging")
    bundle = Bundle.open(artifacts.fetch(served) / "bundle")
    assert bundle.signature["inputs"][-1] | {"shape": None} == {
        "name": "left",
        "type": "string",
        "shape": None,
        "required": True,
    }
    rows = DataSet.open(DataRef(uri=served.data_uri, sha256=served.data_sha256)).split("test")
    said = bundle.predict(as_columns(rows.raw))
    assert (said.argmax(axis=1) == rows.y).mean() > max(alone)
    white = f"pixels:8x3x1:{base64.b64encode(bytes([255] * 24)).decode()}"
    assert not np.allclose(bundle.predict(as_columns(rows.raw.assign(left=white))), said)
    with pytest.raises(InputError, match="column 'left': expected a picture in every row"):
        bundle.predict(as_columns(rows.raw.assign(left=None)))


def test_an_ancestor_whose_part_is_missing_is_refused_by_name(flows: Path, ancestors: list[str]):
    with pytest.raises(InputError, match=r"sums/\d+ can't take the rows of .*: It knows a table's columns, and these"):
        run(
            flows,
            "no-columns",
            {"features": ["left"], "image": {"column": "left"}, "rows": {"start": 0.5, "end": 0.7}},
            inherit={"ancestors": ancestors[1:], "solution": False},
        )
    with pytest.raises(InputError, match=r"lefts/\d+ can't take the rows of .*: It takes a picture beside a table's columns"):
        run(
            flows,
            "no-pictures",
            {"drop": ["left"], "rows": {"start": 0.5, "end": 0.7}},
            inherit={"ancestors": ancestors[:1], "solution": False},
        )
