"""An ONNX file to a network, compared with what the file itself computes."""

from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from model_registry.errors import InputError
from tasks.methods.backend import keras
from tasks.methods.networks.formats.outside import CannotCompareError, Found
from tasks.methods.networks.formats.refusal import first_line, refusal

BESIDE = ".data"  # what exporters append to the model's name for a file of weights beside it
_REMEDY = "Export it with other operations, or bring it in as a teacher: convert it to .tflite with a tool of your choice."


def read_onnx(path: Path) -> Found:
    """Reads an ONNX model with one input and one output.

    Weights may lie in a file beside it, named as PyTorch names it (`model.onnx.data`); in no other.

    Pictures are channels first in ONNX and channels last in the network; a graph that takes them channels last and moves the
    axes itself is read as such.

    Raises:
        InputError: The optional package is missing; the file is damaged, keeps weights in other files than that, or has
            operations that no built-in layer computes: they are named.
    """
    if find_spec("onnx") is None:
        raise InputError(f"{path}: an ONNX model. Expected the package that reads it: pip install 'bequest[onnx]'.")
    from tasks.methods.networks.formats.onnx.operations import UntranslatableError

    model = _checked(path)
    try:
        network, input_order, output_order, batch = _translated(model)
    except UntranslatableError as error:
        raise refusal(path, f"an ONNX model with {error}", _REMEDY) from error
    return Found(
        f"ONNX model (opset {_opset(model)}, by {model.producer_name or 'an unknown producer'})",
        network,
        original=partial(_outputs, model.SerializeToString(), input_order, output_order, batch),
        library="ONNX Runtime",
        facts={"channels_in_file": "first" if input_order == (0, 2, 3, 1) else "last"} if len(input_order) == 4 else {},
    )


def _checked(path: Path) -> Any:
    import onnx
    from onnx.checker import ValidationError

    try:
        model = onnx.load_model_from_string(path.read_bytes())
    except Exception as error:  # protobuf's own type, which differs between its versions
        raise refusal(path, f"a damaged or truncated ONNX file ({first_line(error)})", "Copy it again.") from error
    _take_in(model, path)
    domains = sorted({node.domain for node in model.graph.node} - {"", "ai.onnx"})
    if domains or model.functions:
        raise refusal(path, f"operations of domains of their own: {domains or 'local functions'}", _REMEDY)
    try:
        onnx.checker.check_model(model)
    except (ValidationError, ValueError) as error:
        raise refusal(path, f"an ONNX model that breaks the standard ({first_line(error)})", "Export it again.") from error
    return model


def _take_in(model: Any, path: Path) -> None:
    """Brings the weights that lie in the file beside the model into it; a path that leads anywhere else is not followed."""
    from onnx import TensorProto
    from onnx.external_data_helper import load_external_data_for_tensor

    tensors = [*model.graph.initializer, *(a.t for node in model.graph.node for a in node.attribute if a.HasField("t"))]
    beside = path.with_name(path.name + BESIDE)
    for tensor in tensors:
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        places = [each.value for each in tensor.external_data if each.key == "location"]
        if places != [beside.name]:
            raise refusal(
                path,
                f"weights that lie in other files ({tensor.name!r} in {', '.join(map(repr, places)) or 'none that is named'})",
                f"Save it with all weights in the one file, or in {beside.name!r} beside it.",
            )
        if not beside.is_file() or beside.is_symlink():
            raise refusal(path, f"no file {beside.name!r} beside it, where its weights lie", "Copy both files again.")
        try:
            load_external_data_for_tensor(tensor, str(path.parent))
        except Exception as error:  # the checker's own type, or ValueError, by what is wrong
            raise refusal(
                path, f"weights that {beside.name!r} does not hold ({first_line(error)})", "Copy both again."
            ) from error
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]


