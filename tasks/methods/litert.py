"""Runs LiteRT flatbuffers; numpy and ai_edge_litert only, because the serving image has no TensorFlow."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from tasks.methods.quiet import quiet

MAX_ROWS = 256  # rows of one invocation: bounds the memory of activations


class LiteRunner:
    """One interpreter over one flatbuffer. Not thread-safe: give every thread its own, or a lock.

    Args:
        flatbuffer: A LiteRT model with one input and one output, batch first.
        num_threads: Threads of one invocation.

    Raises:
        ValueError: The bytes are not such a model.
    """

    def __init__(self, flatbuffer: bytes, num_threads: int = 1) -> None:
        with quiet():  # the first interpreter of a process announces its XNNPACK delegate
            self._interpreter = self._opened(flatbuffer, num_threads)
            self._interpreter.allocate_tensors()
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ValueError(
                "Invalid `flatbuffer`. Expected one input and one output. "
                f"Received: {len(inputs)} inputs and {len(outputs)} outputs."
            )
        self._input, self._output = inputs[0], outputs[0]
        shape = [int(size) for size in self._input["shape_signature"]]
        self._resizable = shape[0] == -1
        self._rows = int(self._input["shape"][0])

    @staticmethod
    def _opened(flatbuffer: bytes, num_threads: int) -> Interpreter:
        return Interpreter(model_content=flatbuffer, num_threads=num_threads)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one row, without the batch dimension."""
        return tuple(int(size) for size in self._input["shape"][1:])

    @property
    def input_dtype(self) -> np.dtype[Any]:
        """The flatbuffer's own input type; `run` takes float32 whatever it is."""
        dtype: np.dtype[Any] = np.dtype(self._input["dtype"])
        return dtype

    @property
    def quantized_input(self) -> bool:
        """Whether the flatbuffer says how its whole numbers stand for real ones; without, they are indices of something."""
        return bool(self._input["quantization"][0])

    def run(self, x: np.ndarray) -> np.ndarray:
        """Probabilities of every row.

        Args:
            x: float32 [n, *input_shape].

        Returns:
            float32 [n, classes].

        Raises:
            ValueError: `x` has another shape.
        """
        if x.shape[1:] != self.input_shape:
            expected = ", ".join(["n", *map(str, self.input_shape)])
            raise ValueError(f"Invalid `x`. Expected an array of shape [{expected}]. Received: shape={list(x.shape)}.")
        x = _to_quantized(x, self._input)
        if len(x) == 0:
            return np.empty((0, *self._output["shape"][1:]), np.float32)
        step = MAX_ROWS if self._resizable else self._rows
        parts = [self._invoke(x[start : start + step]) for start in range(0, len(x), step)]
        return _to_float(parts[0] if len(parts) == 1 else np.concatenate(parts), self._output)

    def _invoke(self, x: np.ndarray) -> np.ndarray:
        rows = len(x)
        if rows != self._rows:
            if self._resizable:
                self._interpreter.resize_tensor_input(self._input["index"], x.shape, strict=True)
                self._interpreter.allocate_tensors()
                self._rows = rows
            else:  # a fixed batch: fill it up, then drop the filling's results
                x = np.concatenate([x, np.repeat(x[-1:], self._rows - rows, axis=0)])
        self._interpreter.set_tensor(self._input["index"], x)
        self._interpreter.invoke()
        result: np.ndarray = self._interpreter.get_tensor(self._output["index"])
        return result[:rows]


def latency_ms(flatbuffer: bytes, x_row: np.ndarray, runs: int = 200) -> float:
    """Time of one row on one thread: the lower quartile, which other load on the machine moves least.

    Args:
        flatbuffer: A LiteRT model.
        x_row: float32 [1, *input_shape].
        runs: Timed invocations, after a tenth as many to warm up.

    Returns:
        Milliseconds.
    """
    if runs < 1:
        raise ValueError(f"Invalid `runs`. Expected at least 1. Received: runs={runs}.")
    runner = LiteRunner(flatbuffer)
    for _ in range(max(1, runs // 10)):
        runner.run(x_row)
    times = np.empty(runs)
    for index in range(runs):
        start = time.perf_counter_ns()
        runner.run(x_row)
        times[index] = time.perf_counter_ns() - start
    return float(np.quantile(times, 0.25)) / 1e6


def minima_ms(flatbuffers: Sequence[bytes], x_row: np.ndarray | Sequence[np.ndarray], turns: int = 200) -> list[float]:
    """Shortest time of one row through each of several models on one thread; they take turns, so that all meet one machine.

    Args:
        flatbuffers: LiteRT models.
        x_row: float32 [1, *input_shape], where they take the same input; else one for each.
        turns: Timed invocations of each, after a tenth as many to warm up.

    Returns:
        Milliseconds, one a model.
    """
    if turns < 1:
        raise ValueError(f"Invalid `turns`. Expected at least 1. Received: turns={turns}.")
    runners = [LiteRunner(flatbuffer) for flatbuffer in flatbuffers]
    rows = [x_row] * len(runners) if isinstance(x_row, np.ndarray) else x_row
    times = np.empty((turns, len(runners)))
    for turn in range(-max(1, turns // 10), turns):
        for index, (runner, row) in enumerate(zip(runners, rows, strict=True)):
            start = time.perf_counter_ns()
            runner.run(row)
            times[max(turn, 0), index] = time.perf_counter_ns() - start
    found: list[float] = (times.min(axis=0) / 1e6).tolist()
    return found


def _to_quantized(x: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    """float32 -> the tensor's type: round(x / scale) + zero point, clipped to the type's range."""
    dtype = np.dtype(tensor["dtype"])
    if not np.issubdtype(dtype, np.integer):
        return np.ascontiguousarray(x, dtype)
    scale, zero_point = tensor["quantization"]
    limits = np.iinfo(dtype)
    quantized: np.ndarray = np.clip(np.rint(x / scale) + zero_point, limits.min, limits.max).astype(dtype)
    return quantized


def _to_float(y: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    """The tensor's type -> float32: (y - zero point) * scale."""
    if not np.issubdtype(y.dtype, np.integer):
        return y.astype(np.float32, copy=False)
    scale, zero_point = tensor["quantization"]
    values: np.ndarray = ((y.astype(np.float32) - zero_point) * scale).astype(np.float32)
    return values
