"""The weights that a flatbuffer holds: what is served, rather than what was trained."""

import re
from collections.abc import Iterable, Iterator

import numpy as np
from ai_edge_litert import schema_py_generated as schema

_DTYPES = {
    schema.TensorType.FLOAT32: ("float32", np.dtype(np.float32)),
    schema.TensorType.FLOAT16: ("float16", np.dtype(np.float16)),
    schema.TensorType.INT8: ("int8", np.dtype(np.int8)),
    schema.TensorType.INT4: ("int4", np.dtype(np.uint8)),  # two a byte
}


def flatbuffer_weights(flatbuffer: bytes) -> dict[str, np.ndarray]:
    """Tensor name -> values as stored, for every constant of rank 2 or more; biases and shapes are left out.

    Args:
        flatbuffer: A LiteRT model.

    Returns:
        Arrays of the tensor's shape: float32, float16, or the integers of a quantized tensor as int8 (4 bits too).

    Raises:
        ValueError: The bytes are not a LiteRT model.
    """
    return {name: values for name, _, values in _weights(flatbuffer)}


def weight_types(flatbuffer: bytes) -> dict[str, str]:
    """Tensor name -> `float32`, `float16`, `int8` or `int4`, for the tensors of `flatbuffer_weights`.

    Raises:
        ValueError: The bytes are not a LiteRT model.
    """
    return {name: kind for name, kind, _ in _weights(flatbuffer)}


def layer_weights(flatbuffer: bytes, layers: Iterable[str]) -> dict[str, np.ndarray]:
    """Layer name -> its largest weight as stored in the flatbuffer, for those of `layers` that have one there.

    Args:
        flatbuffer: A LiteRT model, converted from a network with these layers, or trained quantization-aware from it.
        layers: Names of Keras layers.
    """
    found: dict[str, np.ndarray] = {}
    weights = flatbuffer_weights(flatbuffer)
    for layer in layers:
        of_layer = [values for name, values in weights.items() if belongs(name, layer)]
        if of_layer:
            found[layer] = max(of_layer, key=lambda values: values.size)
    return found


def belongs(tensor: str, layer: str) -> bool:
    """Whether a tensor's name, paths joined by `;`, goes through `layer` or its quantization-aware wrapper."""
    return not {layer, f"quant_{layer}"}.isdisjoint(re.split("[/;]", tensor))


def _weights(flatbuffer: bytes) -> Iterator[tuple[str, str, np.ndarray]]:
    if flatbuffer[4:8] != b"TFL3":
        raise ValueError(f"Invalid `flatbuffer`. Expected a LiteRT model. Received: {len(flatbuffer)} bytes of another kind.")
    model = schema.Model.GetRootAs(flatbuffer, 0)
    for number in range(model.SubgraphsLength()):
        graph = model.Subgraphs(number)
        for index in range(graph.TensorsLength()):
            tensor = graph.Tensors(index)
            data = model.Buffers(tensor.Buffer()).DataAsNumpy()
            if isinstance(data, int) or tensor.ShapeLength() < 2 or tensor.Type() not in _DTYPES:
                continue
            kind, dtype = _DTYPES[tensor.Type()]
            shape = tensor.ShapeAsNumpy()
            values = _unpacked(data, int(shape.prod())) if kind == "int4" else data.view(dtype)
            yield tensor.Name().decode(), kind, values.reshape(shape)


def _unpacked(data: np.ndarray, count: int) -> np.ndarray:
    """Signed 4-bit integers, the first of each pair in the low bits, as int8 [count]."""
    pairs = np.stack([data << 4, data & 0xF0], axis=-1).view(np.int8) >> 4
    flat: np.ndarray = pairs.reshape(-1)[:count]
    return flat
