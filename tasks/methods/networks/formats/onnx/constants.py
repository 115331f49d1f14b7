"""Parts of a graph that are computed from constants alone, such as the shape that a Reshape takes."""

from typing import Any

import numpy as np

from tasks.methods.networks.formats.onnx.operations import UntranslatableError

_MOST_ELEMENTS = 1 << 28
_FOLDABLE = {
    *("Add", "Cast", "Concat", "Constant", "ConstantOfShape", "Div", "Floor", "Gather", "Identity", "Mul", "Neg", "Pow"),
    *("Reshape", "Shape", "Slice", "Sqrt", "Squeeze", "Sub", "Transpose", "Unsqueeze"),
}


def is_foldable(kind: str) -> bool:
    """Whether an operation on constants gives a constant; those that blow up what they are given are left out."""
    return kind in _FOLDABLE


def folded(kind: str, attributes: dict[str, Any], inputs: list[np.ndarray | None], opset: int) -> list[np.ndarray]:
    """The results of one operation on constants.

    Args:
        kind: The operation.
        attributes: Its attributes.
        inputs: Its inputs; None where an optional one is left out.
        opset: Version of ONNX's operations.

    Raises:
        UntranslatableError: The result would be larger than any network needs.
    """
    import onnx
    from onnx.reference import ReferenceEvaluator

    given = {f"i{place}": each for place, each in enumerate(inputs) if each is not None}
    elements = _elements(kind, list(given.values()))
    if elements > _MOST_ELEMENTS:
        raise UntranslatableError(f"{kind}: a constant of {elements:.3g} elements")
    names = [f"i{place}" if each is not None else "" for place, each in enumerate(inputs)]
    node = onnx.helper.make_node(kind, names, ["o"], **attributes)
    entries = [
        onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(each.dtype), each.shape)
        for name, each in given.items()
    ]
    graph = onnx.helper.make_graph([node], "constant", entries, [onnx.ValueInfoProto(name="o")])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
    return [np.asarray(each) for each in ReferenceEvaluator(model).run(None, given)]


def _elements(kind: str, given: list[np.ndarray]) -> float:
    """How many numbers the result has, where it may have more than what it is made from."""
    if kind == "ConstantOfShape":
        return float(np.prod(given[0].astype(float)))
    if kind in ("Add", "Div", "Mul", "Pow", "Sub"):
        return float(np.prod(np.broadcast_shapes(*(each.shape for each in given)), dtype=float))
    return float(max((each.size for each in given), default=0))
