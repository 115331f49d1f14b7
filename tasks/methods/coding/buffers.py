"""Where a LiteRT flatbuffer keeps its constants: weights, biases, shapes."""

from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema

_DTYPES = {
    schema.TensorType.FLOAT32: "<u4",
    schema.TensorType.INT32: "<u4",
    schema.TensorType.FLOAT16: "<u2",
    schema.TensorType.INT16: "<u2",
    schema.TensorType.INT8: "u1",
    schema.TensorType.UINT8: "u1",
    schema.TensorType.INT4: "u1",
}


@dataclass(frozen=True)
class Constant:
    """One constant's place in the flatbuffer.

    Attributes:
        name: The tensor's.
        start: Offset of its first byte.
        stop: Offset behind its last.
        dtype: Unsigned integers of its values' width, so that equal values are equal bits; packed int4 counts as bytes.
        rows: Size of its first axis: output units of a Dense kernel, filters of a convolution; 1 for a vector.
    """

    name: str
    start: int
    stop: int
    dtype: np.dtype[np.unsignedinteger]
    rows: int


def constants(flatbuffer: bytes, *, at_least_bytes: int = 64) -> list[Constant]:
    """The constants of a flatbuffer's tensors, in the order in which they lie there.

    Args:
        flatbuffer: A LiteRT model.
        at_least_bytes: Smaller ones are left out: they are not worth a code of their own.

    Raises:
        ValueError: The bytes are not a LiteRT model.
    """
    if flatbuffer[4:8] != b"TFL3":
        raise ValueError(f"Invalid `flatbuffer`. Expected a LiteRT model. Received: {len(flatbuffer)} bytes of another kind.")
    model = schema.Model.GetRootAs(flatbuffer, 0)
    base = np.frombuffer(flatbuffer, np.uint8).__array_interface__["data"][0]
    found: dict[int, Constant] = {}
    for number in range(model.SubgraphsLength()):
        graph = model.Subgraphs(number)
        for index in range(graph.TensorsLength()):
            tensor = graph.Tensors(index)
            data = model.Buffers(tensor.Buffer()).DataAsNumpy()
            if isinstance(data, int) or data.nbytes < at_least_bytes or tensor.Type() not in _DTYPES:
                continue
            dtype = np.dtype(_DTYPES[tensor.Type()])
            start = data.__array_interface__["data"][0] - base
            values = data.nbytes // dtype.itemsize
            shape = [int(size) for size in tensor.ShapeAsNumpy()] if tensor.ShapeLength() else [1]
            rows = shape[0] if len(shape) > 1 and values % shape[0] == 0 else 1
            found[start] = Constant(tensor.Name().decode(), start, start + data.nbytes, dtype, rows)
    return [found[start] for start in sorted(found)]
