"""Zeros that last: read off a pruned network's weights, and kept through whatever training comes later.

A mask is not stored anywhere: it is where the zeros are. So it survives everything that copies weights (a new head,
fusion, renaming, saving), and is read off again afterwards.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.networks.graph import layers_with_weights

_KERNELS = {  # the large weights of each layer that stands pruning; exact types, a subclass may mean something else
    keras.layers.Dense: "kernel",
    keras.layers.Conv1D: "kernel",
    keras.layers.Conv2D: "kernel",
    keras.layers.Conv2DTranspose: "kernel",
    keras.layers.Conv3D: "kernel",
    keras.layers.SeparableConv1D: "pointwise_kernel",
    keras.layers.SeparableConv2D: "pointwise_kernel",
}
_SPARSE_FROM = 0.01  # fewer zeros than this happen by chance


def kernels(model: keras.Model) -> dict[str, Any]:
    """Layer name -> its kernel variable, for every layer that can be pruned (not BatchNormalization, not depthwise).

    Raises:
        ValueError: Nested models hold layers of the same name.
    """
    found: dict[str, Any] = {}
    for layer in layers_with_weights(model):
        if type(layer) not in _KERNELS:
            continue
        if layer.name in found:
            raise ValueError(
                "Invalid `model`. Expected layers of different names; flatten it with to_functional first. "
                f"Received: {layer.name!r} twice in {model.name!r}."
            )
        found[layer.name] = getattr(layer, _KERNELS[type(layer)])
    return found


def output_axes(model: keras.Model) -> dict[str, int]:
    """Layer name -> the axis of its kernel that counts output units or filters, -1 or -2; the other of these is the inputs'."""
    transposed = {layer.name for layer in layers_with_weights(model) if type(layer) is keras.layers.Conv2DTranspose}
    return {name: -2 if name in transposed else -1 for name in kernels(model)}


def sparsity(model: keras.Model) -> dict[str, float]:
    """Layer name -> fraction of zeros in its kernel, [0, 1], for every layer that can be pruned."""
    return {name: float(np.mean(kernel.numpy() == 0)) for name, kernel in kernels(model).items()}


def overall(model: keras.Model) -> float:
    """Fraction of zeros over all kernels that can be pruned; 0 where there are none."""
    values = [kernel.numpy() for kernel in kernels(model).values()]
    size = sum(value.size for value in values)
    return sum(int((value == 0).sum()) for value in values) / size if size else 0.0


@dataclass(frozen=True)
class Masks:
    """Layer name -> bool array of its kernel's shape; True keeps a weight, False holds it at zero."""

    keep: dict[str, np.ndarray]

    @classmethod
    def of(cls, model: keras.Model) -> "Masks":
        """The masks of every kernel that is sparse: at least 1 % zeros, and not all of it (which is an initial value)."""
        found = {name: kernel.numpy() != 0 for name, kernel in kernels(model).items()}
        return cls({name: keep for name, keep in found.items() if _SPARSE_FROM <= 1 - keep.mean() < 1})

    def __len__(self) -> int:
        return len(self.keep)

    def pairs(self, model: keras.Model) -> list[tuple[Any, np.ndarray]]:
        """Each masked kernel of `model` with its mask.

        Raises:
            ValueError: The masks are another network's.
        """
        known = kernels(model)
        for name, keep in self.keep.items():
            if name not in known or tuple(known[name].shape) != keep.shape:
                raise ValueError(
                    "Invalid `masks`. Expected masks of this network's kernels; read them off again with Masks.of after a new "
                    f"head, fusion or renaming. Received: a mask of shape {keep.shape} for layer {name!r}, "
                    f"which {model.name!r} does not have."
                )
        return [(known[name], keep) for name, keep in self.keep.items()]

    def apply(self, model: keras.Model) -> None:
        """Sets the masked weights of `model` to zero, in place."""
        for kernel, keep in self.pairs(model):
            kernel.assign(kernel.numpy() * keep)
