import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from model_registry.errors import InputError, IntegrityError
from tasks import bundle

ROWS = {
    "age": np.array([50.0, np.nan, 400.0]),
    "dose": np.array([0.5, 0.0, 0.0]),
    "job": np.array(["cook", None, "pilot"], object),
}
# [age, dose, clerk, cook, missing] @ weights: age is scaled by 10 around 40, filled with 40, and clipped at 120.
LOGITS = np.array([[1 + 1 + 1, -1], [0, 0.5], [8, -8]])


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.fixture
def folder(tmp_path: Path, flatbuffers: dict[str, bytes], states: dict[str, dict]) -> Path:
    bundle.write(
        tmp_path / "b", flatbuffer=flatbuffers["table"], preprocessing=states["table"], labels=["ill", "well"], name="health"
    )
    return tmp_path / "b"


def test_predict_gives_the_hand_worked_probabilities_from_raw_rows(folder):
    opened = bundle.Bundle.open(folder)
    probabilities = opened.predict(ROWS)
    np.testing.assert_allclose(probabilities, softmax(LOGITS), rtol=1e-5)
    assert probabilities.dtype == np.float32
    assert opened.labels == ["ill", "well"]
    assert opened.manifest["version"] is None


def test_predict_takes_pictures_with_and_without_a_channel_axis(picture_bundle):
    opened = bundle.Bundle.open(picture_bundle)
    pictures = np.random.default_rng(1).integers(0, 17, size=(5, 4, 3)).astype(np.uint8)
    np.testing.assert_array_equal(opened.predict(pictures), opened.predict(pictures[..., np.newaxis].astype(float)))
    np.testing.assert_array_equal(opened.predict(pictures), opened.predict_arrays(pictures[..., np.newaxis] / np.float32(16)))
    assert opened.predict(pictures[:0]).shape == (0, 3)


def test_predict_agrees_with_one_thread_when_many_call_at_once(folder):
    opened = bundle.Bundle.open(folder)
    rng = np.random.default_rng(2)
    batches = [rng.normal(size=(int(rows), 5)).astype(np.float32) for rows in rng.integers(1, 300, size=60)]
    expected = [opened.predict_arrays(batch) for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        for found, wanted in zip(pool.map(opened.predict_arrays, batches), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_predict_names_row_and_column_when_a_value_leaves_float32(folder):
    rows = {"age": np.array([1.0, 2.0]), "dose": np.array([0.0, 1e37]), "job": np.array(["cook", "cook"], object)}
    with pytest.raises(InputError, match="row 1, column 'dose'"):
        bundle.Bundle.open(folder).predict(rows)


def test_signature_names_columns_and_types(folder, picture_bundle):
    inputs = bundle.Bundle.open(folder).signature["inputs"]
    assert [(column["name"], column["type"]) for column in inputs] == [("age", "double"), ("dose", "double"), ("job", "string")]
    (picture,) = bundle.Bundle.open(picture_bundle).signature["inputs"]
    assert (picture["type"], picture["shape"]) == ("tensor", [-1, 4, 3, 1])


def test_sha256_stands_for_every_byte(folder):
    before = bundle.Bundle.open(folder).sha256
    assert bundle.Bundle.open(folder).sha256 == before
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "version": "8"}))
    assert bundle.Bundle.open(folder).sha256 != before


@pytest.mark.parametrize("name", bundle.CONTENT)
def test_verify_names_file_and_hashes_when_one_byte_changed(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(IntegrityError, match=rf"{name}: the file was changed. Expected sha256 \w+. Received: \w+. Restore"):
        bundle.verify(folder)


@pytest.mark.parametrize("name", bundle.CONTENT)
def test_verify_names_the_file_when_it_is_missing(folder, name):
    (folder / name).unlink()
    with pytest.raises(IntegrityError, match=rf"{name}: missing"):
        bundle.verify(folder)


@pytest.mark.parametrize("path", ["extra.py", "sub/labels.json"])
def test_verify_names_the_file_when_there_is_one_more(folder, path):
    (folder / path).parent.mkdir(exist_ok=True)
    (folder / path).write_text("[]")
    with pytest.raises(IntegrityError, match=f"{path}: not in the bundle's manifest.json"):
        bundle.verify(folder)


@pytest.mark.parametrize("path", ["../outside", "/etc/hostname"])
def test_verify_reads_nothing_outside_when_the_manifest_points_there(folder, path):
    (folder.parent / "outside").write_text("secret")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][path] = "0" * 64
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(IntegrityError, match="missing"):
        bundle.verify(folder)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("{", IntegrityError, "expected JSON"),
        ("[]", InputError, "manifest of a bundle"),
        ('{"format": "bequest-version"}', InputError, "manifest of a bundle"),
        ('{"format": "bequest-bundle", "format_version": 2}', InputError, "newer bequest"),
        ('{"format": "bequest-bundle", "format_version": 1}', IntegrityError, "`name` and `files`"),
    ],
)
def test_verify_says_what_is_wrong_with_the_manifest(folder, text, error, message):
    (folder / "manifest.json").write_text(text)
    with pytest.raises(error, match=message):
        bundle.verify(folder)


def test_verify_asks_for_a_bundle_when_the_folder_is_none(tmp_path):
    with pytest.raises(InputError, match="expected a bundle"):
        bundle.verify(tmp_path / "nowhere")


def test_write_refuses_and_changes_nothing_when_the_folder_holds_something(folder, flatbuffers, states):
    with pytest.raises(InputError, match="a new or an empty folder"):
        bundle.write(folder, flatbuffer=flatbuffers["table"], preprocessing=states["table"], labels=["a", "b"], name="other")
    assert bundle.Bundle.open(folder).labels == ["ill", "well"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ["a"]}, "at least two different strings"),
        ({"labels": ["a", "a"]}, "at least two different strings"),
        ({"labels": ["a", "b", "c"]}, "expected 3 outputs"),
        ({"preprocessing": "pictures"}, r"input \(4, 3, 1\)"),
        ({"flatbuffer": b"no model at all"}, "expected a LiteRT model"),
    ],
)
def test_write_leaves_nothing_behind_when_the_parts_do_not_fit(tmp_path, flatbuffers, states, change, message):
    parts = {"flatbuffer": flatbuffers["table"], "preprocessing": "table", "labels": ["a", "b"], **change}
    parts["preprocessing"] = states[parts["preprocessing"]]
    with pytest.raises(InputError, match=message):
        bundle.write(tmp_path / "b", name="x", **parts)
    assert list(tmp_path.iterdir()) == []
