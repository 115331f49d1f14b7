"""A network under tfmot's pruning wrappers, which multiply each kernel by its mask in every step of a compiled loop."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.quiet import quiet

with quiet(), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from tensorflow_model_optimization.python.core.sparsity.keras import (
        prune,
        pruning_callbacks,
        pruning_schedule,
        pruning_wrapper,
    )

__all__ = ["Wrapped", "pruning_schedule"]


class Wrapped:
    """A network that is trained while it is pruned.

    Args:
        model: A flat functional model; its layers are taken over, not copied.
        schedules: Layer name -> tfmot schedule, by which its wrapper draws masks of the smallest weights while training;
            None where masks come from `set_masks` alone.

    Attributes:
        model: What to train.
    """

    def __init__(self, model: keras.Model, schedules: Mapping[str, Any]) -> None:
        def wrap(layer: Any) -> Any:
            if layer.name not in schedules:
                return layer
            # Steps count from 1, so a schedule that ends at step 0 never draws.
            schedule = schedules[layer.name] or pruning_schedule.ConstantSparsity(0.0, begin_step=0, end_step=0)
            return prune.prune_low_magnitude(layer, pruning_schedule=schedule)

        self.model = keras.models.clone_model(model, clone_function=wrap)
        self._callback = pruning_callbacks.UpdatePruningStep()
        self._callback.set_model(self.model)
        self._callback.on_train_begin()

    def set_masks(self, keep: Mapping[str, np.ndarray]) -> None:
        """Holds weights at zero from now on.

        Args:
            keep: Layer name -> bool, shape of its kernel; True keeps a weight.
        """
        for layer in self.model.layers:
            if isinstance(layer, pruning_wrapper.PruneLowMagnitude) and layer.layer.name in keep:
                ((_, mask, _),) = layer.pruning_vars
                mask.assign(keep[layer.layer.name].astype(mask.dtype.as_numpy_dtype))
        self._zero()

    def copy_to(self, plain: keras.Model) -> None:
        """Copies the weights into `plain`, layer by layer, masked weights as zeros, without what the wrappers hold."""
        self._zero()
        for layer in self.model.layers:
            inner = layer.layer if isinstance(layer, pruning_wrapper.PruneLowMagnitude) else layer
            if inner.weights:
                plain.get_layer(inner.name).set_weights(inner.get_weights())

    def _zero(self) -> None:
        """Masks the weights: the last step may have moved them."""
        self._callback.on_epoch_end(0)
