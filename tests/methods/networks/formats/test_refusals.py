"""Hostile, truncated and foreign files are refused by name, and nothing they bring along is executed."""

import json
import pickle
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from model_registry.errors import InputError
from tasks.methods.backend import keras
from tasks.methods.networks.architectures import build
from tasks.methods.networks.formats.kinds import kind_of
from tasks.methods.networks.formats.outside import Consent
from tasks.methods.networks.formats.read import read
from tasks.methods.networks.predict import predict
from tasks.methods.networks.store import save
from tasks.methods.networks.vet import refused
from tasks.methods.quantization.convert import convert

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """One small network as `.keras`, `.h5` and `.tflite`."""
    folder = tmp_path_factory.mktemp("models")
    model = build("mlp", (4,), 3, [5], [], 0.0, seed=0)
    save(model, folder / "model.keras")
    model.save(folder / "model.h5")
    (folder / "model.tflite").write_bytes(convert(model, "float32"))
    return folder


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as error:
        read(path)
    assert str(error.value).startswith(f"{path}: ")
    return str(error.value)


class Payload:
    """Makes a file as soon as it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_is_refused_by_name_whatever_its_protocol(tmp_path, protocol):
    path, marker = tmp_path / "model.pkl", tmp_path / "ran"
    path.write_bytes(pickle.dumps(Payload(marker), protocol))

    said = refusal(path)

    assert "a pickle, which may run any code when it is read" in said
    assert "torch.onnx.export" in said
    assert not marker.exists()


def test_archives_of_pickles_are_told_from_models(tmp_path):
    marker = tmp_path / "ran"
    with zipfile.ZipFile(tmp_path / "net.pt", "w") as archive:
        archive.writestr("net/data.pkl", pickle.dumps(Payload(marker)))
    np.save(tmp_path / "rows.npy", np.array([Payload(marker)], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "rows.npz", x=np.zeros(3))

    assert "a PyTorch archive, which is pickled" in refusal(tmp_path / "net.pt")
    assert "a NumPy array, which is no model and may hold pickled objects" in refusal(tmp_path / "rows.npy")
    assert "NumPy arrays (.npz)" in refusal(tmp_path / "rows.npz")
    assert not marker.exists()


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model.tflite"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_truncated_files_are_refused_by_name(files, tmp_path, name, share):
    content = (files / name).read_bytes()
    (tmp_path / name).write_bytes(content[: max(9, int(len(content) * share))])

    said = refusal(tmp_path / name)

    found = ("damaged or truncated", "cannot be built", "LiteRT cannot run", "ends LiteRT's process")
    assert any(words in said for words in found)


def test_what_is_no_model_is_told_for_what_it_is(tmp_path):
    (tmp_path / "empty.h5").touch()
    (tmp_path / "table.keras").write_bytes(b"id,label\n1,2\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("x")
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "saved_model.pbtxt").write_text("x")
    with zipfile.ZipFile(tmp_path / "some.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    (tmp_path / "rubbish.onnx").write_bytes(b"\x08" + bytes(range(200)))

    for name, why in {
        "empty.h5": "an empty file",
        "table.keras": "a file of another kind (it starts with b'id,label'",
        "folder": "a folder without saved_model.pb, so not a Keras SavedModel; it holds notes.txt",
        "text": "a SavedModel written as text",
        "some.keras": "a zip archive without metadata.json, model.weights.h5, so not a .keras file",
        "rubbish.onnx": "a damaged or truncated ONNX file",
    }.items():
        assert why in refusal(tmp_path / name)


@pytest.mark.parametrize("member", ["../outside.txt", "/etc/evil", "assets/../../outside", "..\\outside"])
def test_an_archive_that_points_outside_of_itself_is_refused(files, tmp_path, member):
    path = tmp_path / "model.keras"
    path.write_bytes((files / "model.keras").read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(member, b"x")

    assert "members that point outside of it" in refusal(path)


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5", "assets/rest.bin"])
def test_an_archive_that_would_unpack_to_far_more_than_it_is_is_refused(files, tmp_path, member):
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(files / "model.keras") as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name != member:
                new.writestr(name, old.read(name))
        with new.open(member, "w", force_zip64=True) as bomb:
            for _ in range(80):
                bomb.write(bytes(1 << 20))

    said = refusal(path)

    assert f"{member!r} unpacks from" in said
    assert "to 83886080 bytes" in said


def test_weights_that_claim_far_more_than_the_file_holds_are_refused(files, tmp_path):
    path = tmp_path / "huge.h5"
    path.write_bytes((files / "model.h5").read_bytes())
    with h5py.File(path, "a") as file:
        # Not one chunk of it is stored.
        file.create_dataset("model_weights/huge", shape=(1 << 40,), chunks=(1 << 20,), dtype="float32")

    assert "weights that unpack from" in refusal(path)


def test_weights_that_lie_in_other_files_are_refused(files, tmp_path):
    path = tmp_path / "linked.h5"
    path.write_bytes((files / "model.h5").read_bytes())
    with h5py.File(path, "a") as file:
        file["model_weights/elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")

    assert "weights that lie in other files" in refusal(path)


def test_a_content_is_read_whatever_the_file_is_called(files, tmp_path):
    for name, kind in {"model.keras": "keras", "model.h5": "hdf5", "model.tflite": "tflite"}.items():
        path = tmp_path / f"{kind}.bin"
        path.write_bytes((files / name).read_bytes())
        assert kind_of(path) == kind
        assert (read(path).model is None) == (kind == "tflite")


@pytest.mark.parametrize("name", ["hostile.keras", "hostile.h5"])
def test_a_lambda_layer_runs_only_where_it_is_named(tmp_path, name):
    marker = tmp_path / "ran"
    inputs = keras.Input((4,))
    hidden = keras.layers.Lambda(lambda x, marker=str(marker): (open(marker, "w").close(), 2 * x)[1], name="payload")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(hidden))
    model.save(tmp_path / name)
    marker.unlink(missing_ok=True)

    said = refusal(tmp_path / name)
    assert "a Lambda layer, 'Lambda' ('payload'), which carries code" in said
    assert "--allow-layer NAME" in said
    assert not marker.exists()

    found = read(tmp_path / name, Consent.of(("Lambda",)))
    assert found.vouched == ("a Lambda layer, 'Lambda' ('payload'), which carries code",)
    x = np.random.default_rng(0).random((3, 4), np.float32)
    np.testing.assert_array_equal(predict(found.model, x), predict(model, x))


class Doubled(keras.layers.Layer):
    """A layer of the user's own."""

    def call(self, x):
        return 2 * x


