"""What a network makes of rows, read from its flatbuffer, beside what Keras says of the same layer."""

import numpy as np
import pytest

from tasks.methods import embedding
from tasks.methods.backend import keras, tf
from tasks.methods.embedding import embedded
from tasks.methods.networks.architectures import build

X = np.random.default_rng(0).random((7, 8, 8, 1), np.float32)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return build("cnn", (8, 8, 1), 3, hidden=[6], filters=[4], dropout=0.1, seed=0)


def flatbuffer(model: keras.Model, *, quantized: bool = False) -> bytes:
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if quantized:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([row[None]] for row in X)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


@pytest.mark.parametrize(("quantized", "within"), [(False, 1e-5), (True, 0.05)])
def test_embedding_is_what_the_last_dense_layer_reads(network: keras.Model, quantized: bool, within: float):
    expected = keras.Model(network.input, network.layers[-2].output).predict(X, verbose=0)
    found = embedded(flatbuffer(network, quantized=quantized), X)
    assert found is not None
    np.testing.assert_allclose(found, expected, atol=within)


def test_wide_embedding_is_projected_so_that_distances_stay(network: keras.Model, monkeypatch: pytest.MonkeyPatch):
    shallow = keras.Sequential([keras.layers.Flatten(input_shape=(8, 8, 1)), keras.layers.Dense(3, activation="softmax")])
    monkeypatch.setattr(embedding, "MOST_WIDTH", 48)
    found = embedded(flatbuffer(shallow), X)
    assert found is not None
    assert found.shape == (7, 48)
    apart = np.linalg.norm(found[1:] - found[0], axis=1) / np.linalg.norm((X[1:] - X[0]).reshape(6, -1), axis=1)
    assert ((apart > 0.6) & (apart < 1.4)).all()


def test_network_without_a_dense_layer_gives_no_embedding():
    pooled = keras.Sequential(
        [keras.layers.Conv2D(3, 3, input_shape=(8, 8, 1)), keras.layers.GlobalAveragePooling2D(), keras.layers.Softmax()]
    )
    assert embedded(flatbuffer(pooled), X) is None
