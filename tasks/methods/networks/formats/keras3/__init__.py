"""Models saved by Keras 3, built as tf_keras models: the configuration is translated, the weights are copied layer by layer."""

from tasks.methods.networks.formats.keras3.build import build_from_legacy, build_from_store, is_keras3

__all__ = ["build_from_legacy", "build_from_store", "is_keras3"]