def test_a_layer_of_the_users_own_is_read_only_where_it_is_named_with_its_module(tmp_path, monkeypatch):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(2)(Doubled(name="mine")(inputs)))
    model.save(tmp_path / "own.keras")
    (tmp_path / "own_layers.py").write_text(
        "from tasks.methods.backend import keras\n\n\nclass Doubled(keras.layers.Layer):\n"
        "    def call(self, x):\n        return 2 * x\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    assert "not built into Keras, 'Doubled' ('mine')" in refusal(tmp_path / "own.keras")
    found = read(tmp_path / "own.keras", Consent.of(("own_layers:Doubled",)))
    x = np.random.default_rng(0).random((3, 4), np.float32)
    np.testing.assert_array_equal(predict(found.model, x), predict(model, x))
    with pytest.raises(InputError, match=r"--allow-layer own_layers:Trebled: expected MODULE:NAME"):
        Consent.of(("own_layers:Trebled",))


def test_consent_to_one_layer_is_none_to_another():
    inner = {"class_name": "Dense", "module": "keras.layers", "config": {"kernel_initializer": {"class_name": "Evil"}}}
    config = {"class_name": "Own", "config": {"name": "own", "layer": inner}}

    assert refused(config, {"Own"}) == ["a class that is not built into Keras, 'Evil'"]
    assert refused(config, {"Evil"}) == ["a class that is not built into Keras, 'Own' ('own')"]
    assert refused(config, {"Own", "Evil"}) == []


def test_a_configuration_nested_too_deeply_is_refused(files, tmp_path):
    path = tmp_path / "deep.keras"
    with zipfile.ZipFile(files / "model.keras") as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, "[" * 100_000 if name == "config.json" else old.read(name))
    assert "cannot be built (RecursionError" in refusal(path)
    with zipfile.ZipFile(files / "model.keras") as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, json.dumps([1]) if name == "config.json" else old.read(name))
    assert "no JSON object" in refusal(path)
