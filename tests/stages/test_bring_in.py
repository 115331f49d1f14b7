"""Models from outside in the registry: what is recorded, what stands for what, and what a failure leaves (nothing)."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from flows.cli import app
from model_registry import artifacts, manifest, store, versions
from model_registry.errors import InputError
from tasks.bring_in import bring_in
from tasks.derive import KERAS_FILE
from tasks.importing.request import Request, settings_of, shape_of
from tasks.inference_only import flatbuffer_of
from tasks.solution import Solution


@pytest.fixture
def model(workspace: Path, tmp_path: Path) -> Path:
    """A file with a tiny model."""
    from tasks.methods.backend import keras

    network = keras.Sequential([keras.layers.Dense(2, activation="softmax", input_shape=(3,))])
    network.set_weights([np.eye(3, 2, dtype=np.float32), np.zeros(2, np.float32)])
    network.save(tmp_path / "x.keras")
    return tmp_path / "x.keras"


@pytest.fixture
def pictures(workspace: Path, tmp_path: Path) -> Path:
    """A file with a tiny network for pictures of 8 x 8 in three colours."""
    from tasks.methods.backend import keras

    layers = keras.layers
    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [layers.Conv2D(4, 3, activation="relu", input_shape=(8, 8, 3)), layers.Flatten(), layers.Dense(3, activation="softmax")]
    )
    network.save(tmp_path / "pictures.keras")
    return tmp_path / "pictures.keras"


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


def test_what_a_version_records(model: Path):
    version = bring_in(Request(model, "x", source="a zoo", licence="MIT"))

    assert version.operation == "inherited"
    assert version.parents == []
    assert version.trigger == {"kind": "import", "reason": "a zoo"}
    assert {key: version.facts[key] for key in ("file", "file_sha256", "source", "licence")} == {
        "file": "x.keras",
        "file_sha256": manifest.sha256_of(model),
        "source": "a zoo",
        "licence": "MIT",
    }
    assert {key: version.facts[key] for key in ("input_shape", "output_shape", "input_dtype", "classes", "parameters")} == {
        "input_shape": [3],
        "output_shape": [2],
        "input_dtype": "float32",
        "classes": 2,
        "parameters": 8,
    }
    assert version.facts["outputs"] == "probabilities"
    assert version.facts["network"] == "keras"
    assert version.facts["compared"] == "read by its own library"
    assert flatbuffer_of(artifacts.fetch(version)) is None


def test_a_flatbuffer_is_a_version_without_a_network(workspace: Path, tmp_path: Path):
    from tasks.methods.litert import LiteRunner
    from tasks.methods.networks import store as networks
    from tasks.methods.networks.architectures import build
    from tasks.methods.quantization.convert import convert

    content = convert(build("mlp", (3,), 2, [4], [], 0.0, seed=0), "float32")
    (tmp_path / "t.tflite").write_bytes(content)

    version = bring_in(Request(tmp_path / "t.tflite", "t"))
    folder = artifacts.fetch(version)

    file = flatbuffer_of(folder)
    assert file is not None
    assert file.read_bytes() == content
    assert LiteRunner(content).input_shape == tuple(version.facts["input_shape"])
    assert version.facts["outputs"] == "probabilities"
    assert version.facts["size_bytes"] == len(content)
    with pytest.raises(InputError, match="t is inference-only: usable as teacher and ensemble member, not to be trained"):
        networks.load(folder / KERAS_FILE)


def test_a_layer_that_is_vouched_for_is_kept_as_a_flatbuffer_that_needs_no_word(workspace: Path, tmp_path: Path):
    from tasks.methods.backend import keras

    inputs = keras.Input((4,))
    hidden = keras.layers.Lambda(lambda x: 2 * x, name="payload")(inputs)
    keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(hidden)).save(tmp_path / "l.keras")

    with pytest.raises(InputError, match="carries code"):
        bring_in(Request(tmp_path / "l.keras", "l"))
    version = bring_in(Request(tmp_path / "l.keras", "l", allow=("Lambda",)))

    assert flatbuffer_of(artifacts.fetch(version)) is not None
    assert not (artifacts.fetch(version) / KERAS_FILE).exists()
    assert version.facts["vouched"] == "a Lambda layer, 'Lambda' ('payload'), which carries code"


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("m.pkl", b"\x80\x04\x95rest", "a pickle"),
        ("m.h5", b"\x89HDF\r\n\x1a\nrest", "damaged or truncated"),
        ("m.keras", b"", "an empty file"),
        ("m.tflite", b"\x1c\x00\x00\x00TFL3rest", "LiteRT cannot run"),
    ],
)
def test_nothing_is_left_behind_where_a_file_is_refused(workspace: Path, tmp_path: Path, name: str, content: bytes, why: str):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(InputError, match=why):
        bring_in(Request(tmp_path / name, "x"))

    assert versions.names() == []
    assert [each.name for each in store.client().search_experiments()] == ["Default"]
    assert list((workspace / "staging").glob("*")) == []


def test_nothing_is_registered_where_writing_fails_halfway(model: Path, monkeypatch: pytest.MonkeyPatch):
    from tasks.methods.networks import store as networks

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(networks, "save", full)
    with pytest.raises(OSError, match="No space left"):
        bring_in(Request(model, "x"))
    assert versions.names() == []
    assert not list(store.ensure().staging.iterdir())


def test_preprocessing_is_part_of_what_makes_two_imports_the_same(pictures: Path, tmp_path: Path):
    (tmp_path / "tf.yaml").write_text("mode: tf\n")
    plain, fed = Request(pictures, "p"), Request(pictures, "p", preprocessing=tmp_path / "tf.yaml")

    first, second, third = bring_in(plain), bring_in(fed), bring_in(fed)

    assert [each.version for each in (first, second, third)] == [1, 2, 2]
    assert Solution.read(artifacts.fetch(first)).expects is None
    assert Solution.read(artifacts.fetch(second)).expects == {"scale": [1 / 127.5], "offset": [-1.0], "order": []}
    assert second.facts["preprocessing"] == "tf: pixel * 0.00784314 + -1"


def test_an_heir_is_fed_what_the_network_knows(pictures: Path, tmp_path: Path, prepared, job_of):
    """Digits are grey, 8 x 8 and 0 to 16; the network knows BGR pictures less a mean pixel, from 0 to 255."""
    from tasks.adapt import adapted
    from tasks.data.dataset import DataSet
    from tasks.methods.networks import store as networks
    from tasks.methods.networks.predict import predict

    recipe, data = prepared("bundled:digits")
    rows = DataSet.open(data)
    (tmp_path / "fed.yaml").write_text("scale: [1, 2, 1]\noffset: [-10, -20, -30]\nchannels: bgr\n")
    version = bring_in(Request(pictures, "p", preprocessing=tmp_path / "fed.yaml"))
    folder = artifacts.fetch(version)
    network = networks.load(folder / KERAS_FILE)
    x = rows.split("train").x[:20]
    assert x.max() == 1.0  # what the data set hands on

    heir = adapted(job_of(recipe), version, network, Solution.read(folder), rows)

    known = np.repeat(x, 3, axis=-1) * 255 * [1, 2, 1] + [-10, -20, -30]
    np.testing.assert_allclose(predict(heir, x), predict(network, known.astype(np.float32)), rtol=1e-4, atol=1e-5)


def test_a_network_for_tables_says_what_its_inputs_are(model: Path, tmp_path: Path, prepared, measured, job_of):
    """Its columns stand in another order than the target's, and were scaled in another way."""
    from tasks.adapt import adapted
    from tasks.data.dataset import DataSet
    from tasks.methods.networks import store as networks
    from tasks.methods.networks.predict import predict

    frame = measured()
    recipe, data = prepared(frame)
    rows = DataSet.open(data)
    (tmp_path / "c.yaml").write_text("columns: [{name: c, offset: 1, scale: 2}, {name: a}, {name: b, scale: 0.5}]\n")
    version = bring_in(Request(model, "x", preprocessing=tmp_path / "c.yaml"))
    folder = artifacts.fetch(version)
    network = networks.load(folder / KERAS_FILE)
    x = rows.split("train").x[:20]
    state = {column["name"]: column for column in rows.preprocessing["columns"]}
    raw = {name: x[:, place] * state[name]["scale"] + state[name]["offset"] for place, name in enumerate(("a", "b", "c"))}

    heir = adapted(job_of(recipe), version, network, Solution.read(folder), rows)

    known = np.stack([(raw["c"] - 1) / 2, raw["a"], raw["b"] / 0.5], axis=1).astype(np.float32)
    np.testing.assert_allclose(predict(heir, x), predict(network, known), rtol=1e-3, atol=1e-4)


