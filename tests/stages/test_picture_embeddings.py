"""What a network makes of pictures: kept with the version, and compared with what it makes of a batch."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks import feedback, serving_files
from tasks.bundle import Bundle
from tasks.data import reference
from tasks.methods import drift
from tasks.methods.backend import keras, tf

PREPROCESSING: dict[str, Any] = {
    "format": "bequest-preprocessing",
    "format_version": 1,
    "modality": "image",
    "size": [4, 4],
    "channels": 1,
    "pixel_max": 1.0,
    "denoise": {"method": "none", "size": 3},
}


@pytest.fixture(scope="module")
def flatbuffer() -> bytes:
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Flatten(input_shape=(4, 4, 1)),
        keras.layers.Dense(8, activation="relu"),
        keras.layers.Dense(2, activation="softmax"),
    ]
    return bytes(tf.lite.TFLiteConverter.from_keras_model(keras.Sequential(layers)).convert())


def pictures(count: int, seed: int, *, striped: bool = False) -> np.ndarray:
    """Noise, or noise with the same grey values sorted along each row: brightness and contrast tell nothing."""
    x = np.random.default_rng(seed).random((count, 4, 4, 1), np.float32)
    return np.sort(x, axis=2) if striped else x


class Pictures(SimpleNamespace):
    """A data set of pictures."""

    def split(self, name: str) -> SimpleNamespace:
        x = pictures({"train": 90, "validation": 80}[name], len(name))
        return SimpleNamespace(raw=x, x=x, y=np.zeros(len(x), np.int64))


def test_pictures_in_production_are_compared_by_what_the_network_makes_of_them(
    flatbuffer: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reference, "MOST_EMBEDDED", 60)
    rows: Any = Pictures(card=SimpleNamespace(modality="image", classes=["a", "b"]), preprocessing=PREPROCESSING)
    job: Any = SimpleNamespace(name="stripes")
    serving_files.write_serving_files(tmp_path, job=job, rows=rows, flatbuffer=flatbuffer, probabilities=np.full((80, 2), 0.5))
    known, served = reference.read(tmp_path / reference.FOLDER), Bundle.open(tmp_path / serving_files.BUNDLE)
    assert known.embeddings is not None
    assert known.embeddings.shape == (60, 8)
    p_values = []
    for striped in (False, True):
        batch: Any = SimpleNamespace(raw=pictures(70, 9, striped=striped))
        seen = feedback._embeddings(known, served, batch)
        assert seen is not None
        assert seen[1].shape == (60, 8)
        p_values.append(drift.report({}, {}, {}, embeddings=seen).together[0].p_value)
    assert p_values[0] > 0.01 > p_values[1]


def test_tables_have_no_embeddings(flatbuffer: bytes):
    rows: Any = SimpleNamespace(card=SimpleNamespace(modality="tabular"))
    assert serving_files._embeddings(rows, flatbuffer) is None
    known = reference.Reference({}, {}, np.empty((0, 2)), None)
    batch: Any = SimpleNamespace(raw=pd.DataFrame())
    served: Any = None
    assert feedback._embeddings(known, served, batch) is None
