"""Models of Keras 3 become tf_keras models of the same outputs; what tf_keras has not is named."""

import importlib.metadata
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from model_registry.errors import InputError
from tasks.importing.probe import TOLERANCE, probe
from tasks.methods.networks.formats.keras3 import original
from tasks.methods.networks.formats.outside import CannotCompareError
from tasks.methods.networks.formats.read import read
from tasks.methods.networks.predict import predict

# Keras 3 writes what the tests read, in a process of its own: one process can have one Keras only.
WRITE = """
import sys
from pathlib import Path
import keras
import numpy as np
from keras import layers

folder, rng = Path(sys.argv[1]), np.random.default_rng(0)


def write(name, model, *suffixes):
    # Spread out, and no variance below zero: no layer may be left out or put elsewhere without being seen.
    model.set_weights([rng.uniform(0.2, 1, w.shape) - (0.6 if w.path.endswith("kernel") else 0) for w in model.weights])
    x = rng.normal(size=(4, *model.input_shape[1:])).astype("float32")
    for suffix in suffixes or (".keras",):
        model.save(folder / (name + suffix))
    np.savez(folder / (name + ".npz"), x=x, y=np.asarray(model(x, training=False)))


def mixed():
    inputs = keras.Input((8, 8, 3))
    inner = keras.Sequential([layers.Conv2D(4, 3, kernel_regularizer="l2"), layers.BatchNormalization(), layers.LeakyReLU()])
    x = inner(inputs, training=False)
    x = layers.Add()([x, layers.Conv2D(4, 1, activation="silu")(x)])
    x = layers.ZeroPadding2D(1)(layers.DepthwiseConv2D(3, activation="relu")(x))
    x = layers.SeparableConv2D(6, 3)(layers.Dropout(0.2, seed=1)(x))
    return keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))


def gated():
    inputs = keras.Input((6,))
    x = layers.Dense(6)(inputs)
    hard = layers.Activation("hard_sigmoid")(x)
    swish = layers.Activation("hard_silu")(x)
    capped = layers.Activation("relu6")(4 * x)
    x = layers.Concatenate()([hard, swish, capped, layers.ReLU(6.0)(x + 3.0) * (1 / 6), (1 - x) / 2, x * hard, x - swish])
    return keras.Model(inputs, layers.Dense(3)(x))


def twice():
    shared = layers.Activation("hard_silu")
    inputs = keras.Input((5,))
    return keras.Model(inputs, layers.Concatenate()([shared(inputs), shared(layers.Dense(5)(inputs))]))


write("mixed", mixed(), ".keras", ".h5")
write("gated", gated(), ".keras", ".h5")
write("twice", twice())
BOTH = ".keras", ".h5"
picture = keras.Input((8, 8, 1))
write("plain", keras.Sequential([picture, layers.Flatten(), layers.Dense(3, name="last"), layers.Softmax()]), *BOTH)
inputs = keras.Input((4,))
write("sine", keras.Model(inputs, layers.Dense(2)(keras.ops.sin(inputs))))
write("lambda", keras.Model(inputs, layers.Lambda(lambda x: 2 * x, name="payload")(layers.Dense(2)(inputs))))
write("gate", keras.Model(inputs, layers.Dense(2, activation="hard_sigmoid", name="slope")(inputs)))
write("memory", keras.Sequential([keras.Input((3, 4)), layers.GRU(2, name="recurrent")]))


@keras.saving.register_keras_serializable("own")
class Own(layers.Layer):
    def call(self, x):
        return x


write("custom", keras.Model(inputs, layers.Dense(2)(Own(name="mine")(inputs))))
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """A folder of models of Keras 3, each with rows and what Keras 3 makes of them."""
    if int(importlib.metadata.version("keras").split(".")[0]) < 3:
        pytest.skip("Keras 3 is not installed")
    folder = tmp_path_factory.mktemp("keras3")
    _keras3(WRITE, folder)
    return folder


def _keras3(code: str, folder: Path) -> None:
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "TF_USE_LEGACY_KERAS": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-P", "-c", code, str(folder)], env=environment, check=True, timeout=600)


@pytest.mark.parametrize(
    "name", ["mixed.keras", "mixed.h5", "gated.keras", "gated.h5", "twice.keras", "plain.keras", "plain.h5"]
)
def test_outputs_are_those_of_keras_3(written, name):
    rows = np.load(written / f"{Path(name).stem}.npz")

    found = read(written / name)

    np.testing.assert_allclose(predict(found.model, rows["x"]), rows["y"], rtol=1e-5, atol=1e-5)
    assert found.form.startswith("Keras 3")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("sine", r"the operation 'Sin' \('sin"),
        ("lambda", "a Lambda layer, 'Lambda'.*, layer 'payload'"),
        ("gate", "layer 'slope': activation='hard_sigmoid' computes something else in tf_keras"),
        ("memory", "layer 'recurrent': expected weights of the shapes"),
        ("custom", "layer 'mine'"),
    ],
)
def test_what_tf_keras_has_not_is_named(written, name, why):
    with pytest.raises(InputError, match=why):
        read(written / f"{name}.keras")


def test_the_translation_is_compared_with_keras_3_itself(written):
    facts = probe(written / "mixed.keras", read(written / "mixed.keras"), None)

    assert facts["compared"].startswith("with Keras 3: at most ")
    assert float(facts["compared"].split()[5]) < TOLERANCE


def test_a_translation_that_computes_something_else_is_not_brought_in(written):
    found = read(written / "plain.h5")
    kernel, bias = found.model.layers[-2].get_weights()
    found.model.layers[-2].set_weights([kernel, bias + np.eye(1, 3)[0] / 100])

    with pytest.raises(InputError, match=r"expected outputs within .* of those of Keras 3 .*\. Received: .*not registered"):
        probe(written / "plain.h5", found, None)


def test_without_keras_3_it_is_said_that_nothing_was_compared(written, monkeypatch):
    monkeypatch.setattr(original.importlib.metadata, "version", lambda name: "2.15.0")

    with pytest.raises(CannotCompareError, match="Keras 3 is not installed here"):
        read(written / "plain.h5").original(np.zeros((1, 8, 8, 1), np.float32))
    facts = probe(written / "plain.h5", read(written / "plain.h5"), None)
    assert facts["compared"] == "not compared: Keras 3 is not installed here"


def test_weights_that_the_store_lacks_are_named(written, tmp_path):
    import h5py

    path = tmp_path / "short.keras"
    with zipfile.ZipFile(written / "plain.keras") as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        store = tmp_path / "weights.h5"
        store.write_bytes(old.read("model.weights.h5"))
    with h5py.File(store, "a") as file:
        del file["layers/dense/vars/1"]
    with zipfile.ZipFile(written / "plain.keras") as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, store.read_bytes() if name == "model.weights.h5" else old.read(name))

    with pytest.raises(
        InputError, match=r"layer 'last': expected weights of the shapes \[\[64, 3\], \[3\]\]\. Received: \[\[64, 3\]\]"
    ):
        read(path)


def test_settings_that_keras_3_alone_has_are_named_where_they_are_on(written, tmp_path):
    path = tmp_path / "odd.keras"
    with zipfile.ZipFile(written / "plain.keras") as old, zipfile.ZipFile(path, "w") as new:
        config = json.loads(old.read("config.json"))
        dense = next(layer for layer in config["config"]["layers"] if layer["class_name"] == "Dense")
        dense["config"]["lora_rank"] = 4
        for name in old.namelist():
            new.writestr(name, json.dumps(config) if name == "config.json" else old.read(name))

    with pytest.raises(InputError, match="layer 'last': setting lora_rank=4 of 'Dense' has no counterpart"):
        read(path)


LARGE = """
import sys
from pathlib import Path
import keras
import numpy as np

rng = np.random.default_rng(0)
networks = {"mobilenet": keras.applications.MobileNet, "resnet50": keras.applications.ResNet50}
for name, build in networks.items():
    # No activation at the end: a softmax of random features is 0 or 1, and would hide what differs.
    model = build(input_shape=(64, 64, 3), weights=None, classes=100, classifier_activation=None)
    for weight in model.weights:
        part = weight.path.split("/")[-1]
        low, high = {"gamma": (0.5, 1.0), "moving_variance": (0.5, 1.5), "beta": (-0.1, 0.1), "moving_mean": (-0.1, 0.1)}.get(
            part, (0, 0)
        )
        if high:
            weight.assign(rng.uniform(low, high, weight.shape))
    model.save(Path(sys.argv[1]) / (name + ".keras"))
    model.save(Path(sys.argv[1]) / (name + ".h5"))
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_mobilenet_and_a_resnet50_of_keras_3_have_the_same_outputs(tmp_path):
    _keras3(LARGE, tmp_path)
    for name in ("mobilenet.keras", "mobilenet.h5", "resnet50.keras", "resnet50.h5"):
        facts = probe(tmp_path / name, read(tmp_path / name), None)
        assert facts["compared"].startswith("with Keras 3: at most ")