def test_pictures_of_a_scale_of_their_own_are_no_table(pictures: Path, tmp_path: Path, prepared, measured, job_of):
    from tasks.adapt import adapted
    from tasks.data.dataset import DataSet
    from tasks.methods.networks import store as networks

    recipe, data = prepared(measured())
    (tmp_path / "tf.yaml").write_text("mode: tf\n")
    version = bring_in(Request(pictures, "p", preprocessing=tmp_path / "tf.yaml"))
    folder = artifacts.fetch(version)
    network, solution = networks.load(folder / KERAS_FILE), Solution.read(folder)

    with pytest.raises(InputError, match=r"p/1 can't take the rows of .*and these rows are a table's"):
        adapted(job_of(recipe), version, network, solution, DataSet.open(data))


def test_automatic_ancestors_leave_out_what_has_no_network(workspace: Path, tmp_path: Path, prepared, measured, job_of):
    from tasks.bring_in import bring_in_recipe
    from tasks.methods.networks.architectures import build
    from tasks.methods.quantization.convert import convert
    from tasks.select import rank

    recipe, data = prepared(measured())
    (tmp_path / "t.tflite").write_bytes(convert(build("mlp", (3,), 2, [4], [], 0.0, seed=0), "float32"))
    (tmp_path / "way.yaml").write_text("train: {epochs: 3}\n")
    candidates = [bring_in(Request(tmp_path / "t.tflite", "t")), bring_in_recipe(tmp_path / "way.yaml", "way")[0]]
    job = job_of(recipe, inherit={"ancestors": "auto"})

    ranking = rank(job, "select-trial", [each.ref for each in candidates], data)

    assert not any(entry.chosen for entry in ranking.entries)
    reasons = {entry.version: entry.reason for entry in ranking.entries}
    assert "inference-only: usable as teacher and ensemble member" in reasons["t/1"]
    assert "a solution alone" in reasons["way/1"]