def _translated(model: Any) -> tuple[keras.Model, tuple[int, ...], tuple[int, ...], int | None]:
    """The network, the axes' orders at both ends, and the batch where the file fixes one."""
    from onnx import numpy_helper

    from tasks.methods.networks.formats.onnx.operations import UntranslatableError
    from tasks.methods.networks.formats.onnx.translation import Translation
    from tasks.methods.networks.formats.onnx.values import CHANNELS_LAST, Value, plain_order

    graph = model.graph
    translation = Translation(_opset(model))
    translation.constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    entries = [entry for entry in graph.input if entry.name not in translation.constants]
    if len(entries) != 1 or len(graph.output) != 1:
        names = [entry.name for entry in entries], [entry.name for entry in graph.output]
        raise UntranslatableError(f"inputs {names[0]} and outputs {names[1]}, where one each is needed")
    nodes = [_node(node) for node in graph.node]
    batch, shape = _shape(entries[0])
    order = plain_order(len(shape) + 1)
    if len(shape) == 3 and not _moves_channels_itself(nodes, entries[0].name):
        order, shape = CHANNELS_LAST, [*shape[1:], shape[0]]
    inputs = keras.Input(shape, name="input")
    translation.values[entries[0].name] = Value(inputs, order)
    translation.run(nodes, [graph.output[0].name])
    if graph.output[0].name not in translation.values:
        raise UntranslatableError("an output that does not depend on the input")
    output = translation.values[graph.output[0].name]
    if output.rank != 4:  # feature maps stay as the layers make them: channels last
        output = output.arranged(plain_order(output.rank), "output_order")
    return keras.Model(inputs, output.tensor, name="from_onnx"), order, output.order, batch


def _outputs(
    content: bytes, input_order: tuple[int, ...], output_order: tuple[int, ...], batch: int | None, x: np.ndarray
) -> np.ndarray:
    """What the file computes of rows as the network takes them."""
    try:
        import onnxruntime
    except ImportError as error:
        raise CannotCompareError("onnxruntime is not installed here") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # its warnings are about how a file is written
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    given = np.transpose(x, np.argsort(input_order))
    step = batch or len(given)
    padded = np.concatenate([given, np.repeat(given[-1:], -len(given) % step, axis=0)])
    parts = [session.run(None, {name: padded[start : start + step]})[0] for start in range(0, len(padded), step)]
    result: np.ndarray = np.transpose(np.concatenate(parts)[: len(x)], output_order)
    return result


def _node(proto: Any) -> Any:
    from onnx import helper

    from tasks.methods.networks.formats.onnx.translation import Node

    def plain(value: Any) -> Any:
        if isinstance(value, bytes):
            return value.decode()
        return [plain(each) for each in value] if isinstance(value, list | tuple) else value

    attributes = {each.name: plain(helper.get_attribute_value(each)) for each in proto.attribute}
    return Node(proto.op_type, proto.name, list(proto.input), list(proto.output), attributes)


def _shape(entry: Any) -> tuple[int | None, list[int | None]]:
    """The batch where it is fixed, and one row's shape."""
    from tasks.methods.networks.formats.onnx.operations import UntranslatableError

    tensor = entry.type.tensor_type
    sizes = [size.dim_value if size.HasField("dim_value") else None for size in tensor.shape.dim]
    if tensor.elem_type != 1 or len(sizes) < 2:
        raise UntranslatableError(f"an input {entry.name!r} that is not rows of float32")
    return sizes[0] or None, [size or None for size in sizes[1:]]


def _moves_channels_itself(nodes: list[Any], name: str) -> bool:
    """Whether the input is taken channels last: the graph then brings the channels to the front before it convolves."""
    for node in nodes:
        if name in node.inputs:
            if node.kind == "Transpose":
                return bool(node.attributes.get("perm") == [0, 3, 1, 2])
            if node.kind not in ("Identity", "Cast", "Add", "Sub", "Mul", "Div"):
                return False
            name = node.outputs[0]
    return False


def _opset(model: Any) -> int:
    return next((int(each.version) for each in model.opset_import if each.domain in ("", "ai.onnx")), 1)
