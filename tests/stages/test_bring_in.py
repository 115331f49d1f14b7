"""`bequest import` of a file that stands under that name already."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from flows.cli import app
from model_registry import versions


@pytest.fixture
def model(workspace: Path, tmp_path: Path) -> Path:
    """A file with a tiny model."""
    from tasks.methods.backend import keras

    network = keras.Sequential([keras.layers.Dense(2, activation="softmax", input_shape=(3,))])
    network.set_weights([np.eye(3, 2, dtype=np.float32), np.zeros(2, np.float32)])
    network.save(tmp_path / "x.keras")
    return tmp_path / "x.keras"


def test_import_says_what_the_standing_version_keeps_when_source_or_licence_differ(model: Path):
    def brought_in(*options: str) -> tuple[dict, str]:
        result = CliRunner().invoke(app, ["import", str(model), "--name", "x", "--json", *options])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout), result.stderr

    first, said = brought_in("--source", "a [zoo]")
    assert "note" not in said
    assert "note" not in brought_in()[1]
    assert "note" not in brought_in("--source", "a [zoo]")[1]
    again, said = brought_in("--source", "b", "--licence", "MIT")
    assert again["version"] == first["version"] == 1
    assert said.endswith(
        "note: x/1 was brought in from the same file before and keeps what it records: source a [zoo], licence not stated. "
        "To record others, import the file under another name.\n"
    )
    assert len(versions.search()) == 1
