"""Int8 with those layers left float that lose most by it, found by a scan (Wu et al., 2020, arXiv:2004.09602)."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tasks.methods.backend import keras
from tasks.methods.litert import LiteRunner
from tasks.methods.networks.graph import layers_with_weights
from tasks.methods.quantization.lite import calibrate, calibration_rows, to_flatbuffer
from tasks.methods.quantization.weights_of import belongs
from tasks.methods.quiet import quiet


def partial_int8(model: keras.Model, calibration: np.ndarray | None, keep_float: Sequence[str]) -> bytes:
    """An int8 flatbuffer in which chosen layers compute in float32; numbers are converted at their borders.

    Operations that have no integer form stay float32 as well.

    Args:
        model: A network with one input and one output.
        calibration: float32 [n, ...], n >= 1: typical rows.
        keep_float: Names out of `layer_errors`; a BatchNormalization goes with the convolution it is fused into. None of
            them: the whole network in int8.

    Returns:
        A flatbuffer with a free batch dimension, float32 in and out.

    Raises:
        ValueError: No calibration rows, or a layer that does not exist; the message names the nearest.
    """
    calibrated = _calibrated(model, calibration_rows(model, "int8", calibration))
    operations = _operations(model, calibrated)
    for name in keep_float:
        if name not in operations:
            near = difflib.get_close_matches(name, operations, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"Invalid `keep_float`. Expected names out of {list(operations)}. Received: {name!r}.{hint}")
    return _quantized(calibrated, [output for name in keep_float for output in operations[name]])


def layer_errors(model: keras.Model, calibration: np.ndarray | None) -> dict[str, float]:
    """What each layer's quantization alone does to the output.

    Args:
        model: A network with one input and one output.
        calibration: float32 [n, ...], n >= 1: typical rows; ranges are taken from them, and errors measured on them.

    Returns:
        Layer name -> root mean square, over rows and outputs, of what the output changes by when that layer alone is int8;
        in the unit of the output. In the order of the graph; a layer that conversion fuses into one before it is left out.

    Raises:
        ValueError: No calibration rows.
    """
    rows = calibration_rows(model, "int8", calibration)
    calibrated = _calibrated(model, rows)
    exact = LiteRunner(calibrated).run(rows)
    errors: dict[str, float] = {}
    for name, own in _operations(model, calibrated).items():
        found = LiteRunner(_quantized(calibrated, [output for output in _outputs(calibrated) if output not in own])).run(rows)
        errors[name] = float(np.sqrt(np.mean(np.square(found - exact, dtype=np.float64))))
    return errors


def worst_layers(errors: Mapping[str, float], k: int) -> list[str]:
    """The k layers of the greatest error, greatest first: what `partial_int8` may keep float.

    Args:
        errors: From `layer_errors`.
        k: 0 to the number of layers.

    Raises:
        ValueError: k is out of range.
    """
    if not 0 <= k <= len(errors):
        raise ValueError(f"Invalid `k`. Expected 0 to {len(errors)}, the number of layers. Received: k={k}.")
    return sorted(errors, key=lambda name: -errors[name])[:k]


def _calibrated(model: keras.Model, rows: np.ndarray) -> bytes:
    """A float32 flatbuffer that knows the range of every tensor."""

    def configure(converter: Any) -> None:
        calibrate(converter, rows)
        converter._experimental_calibrate_only = True

    return to_flatbuffer(model, "int8", configure)


def _quantized(calibrated: bytes, float_outputs: list[str]) -> bytes:
    from tensorflow.lite.python.convert import mlir_quantize

    with quiet():
        flatbuffer: bytes = mlir_quantize(calibrated, denylisted_nodes=float_outputs)
    return flatbuffer


def _operations(model: keras.Model, flatbuffer: bytes) -> dict[str, list[str]]:
    """Layer name -> outputs of the operations that it became; a layer that was fused into one before it is left out."""
    outputs = _outputs(flatbuffer)
    found: dict[str, list[str]] = {}
    for layer in layers_with_weights(model):
        taken = {output for own in found.values() for output in own}
        own = [output for output, names in outputs.items() if any(belongs(name, layer.name) for name in names)]
        if own and not taken.issuperset(own):
            found[layer.name] = [output for output in own if output not in taken]
    return found


def _outputs(flatbuffer: bytes) -> dict[str, list[str]]:
    """Each operation by its output's name -> the names that tell its layer: the output's and its constants'."""
    model = schema.Model.GetRootAs(flatbuffer, 0)
    graph = model.Subgraphs(0)
    found: dict[str, list[str]] = {}
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        tensors = [graph.Tensors(int(index)) for index in operator.InputsAsNumpy() if index >= 0]
        constants = [tensor.Name().decode() for tensor in tensors if model.Buffers(tensor.Buffer()).DataLength()]
        output = graph.Tensors(operator.Outputs(0)).Name().decode()
        found[output] = [output, *constants]
    return found
