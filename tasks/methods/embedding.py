"""What rows look like to a network: what its last dense layer reads, from the flatbuffer alone."""

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tasks.methods.litert import LiteRunner

MOST_WIDTH = 256
_DENSE, _SEED = "FULLY_CONNECTED", 0


def embedded(flatbuffer: bytes, x: np.ndarray) -> np.ndarray | None:
    """The activations in front of the last dense layer, the representation that a classifier's classes are told apart by.

    More than 256 of them become 256 random projections, which keep distances (Johnson & Lindenstrauss, 1984; Gaussian as in
    Dasgupta & Gupta, 2003, doi:10.1002/rsa.10073).

    Args:
        flatbuffer: A LiteRT model with one input and one output, batch first; quantized ones are read as real numbers.
        x: float32 [n, *input_shape].

    Returns:
        float32 [n, d], d <= 256; None where the model has no dense layer, or one that reads more than one vector a row.

    Raises:
        ValueError: The bytes are not such a model, or `x` has another shape.
    """
    runner = _Embedder(flatbuffer)
    if not runner.reads_one_vector_a_row:
        return None
    found = runner.run(x)
    if found.shape[1] <= MOST_WIDTH:
        return found
    projection = np.random.default_rng(_SEED).normal(size=(found.shape[1], MOST_WIDTH)) / np.sqrt(MOST_WIDTH)
    return np.asarray(found @ projection, np.float32)


class _Embedder(LiteRunner):
    """Gives what the last dense layer reads instead of what the network says."""

    def __init__(self, flatbuffer: bytes) -> None:
        super().__init__(flatbuffer)
        dense = [each for each in self._interpreter._get_ops_details() if each["op_name"] == _DENSE]
        read = dense[-1]["inputs"][0] if dense else None
        tensors = {each["index"]: each for each in self._interpreter.get_tensor_details()}
        self.reads_one_vector_a_row = read is not None and len(tensors[read]["shape"]) == 2
        if self.reads_one_vector_a_row:
            self._output = tensors[read]

    @staticmethod
    def _opened(flatbuffer: bytes, num_threads: int) -> Interpreter:
        # A delegate fuses layers, and what is between them is lost.
        return Interpreter(
            model_content=flatbuffer,
            num_threads=num_threads,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
