"""Where tfmot puts its emulation of int8, mended: it leaves the weights of a layer that a ReLU layer follows in float.

Such weights would meet int8 only in the converter, which knows nothing of what training kept of them.
"""

import warnings
from typing import Any

from tasks.methods.backend import keras
from tasks.methods.quiet import quiet

with quiet(), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from tensorflow_model_optimization.python.core.quantization.keras import quantize_aware_activation
    from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
        default_8bit_quantize_configs,
        default_8bit_quantize_layout_transform,
    )

_WITH_KERNEL = (keras.layers.Dense, keras.layers.Conv2D, keras.layers.DepthwiseConv2D)


class Layout(default_8bit_quantize_layout_transform.Default8BitQuantizeLayoutTransform):
    """tfmot's layout, but that layers before a ReLU have their kernels quantized, and still not their outputs."""

    def apply(self, model: Any, layer_quantize_map: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """See tfmot's `QuantizeLayoutTransform`."""
        transformed, chosen = super().apply(model, layer_quantize_map)
        for layer in transformed.layers:
            config = chosen.get(layer.name, {}).get("quantize_config")
            if isinstance(config, default_8bit_quantize_configs.NoOpQuantizeConfig) and isinstance(layer, _WITH_KERNEL):
                layer.activation = quantize_aware_activation.NoOpActivation()
                chosen[layer.name] = {**chosen[layer.name], "quantize_config": None}  # the registry's own
        return transformed, chosen
