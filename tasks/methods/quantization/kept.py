"""What quantization-aware training keeps of a network: its zeros, its clusters, or both (as PQAT, CQAT and PCQAT of tfmot)."""

import warnings
from typing import Any

import numpy as np

from tasks.methods.backend import keras, tf
from tasks.methods.pruning.masks import Masks, kernels
from tasks.methods.quantization.layout import Layout
from tasks.methods.quiet import quiet

with quiet(), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from tensorflow_model_optimization.python.core.quantization.keras import quantizers
    from tensorflow_model_optimization.python.core.quantization.keras.collab_opts.prune_preserve import (
        default_8bit_prune_preserve_quantize_scheme as prune_preserve,
    )
    from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
        default_8bit_quantize_registry,
        default_8bit_quantize_scheme,
    )

PRESERVE = ("none", "sparsity", "clusters", "both")
MAX_VALUES = 255  # different values in a kernel that counts as clustered: int8 without -128 holds no more


def found_in(model: keras.Model) -> str:
    """What a network has that training should keep, a member of `PRESERVE`: read off its kernels, as zeros are.

    A kernel counts as clustered where its weights that are not zero have at most half as many different values: those of a
    plain training never coincide.
    """
    zeros, clusters = len(Masks.of(model)) > 0, any(_clustered(kernel.numpy()) for kernel in kernels(model).values())
    return {(False, False): "none", (True, False): "sparsity", (False, True): "clusters", (True, True): "both"}[zeros, clusters]


def _clustered(kernel: np.ndarray) -> bool:
    values, counts = np.unique(kernel[kernel != 0], return_counts=True)
    return 0 < len(values) <= min(MAX_VALUES, int(counts.sum()) // 2)


def scheme(preserve: str) -> Any:
    """tfmot's scheme for a member of `PRESERVE`.

    For clusters it is not tfmot's own, which gives every filter of a convolution a scale and, where filters have equally
    many values, a codebook of its own (11 to 15 different integers were seen in kernels of 8 clusters), and stops keeping
    zeros in all layers as soon as one has none.
    """
    if preserve == "none":
        chosen = default_8bit_quantize_scheme.Default8BitQuantizeScheme()
    elif preserve == "sparsity":
        chosen = prune_preserve.Default8BitPrunePreserveQuantizeScheme()
    else:
        chosen = _ClusterScheme(zeros=preserve == "both")
    chosen.get_layout_transformer = Layout
    return chosen


class ClusterQuantizer(quantizers.LastValueQuantizer):
    """8 bits, symmetric, one scale a kernel; its values stay in their clusters, and the clusters' centroids are trained.

    A weight's cluster is read off the kernel when training starts and never changes (Han et al., arXiv:1510.00149, section
    3.3), so a kernel never has more different integers than it had values.

    Args:
        zeros: Whether the cluster at zero, and the zeros of a kernel without clusters, stay at zero.
    """

    def __init__(self, zeros: bool) -> None:
        super().__init__(num_bits=8, per_axis=False, symmetric=True, narrow_range=True)
        self._zeros = zeros

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """Reads clusters and zeros off the kernel; called once a layer, which holds the variables."""
        variables: dict[str, Any] = super().build(tensor_shape, name, layer)
        kernel = getattr(layer.layer, name).numpy()
        values, index = np.unique(kernel, return_inverse=True)
        if len(values) <= MAX_VALUES:
            initial = keras.initializers.Constant(values)
            variables["centroids"] = layer.add_weight("centroids", shape=values.shape, initializer=initial, trainable=True)
            variables["index"] = tf.constant(index.reshape(kernel.shape))
            variables["keep"] = tf.constant(values != 0 if self._zeros else np.ones(len(values)), tf.float32)
        else:
            variables["keep"] = tf.constant(kernel != 0 if self._zeros else np.ones(kernel.shape), tf.float32)
        return variables

    def __call__(self, inputs: Any, training: bool, weights: dict[str, Any], **kwargs: Any) -> Any:
        """The kernel as the integer network will see it; see tfmot's `Quantizer`."""
        return super().__call__(current(inputs, weights), training, weights)


def current(kernel: Any, variables: dict[str, Any]) -> Any:
    """A kernel's float values: centroids in their places, where it has any.

    Args:
        kernel: The layer's own variable.
        variables: What its quantizer's `build` gave.
    """
    if "centroids" in variables:
        return tf.gather(variables["centroids"] * variables["keep"], variables["index"])
    return kernel * variables["keep"] if "keep" in variables else kernel


class _ClusterRegistry(default_8bit_quantize_registry.Default8BitQuantizeRegistry):
    def __init__(self, zeros: bool) -> None:
        super().__init__()
        self._zeros = zeros

    def get_quantize_config(self, layer: Any) -> Any:
        config = super().get_quantize_config(layer)
        if type(layer) in (keras.layers.Dense, keras.layers.Conv2D):
            config.weight_quantizer = ClusterQuantizer(self._zeros)
        return config


class _ClusterScheme(default_8bit_quantize_scheme.Default8BitQuantizeScheme):
    def __init__(self, zeros: bool) -> None:
        super().__init__()
        self._zeros = zeros

    def get_quantize_registry(self) -> Any:
        return _ClusterRegistry(self._zeros)
