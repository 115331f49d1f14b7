"""Flatbuffers from outside: kept as they are, refused where LiteRT cannot run them as rows of numbers."""

from pathlib import Path

import numpy as np
import pytest

from model_registry.errors import InputError
from tasks.methods.backend import tf
from tasks.methods.networks.architectures import build
from tasks.methods.networks.formats.tflite import read_tflite
from tasks.methods.quantization.convert import convert


@pytest.mark.parametrize("mode", ["float32", "int8"])
def test_a_flatbuffer_is_kept_to_the_last_byte(tmp_path, mode):
    x = np.random.default_rng(0).random((16, 6), np.float32)
    content = convert(build("mlp", (6,), 3, [4], [], 0.0, seed=0), mode, x)
    (tmp_path / "m.tflite").write_bytes(content)

    found = read_tflite(tmp_path / "m.tflite")

    assert found.flatbuffer == content
    assert found.model is None


def converted(path: Path, function, *specs) -> Path:
    concrete = tf.function(function).get_concrete_function(*specs)
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert())
    return path


def test_flatbuffers_that_are_no_function_of_one_row_of_numbers_are_refused(tmp_path):
    ids = tf.TensorSpec([None, 4], tf.int32)
    row = tf.TensorSpec([None, 4], tf.float32)

    with pytest.raises(InputError, match="takes int32 without a scale"):
        read_tflite(converted(tmp_path / "ids.tflite", lambda x: tf.cast(x, tf.float32) * 2.0, ids))
    with pytest.raises(InputError, match="2 inputs and 1 outputs"):
        read_tflite(converted(tmp_path / "two.tflite", lambda x, y: x + y, row, row))


def test_a_flatbuffer_that_ends_the_process_is_refused_and_ends_its_own_alone(tmp_path, monkeypatch):
    (tmp_path / "m.tflite").write_bytes(convert(build("mlp", (6,), 3, [4], [], 0.0, seed=0), "float32"))
    monkeypatch.setattr(
        "tasks.methods.networks.formats.tflite._CODE", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    )

    with pytest.raises(InputError, match=r"ends LiteRT's process \(SIGSEGV\)"):
        read_tflite(tmp_path / "m.tflite")
