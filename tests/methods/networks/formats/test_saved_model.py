"""SavedModel folders: built anew where tf_keras wrote them, else a flatbuffer of their graph, if all it does is compute."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from model_registry.errors import InputError
from tasks.methods.backend import keras, tf
from tasks.methods.litert import LiteRunner
from tasks.methods.networks.architectures import build
from tasks.methods.networks.formats.read import read
from tasks.methods.networks.predict import predict

ROW = [tf.TensorSpec([None, 4], tf.float32)]
X = np.random.default_rng(0).random((3, 4), np.float32)


class Plain(tf.Module):
    """A network without Keras."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = tf.Variable(np.arange(12, dtype=np.float32).reshape(4, 3) / 12)

    @tf.function(input_signature=ROW)
    def serve(self, x):
        return tf.nn.softmax(x @ self.kernel)


class Writing(Plain):
    """Writes a file when it is asked."""

    def __init__(self, marker: Path) -> None:
        super().__init__()
        self.marker = str(marker)

    @tf.function(input_signature=ROW)
    def serve(self, x):
        tf.io.write_file(self.marker, "x")
        return tf.nn.softmax(x)


class Reading(Plain):
    """Reads a file when it is asked."""

    @tf.function(input_signature=ROW)
    def serve(self, x):
        return x + tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), tf.float32)


class Calling(Plain):
    """Calls Python when it is asked."""

    @tf.function(input_signature=ROW)
    def serve(self, x):
        return tf.ensure_shape(tf.numpy_function(lambda rows: rows, [x], tf.float32), [None, 4])


class LookingUp(Plain):
    """Has a table, which is filled as soon as it is loaded."""

    def __init__(self) -> None:
        super().__init__()
        pairs = tf.lookup.KeyValueTensorInitializer([1, 2], [3, 4])
        self.table = tf.lookup.StaticHashTable(pairs, 0)

    @tf.function(input_signature=ROW)
    def serve(self, x):
        return x + tf.cast(self.table.lookup(tf.cast(x, tf.int32)), tf.float32)


def saved(module: tf.Module, path: Path) -> Path:
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.serve})
    return path


def test_a_keras_model_is_built_anew(tmp_path):
    model = build("mlp", (4,), 3, [5], [], 0.0, seed=0)
    model.save(tmp_path / "model")

    found = read(tmp_path / "model")

    np.testing.assert_array_equal(predict(found.model, X), predict(model, X))


def test_a_model_without_keras_becomes_a_flatbuffer_of_the_same_outputs(tmp_path):
    module = Plain()

    found = read(saved(module, tmp_path / "model"))

    assert found.model is None
    np.testing.assert_allclose(LiteRunner(found.flatbuffer).run(X), module.serve(X), atol=1e-6)


def test_a_keras_graph_with_code_of_its_own_is_refused_unless_its_graph_alone_is_asked_for(tmp_path):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Lambda(lambda x: 2 * x, name="payload")(inputs)))
    model.save(tmp_path / "model")

    with pytest.raises(InputError, match=r"a Lambda layer, .*payload.*--inference-only"):
        read(tmp_path / "model")
    found = read(tmp_path / "model", inference_only=True)
    np.testing.assert_allclose(LiteRunner(found.flatbuffer).run(X), predict(model, X), atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "operation"),
    [(Writing, "WriteFile"), (Reading, "ReadFile"), (Calling, "PyFunc"), (LookingUp, "HashTableV2")],
)
def test_a_graph_that_does_more_than_compute_is_refused_without_being_run(tmp_path, kind, operation):
    marker = tmp_path / "ran"
    path = saved(kind(marker) if kind is Writing else kind(), tmp_path / "model")
    marker.unlink(missing_ok=True)

    with pytest.raises(InputError, match=rf"operations that might do more than compute: .*{operation}") as error:
        read(path)

    assert str(path) in str(error.value)
    assert not marker.exists()


def test_saving_is_for_the_saver_alone(tmp_path):
    """The functions that every SavedModel saves and restores by must not be reached from the network itself."""
    from tensorflow.core.protobuf import saved_model_pb2

    path = saved(Plain(), tmp_path / "model")
    graph = saved_model_pb2.SavedModel()
    graph.ParseFromString((path / "saved_model.pb").read_bytes())
    meta = graph.meta_graphs[0]
    saver = next(node for node in meta.graph_def.node if node.name == meta.saver_def.save_tensor_name.partition(":")[0])
    function = meta.graph_def.library.function[0]
    function.node_def.add(name="smuggled", op="StatefulPartitionedCall").attr["f"].func.name = saver.attr["f"].func.name
    (path / "saved_model.pb").write_bytes(graph.SerializeToString())

    with pytest.raises(InputError, match="SaveV2"):
        read(path)


def test_a_saved_model_that_lacks_something_is_refused_by_name(tmp_path):
    path = saved(Plain(), tmp_path / "model")
    other = Plain()
    tf.saved_model.save(other, str(tmp_path / "other"), signatures={"score": other.serve})
    build("mlp", (4,), 3, [5], [], 0.0, seed=0).save(tmp_path / "keras")
    shutil.rmtree(tmp_path / "keras" / "variables")
    content = (path / "saved_model.pb").read_bytes()
    (path / "saved_model.pb").write_bytes(content[: len(content) // 2])

    for name, why in {
        "model": "cannot be built",
        "other": r"the signatures \['score'\], where 'serving_default' is needed",
        "keras": "a SavedModel without its variables",
    }.items():
        with pytest.raises(InputError, match=why) as error:
            read(tmp_path / name)
        assert str(tmp_path / name) in str(error.value)
