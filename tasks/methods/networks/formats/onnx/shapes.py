"""Operations that move numbers and compute none: reshaping, joining, cutting, borders."""

from dataclasses import replace

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.networks.formats.onnx.operations import UntranslatableError, translates
from tasks.methods.networks.formats.onnx.translation import Node, Translation
from tasks.methods.networks.formats.onnx.values import CHANNELS_LAST, Value, as_list, plain_order


@translates("Transpose")
def transpose(graph: Translation, node: Node) -> Value:
    """No layer at all: only which axis is which changes."""
    x = graph.value(node)
    permutation = node.attributes.get("perm", list(reversed(range(x.rank))))
    if permutation[0] != 0:
        raise UntranslatableError("a transposition that moves the batch")
    return replace(x, order=tuple(permutation.index(axis) for axis in x.order))


@translates("Shape")
def shape(graph: Translation, node: Node) -> np.ndarray:
    """A constant, with -1 for the batch; what is computed from it is, too."""
    sizes = graph.value(node).shape
    if None in sizes[1:]:
        raise UntranslatableError("the shape of a picture of any size")
    known = np.array([-1, *sizes[1:]], np.int64)
    return known[node.attributes.get("start", 0) : node.attributes.get("end", len(known))]


@translates("Flatten")
def flatten(graph: Translation, node: Node) -> Value:
    """Flatten, in ONNX's order of axes."""
    x = graph.value(node)
    if node.attributes.get("axis", 1) % x.rank != 1:
        raise UntranslatableError("a flattening that spares more than the batch")
    if x.rank == 2:
        return x
    x = x.arranged(plain_order(x.rank), graph.name(node, "order"))
    return replace(x, tensor=keras.layers.Flatten(name=graph.name(node))(x.tensor), order=plain_order(2))


@translates("Reshape")
def reshape(graph: Translation, node: Node) -> Value:
    """Reshape, in ONNX's order of axes, of each row by itself."""
    x = graph.value(node)
    wanted = as_list(graph.constant(node, 1, "shape"))
    if node.attributes.get("allowzero", 0) and 0 in wanted:
        raise UntranslatableError("a shape with zeros that are meant")
    sizes = [x.shape[place] if size == 0 and place else size for place, size in enumerate(wanted)]
    return _reshaped(graph, node, x, sizes)


@translates("Squeeze", "Unsqueeze")
def axes_of_one(graph: Translation, node: Node) -> Value:
    """Reshape by axes of one element."""
    x = graph.value(node)
    axes = graph.constant(node, 1, "axes")
    if node.kind == "Squeeze":
        gone = [axis % x.rank for axis in as_list(axes)] if axes is not None else [a for a, s in enumerate(x.shape) if s == 1]
        return _reshaped(graph, node, x, [size for axis, size in enumerate(x.shape) if axis not in gone or axis == 0])
    sizes, rank = list(x.shape), x.rank + len(as_list(axes))
    for axis in sorted(each % rank for each in as_list(axes)):
        sizes.insert(axis, 1)
    if 0 in [each % rank for each in as_list(axes)]:
        raise UntranslatableError("an axis before the batch")
    return _reshaped(graph, node, x, sizes)


@translates("Concat")
def concat(graph: Translation, node: Node) -> Value:
    """Concatenate."""
    values = [graph.value(node, place) for place in range(len(node.inputs))]
    first, axis = values[0], node.attributes["axis"] % values[0].rank
    if axis == 0:
        raise UntranslatableError("rows laid behind one another")
    moved = [value.arranged(first.order, graph.name(node, "order")) for value in values]
    if len(moved) == 1:
        return first
    tensor = keras.layers.Concatenate(axis=first.place(axis), name=graph.name(node))([value.tensor for value in moved])
    return Value(tensor, first.order, all(value.positive for value in values))


@translates("Slice")
def cut(graph: Translation, node: Node) -> Value:
    """A slice with step 1, along any axis but the batch."""
    x = graph.value(node)
    starts, ends = (as_list(graph.constant(node, place, name)) for place, name in ((1, "starts"), (2, "ends")))
    axes = as_list(graph.constant(node, 3, "axes", list(range(len(starts)))))
    if any(step != 1 for step in as_list(graph.constant(node, 4, otherwise=[1]))) or 0 in [axis % x.rank for axis in axes]:
        raise UntranslatableError("a slice with steps, or of the batch")
    cuts = [slice(None)] * x.rank
    for start, end, axis in zip(starts, ends, axes, strict=True):
        size = x.shape[axis % x.rank]
        if size is None:
            raise UntranslatableError("a slice of an axis of any size")
        cuts[x.place(axis)] = slice(*slice(start, end).indices(size)[:2])
    return replace(x, tensor=x.tensor[tuple(cuts)])


@translates("Split")
def split(graph: Translation, node: Node) -> list[Value]:
    """Slices side by side."""
    x, axis = graph.value(node), node.attributes.get("axis", 0)
    size, parts = x.shape[axis % x.rank], len(node.outputs)
    if axis % x.rank == 0 or size is None:
        raise UntranslatableError("a split of the batch, or of an axis of any size")
    each = -(-size // parts)
    lengths = as_list(graph.constant(node, 1, "split", [min(each, size - each * part) for part in range(parts)]))
    ends = np.cumsum(lengths).tolist()
    result = []
    for start, end in zip([0, *ends], ends, strict=False):
        cuts = [slice(None)] * x.rank
        cuts[x.place(axis)] = slice(start, end)
        result.append(replace(x, tensor=x.tensor[tuple(cuts)]))
    return result


@translates("Pad")
def pad(graph: Translation, node: Node) -> Value:
    """ZeroPadding2D."""
    x, pads = graph.value(node), as_list(graph.constant(node, 1, "pads"))
    value = graph.constant(node, 2, "value", 0.0)
    rest = [*pads[:2], *pads[4:6]] if len(pads) == 8 else [1]
    if node.attributes.get("mode", "constant") != "constant" or float(np.asarray(value)) != 0 or len(node.inputs) > 3:
        raise UntranslatableError("a border of other numbers than zeros, or along axes of its own choice")
    if x.rank != 4 or any(rest) or min(pads) < 0:
        raise UntranslatableError("a border elsewhere than around pictures")
    x = x.arranged(CHANNELS_LAST, graph.name(node, "channels_last"))
    (_, _, top, left, _, _, bottom, right) = pads
    return replace(x, tensor=keras.layers.ZeroPadding2D(((top, bottom), (left, right)), name=graph.name(node))(x.tensor))


def _reshaped(graph: Translation, node: Node, x: Value, sizes: list[int | None]) -> Value:
    """Rows of another shape; the first size is the batch, however it is written."""
    x = x.arranged(plain_order(x.rank), graph.name(node, "order"))
    rest = [-1 if size is None else int(size) for size in sizes[1:]]
    given = [-1 if size is None else size for size in x.shape[1:]]
    if not sizes or rest.count(-1) > 1:
        raise UntranslatableError(f"a shape with several free sizes: {sizes}")
    if -1 not in given and -1 not in rest and np.prod(rest) != np.prod(given):
        raise UntranslatableError(f"rows of shape {given} cannot become {rest} without mixing rows of a batch")
    return replace(x, tensor=keras.layers.Reshape(rest, name=graph.name(node))(x.tensor), order=plain_order(len(sizes)))
