"""The one door to TensorFlow: every module that runs a network imports it from here.

tf_keras (Keras 2) is used throughout, because tensorflow-model-optimization works on it alone.
"""

import warnings

import model_registry.environment  # noqa: F401  (sets TF_USE_LEGACY_KERAS and silences start-up notes)
from tasks.methods.quiet import quiet

with quiet(), warnings.catch_warnings():  # the note on missing CUDA drivers passes every log level
    warnings.simplefilter("ignore")
    import tensorflow as tf
    import tf_keras as keras

tf.get_logger().setLevel("ERROR")

__all__ = ["keras", "tf"]