def test_arguments_are_read_as_in_a_recipe():
    assert settings_of(["alpha=0.25", "include_top=false", "classes=10", "pooling=avg", "x=1e-3"]) == {
        "alpha": 0.25,
        "include_top": False,
        "classes": 10,
        "pooling": "avg",
        "x": 1e-3,
    }
    assert shape_of("96, 96,3") == (96, 96, 3)
    assert shape_of("") is None
    for wrong in (["alpha"], ["=1"], ["a b=1"], ["alpha=1", "alpha=2"], ["alpha="]):
        with pytest.raises(InputError, match="--set"):
            settings_of(wrong)
    for wrong in ("96x96", "0,3", "a,b", "1,2,3,4,5"):
        with pytest.raises(InputError, match="--input"):
            shape_of(wrong)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "expected one of PATH (a model), --recipe and --run. Received: none"),
        (["m.keras", "--run", "1"], "Received: PATH and --run"),
        (["--recipe", "r.yaml", "--architecture", "MobileNet"], "--architecture: expected with a model. Received: --recipe"),
        (["m.keras"], "m.keras: expected a model. Found nothing there"),
        ([__file__, "--set", "alpha=1"], "--set: expected together with --architecture"),
        ([__file__, "--input", "8,8,3"], "--input: expected together with --architecture"),
        ([__file__, "--architecture", "MobileNet", "--allow-layer", "Lambda"], "expected without --allow-layer"),
        ([__file__, "--preprocessing", "absent.yaml"], "--preprocessing absent.yaml: expected a readable file"),
    ],
)
def test_wrong_commands_end_with_2_and_say_what_is_wrong(workspace: Path, words: list[str], why: str):
    result = CliRunner().invoke(app, ["import", "--name", "x", *words])
    assert result.exit_code == 2
    assert why in result.stderr
    assert versions.names() == []


def test_help_and_wrong_names_load_no_tensorflow(workspace: Path, model: Path):
    for words in (["--help"], [str(model), "--name", "Not A Name"], [str(model), "--name", "x", "--set", "a=1"]):
        code = (
            "import sys\nfrom typer.testing import CliRunner\nfrom flows.cli import app\n"
            f"CliRunner().invoke(app, ['import', *{words!r}])\n"
            "print([name for name in ('tensorflow', 'tf_keras', 'onnx') if name in sys.modules])"
        )
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
        assert found.stdout.strip().endswith("[]")
