"""Models on disk: what is written is read back to the last bit; hostile, damaged and foreign files are refused by name."""

import json
import zipfile

import h5py
import numpy as np
import pytest

from model_registry.errors import InputError
from tasks.methods.backend import keras
from tasks.methods.networks.architectures import build
from tasks.methods.networks.predict import predict
from tasks.methods.networks.store import describe, load, save
from tasks.methods.networks.vet import refused
from tasks.methods.quantization.convert import convert

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")

X = np.random.default_rng(0).uniform(size=(4, 8, 8, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    """Nested, with a BatchNorm of its own statistics and operators between layers."""
    inputs = keras.Input((8, 8, 1), name="pixels")
    inner = keras.Sequential([keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.BatchNormalization()], name="inner")
    hidden = keras.layers.Flatten()(inner(inputs, training=False) * 2.0 + 1.0)
    built = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden))
    rng = np.random.default_rng(1)
    built.set_weights([rng.uniform(0.5, 1, weight.shape).astype(np.float32) for weight in built.get_weights()])
    built.compile("adam", "sparse_categorical_crossentropy")
    return built


def rewritten(source, target, *, config=None, metadata=None, extra=None):
    """A copy of a .keras archive with some of its members changed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json" and config:
                content = json.dumps(config(json.loads(content))).encode()
            if name == "metadata.json" and metadata:
                content = json.dumps(metadata).encode()
            new.writestr(name, content)
        for name, content in (extra or {}).items():
            new.writestr(name, content)
    return target


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "folder"])
def test_load_gives_back_the_same_outputs(model, tmp_path, name):
    if name == "model.keras":
        save(model, tmp_path / name)
    else:
        model.save(tmp_path / name)
    loaded = load(tmp_path / name)

    np.testing.assert_array_equal(predict(loaded, X), predict(model, X))
    assert loaded.optimizer is None


def test_save_leaves_one_file_and_takes_keras_names_only(model, tmp_path):
    save(model, tmp_path / "deep" / "model.keras")

    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["model.keras"]
    with pytest.raises(ValueError, match=r"ending in \.keras"):
        save(model, tmp_path / "model.h5")


def test_describe_counts_by_hand():
    model = build("mlp", (4,), 3, [5], [], 0.0, seed=0)

    assert describe(model) == {
        "parameters": 4 * 5 + 5 + 5 * 3 + 3,
        "nonzero_parameters": 4 * 5 + 5 * 3,
        "layers": 3,
        "input_shape": (4,),
        "output_shape": (3,),
        "classes": 3,
    }


@pytest.mark.parametrize("name", ["hostile.keras", "hostile.h5", "hostile"])
def test_load_refuses_a_lambda_layer_without_running_it(tmp_path, name):
    marker = tmp_path / "ran"
    inputs = keras.Input((4,))
    hidden = keras.layers.Lambda(lambda x, marker=str(marker): (open(marker, "w").close(), x)[1], name="payload")(inputs)
    keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(hidden)).save(tmp_path / name)
    marker.unlink(missing_ok=True)

    with pytest.raises(InputError, match=r"Lambda layer, .*payload.*carries code") as error:
        load(tmp_path / name)

    assert str(tmp_path / name) in str(error.value)
    assert not marker.exists()


def with_layer(**changes):
    """Changes the last layer of a stored configuration."""

    def change(config):
        config["config"]["layers"][-1].update(changes)
        return config

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (with_layer(module="os", class_name="Dense", registered_name="system"), "registered under another name"),
        (with_layer(module="os"), "from the module 'os'"),
        (with_layer(module="subprocess", class_name="Popen"), "not built into Keras, 'Popen'"),
        (with_layer(class_name="TFOpLambda", config={"name": "x", "function": "io.write_file"}), "io.write_file"),
        (with_layer(class_name="StringLookup", config={"vocabulary": "/etc/passwd"}), "reads files or text"),
        (with_layer(config={"name": "d", "activation": {"class_name": "function", "config": "get_file"}}), "get_file"),
        (
            with_layer(config={"name": "d", "activation": {"class_name": "__lambda__", "config": {"value": "x"}}}),
            "carries code",
        ),
    ],
)
def test_load_refuses_what_is_not_built_in(model, tmp_path, change, why):
    save(model, tmp_path / "good.keras")

    with pytest.raises(InputError, match=why):
        load(rewritten(tmp_path / "good.keras", tmp_path / "bad.keras", config=change))


def test_load_refuses_a_custom_layer_by_name(tmp_path):
    class Own(keras.layers.Layer):
        def call(self, x):
            return x

    inputs = keras.Input((4,))
    keras.Model(inputs, keras.layers.Dense(2)(Own(name="mine")(inputs))).save(tmp_path / "own.h5")

    with pytest.raises(InputError, match=r"not built into Keras, 'Own' \('mine'\)"):
        load(tmp_path / "own.h5")


def test_load_ignores_compile_settings_and_assets(model, tmp_path):
    def compiled_by_another(config):
        config["compile_config"] = {"optimizer": {"class_name": "Popen", "module": "subprocess", "config": {}}}
        return config

    save(model, tmp_path / "good.keras")
    path = rewritten(
        tmp_path / "good.keras", tmp_path / "odd.keras", config=compiled_by_another, extra={"assets/vocabulary.txt": b"x"}
    )

    np.testing.assert_array_equal(predict(load(path), X), predict(model, X))


def test_load_refuses_weights_that_lie_elsewhere(model, tmp_path):
    model.save(tmp_path / "linked.h5")
    with h5py.File(tmp_path / "linked.h5", "a") as file:
        file["model_weights/elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")

    with pytest.raises(InputError, match="lie in other files"):
        load(tmp_path / "linked.h5")


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
@pytest.mark.parametrize("share", [0.3, 0.97])
def test_load_names_a_truncated_file(model, tmp_path, name, share):
    model.save(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * share)])

    with pytest.raises(InputError, match=r"damaged or truncated|cannot be built") as error:
        load(tmp_path / name)
    assert name in str(error.value)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "an empty file"),
        (b"\x80\x04\x95rest of a pickle", "a pickle"),
        (b"id,label\n1,2\n", "another kind"),
    ],
)
def test_load_names_files_that_are_not_models(tmp_path, content, why):
    (tmp_path / "model.keras").write_bytes(content)

    with pytest.raises(InputError, match=why):
        load(tmp_path / "model.keras")


def test_load_names_what_else_it_was_given(model, tmp_path):
    (tmp_path / "m.tflite").write_bytes(convert(build("mlp", (4,), 2, [], [], 0.0, seed=0), "float32"))
    with zipfile.ZipFile(tmp_path / "m.pt", "w") as archive:
        archive.writestr("archive/data.pkl", b"x")
    model.save_weights(tmp_path / "weights.h5")
    (tmp_path / "empty").mkdir()

    for name, why in (
        ("m.tflite", "without a network to train further"),
        ("m.pt", "PyTorch"),
        ("weights.h5", "weights only"),
        ("empty", "not a Keras SavedModel"),
        ("missing.keras", "nothing there"),
    ):
        with pytest.raises(InputError, match=why):
            load(tmp_path / name)


def test_load_refuses_weights_that_are_not_numbers(tmp_path):
    model = build("mlp", (4,), 2, [], [], 0.0, seed=0)
    model.set_weights([weight * np.nan for weight in model.get_weights()])
    save(model, tmp_path / "nan.keras")

    with pytest.raises(InputError, match="NaN or infinite"):
        load(tmp_path / "nan.keras")


def test_load_refuses_other_number_types(tmp_path):
    half = keras.Sequential([keras.layers.Dense(2, dtype="float16", input_shape=(4,))])
    half.save(tmp_path / "half.keras")

    with pytest.raises(InputError, match="float16"):
        load(tmp_path / "half.keras")


def keras3_models():
    """Networks of the multi-backend Keras, which TensorFlow brings along."""
    import keras as keras3  # the multi-backend one

    layers = keras3.layers
    inputs = keras3.Input((8, 8, 1))
    inner = keras3.Sequential([layers.Conv2D(4, 3, kernel_regularizer="l2"), layers.BatchNormalization(), layers.LeakyReLU()])
    hidden = inner(inputs, training=False)
    hidden = layers.Add()([hidden, layers.Conv2D(4, 1)(hidden)])
    hidden = layers.Dropout(0.2, seed=1)(layers.SeparableConv2D(6, 3)(hidden))
    mixed = keras3.Model(inputs, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(hidden)))
    plain = keras3.Sequential([keras3.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3), layers.Softmax()])
    return keras3, mixed, plain


def test_load_reads_models_of_keras_3(tmp_path):
    _, *models = keras3_models()
    rng = np.random.default_rng(2)
    for model in models:
        model.set_weights([rng.uniform(0.1, 1, weight.shape) for weight in model.get_weights()])
        model.save(tmp_path / "three.keras")
        loaded = load(tmp_path / "three.keras")

        np.testing.assert_allclose(predict(loaded, X), np.array(model(X)), atol=1e-6)
        save(loaded, tmp_path / "two.keras")
        np.testing.assert_array_equal(predict(load(tmp_path / "two.keras"), X), predict(loaded, X))


def test_load_names_what_keras_3_has_and_tf_keras_has_not(tmp_path):
    keras3, *_ = keras3_models()
    inputs = keras3.Input((4,))
    keras3.Model(inputs, keras3.layers.Dense(2)(keras3.ops.sin(inputs))).save(tmp_path / "ops.keras")
    keras3.Model(inputs, keras3.layers.Lambda(lambda x: x)(inputs)).save(tmp_path / "lambda.keras")

    for name, why in (
        ("ops.keras", "operation 'Sin' \\('sin'\\) has no counterpart"),
        ("lambda.keras", "a Lambda layer"),
    ):
        with pytest.raises(InputError, match=why):
            load(tmp_path / name)


def test_refused_is_empty_for_the_networks_of_keras_applications():
    mobilenet = keras.applications.MobileNetV3Small((32, 32, 3), weights=None, classes=4)

    assert refused(json.loads(mobilenet.to_json())) == []
