"""ONNX models become networks of built-in layers, compared with ONNX Runtime; what cannot be translated is named."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

if find_spec("onnx") is None or find_spec("onnxruntime") is None:
    pytest.skip("the optional packages onnx and onnxruntime are not installed", allow_module_level=True)

import onnx
from onnx import TensorProto, helper, numpy_helper

from model_registry.errors import InputError
from tasks.importing.probe import TOLERANCE, probe
from tasks.methods.backend import keras
from tasks.methods.networks import surgery
from tasks.methods.networks.formats.onnx.operations import operations
from tasks.methods.networks.formats.read import read
from tasks.methods.networks.predict import predict
from tasks.methods.networks.store import load, save
from tasks.methods.quantization.convert import convert

PICTURE, ROW = ["n", 3, 12, 10], ["n", 6]


def node(kind, *inputs, outputs=("y",), **attributes):
    return helper.make_node(kind, inputs, outputs, **attributes)


def model_of(nodes, constants, shape=PICTURE, opset=17, inferred=True):
    """A graph from `x` to `y`."""
    graph = helper.make_graph(
        nodes,
        "trial",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    if inferred:
        return onnx.shape_inference.infer_shapes(made)  # the standard wants the output's rank
    made.graph.output[0].type.tensor_type.shape.dim.add(dim_param="n")
    return made


def written(folder: Path, nodes, constants=None, **options) -> Path:
    path = folder / "model.onnx"
    onnx.save(model_of(nodes, constants or {}, **options), path)
    return path


def drawn(*shape, seed=0, low=-1.0):
    return np.random.default_rng(seed).uniform(low, 1, shape).astype(np.float32)


def statistics(size):
    """Scale, centre, mean and variance of a normalisation."""
    return {name: drawn(size, seed=seed, low=0.2) for seed, name in enumerate("sbmv")}


HALVED = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
CASES = {
    "Conv": [([node("Conv", "x", "w", "b", pads=[1, 1, 1, 1])], {"w": drawn(5, 3, 3, 3), "b": drawn(5)}, {})],
    "Conv with uneven borders": [
        ([node("Conv", "x", "w", pads=[0, 2, 1, 3], strides=[2, 3])], {"w": drawn(5, 3, 3, 2)}, {}),
        ([node("Conv", "x", "w", auto_pad="SAME_LOWER", strides=[2, 2])], {"w": drawn(5, 3, 3, 4)}, {}),
        ([node("Conv", "x", "w", auto_pad="SAME_UPPER", strides=[2, 2])], {"w": drawn(5, 3, 3, 4)}, {}),
        ([node("Conv", "x", "w", dilations=[2, 3], pads=[2, 3, 2, 3])], {"w": drawn(5, 3, 3, 3)}, {}),
    ],
    "Conv by channel": [
        ([node("Conv", "x", "w", "b", group=3, pads=[1, 1, 1, 1])], {"w": drawn(3, 1, 3, 3), "b": drawn(3)}, {}),
        ([node("Conv", "x", "w", group=3)], {"w": drawn(6, 1, 3, 3)}, {}),
        ([node("Conv", "x", "w", group=2)], {"w": drawn(6, 2, 3, 3)}, {"shape": ["n", 4, 9, 9]}),
    ],
    "BatchNormalization": [
        ([node("BatchNormalization", "x", *"sbmv")], statistics(3), {}),
        ([node("BatchNormalization", "x", *"sbmv")], statistics(6), {"shape": ROW}),
    ],
    "LayerNormalization": [([node("LayerNormalization", "x", "s", "b")], statistics(6), {"shape": ROW})],
    "Gemm": [
        ([node("Gemm", "x", "w", "b", transB=1, alpha=0.5, beta=2.0)], {"w": drawn(4, 6), "b": drawn(1, 4)}, {"shape": ROW}),
        ([node("Gemm", "x", "w")], {"w": drawn(6, 4)}, {"shape": ROW}),
    ],
    "MatMul": [
        ([node("MatMul", "x", "w", outputs=["h"]), node("Add", "b", "h")], {"w": drawn(6, 4), "b": drawn(4)}, {"shape": ROW}),
        (
            [node("MatMul", "x", "w", outputs=["h"]), node("Add", "h", "b", outputs=["z"]), node("Mul", "z", "h")],
            {"w": drawn(6, 4), "b": drawn(4)},
            {"shape": ROW},
        ),
    ],
    "MaxPool": [
        ([node("MaxPool", "x", **HALVED)], {}, {}),
        ([node("MaxPool", "x", kernel_shape=[2, 2], strides=[2, 2])], {}, {}),
        ([node("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)], {}, {}),
        (
            [node("Relu", "x", outputs=["r"]), node("MaxPool", "r", **HALVED)],
            {},
            {},
        ),
    ],
    "AveragePool": [
        ([node("AveragePool", "x", kernel_shape=[3, 3], pads=[1, 1, 1, 1])], {}, {}),
        ([node("AveragePool", "x", **HALVED)], {}, {}),
        ([node("AveragePool", "x", **HALVED, count_include_pad=1)], {}, {}),
        ([node("AveragePool", "x", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")], {}, {}),
    ],
    "GlobalAveragePool": [([node("GlobalAveragePool", "x", outputs=["g"]), node("Flatten", "g")], {}, {})],
    "GlobalMaxPool": [([node("GlobalMaxPool", "x")], {}, {})],
    "ReduceMean": [
        ([node("ReduceMean", "x", axes=[2, 3], keepdims=0)], {}, {}),
        ([node("ReduceMean", "x", "a")], {"a": np.array([-1, -2])}, {"opset": 18}),
    ],
    "ReduceMax": [([node("ReduceMax", "x", axes=[2, 3])], {}, {})],
    "Clip": [
        ([node("Clip", "x", "l", "h")], {"l": np.float32(0), "h": np.float32(0.6)}, {}),
        ([node("Clip", "x", "l", "h")], {"l": np.float32(-0.3), "h": np.float32(0.6)}, {}),
        ([node("Clip", "x", min=0.0, max=6.0)], {}, {"opset": 10}),
    ],
    "PRelu": [
        ([node("PRelu", "x", "s")], {"s": drawn(3, 1, 1)}, {}),
        ([node("PRelu", "x", "s")], {"s": drawn(1)}, {}),
    ],
    "Softmax": [
        ([node("Softmax", "x", axis=1)], {}, {}),
        ([node("Softmax", "x")], {}, {"shape": ROW}),
        ([node("Softmax", "x")], {}, {"shape": ROW, "opset": 11}),
    ],
    "LogSoftmax": [([node("LogSoftmax", "x", axis=1)], {}, {"shape": ROW})],
    "LRN": [([node("LRN", "x", size=3, alpha=0.5, beta=0.75, bias=1.5)], {}, {})],
    "arithmetic with constants": [
        ([node(kind, *names)], {"c": constant}, {})
        for kind in ("Add", "Sub", "Mul")
        for names in (("x", "c"), ("c", "x"))
        for constant in (np.float32(0.3), drawn(3, 1, 1), drawn(1, 3, 1, 1))
    ]
    + [([node("Div", "x", "c")], {"c": drawn(3, 1, 1, low=0.5)}, {}), ([node("Add", "x", "c")], {"c": drawn(10)}, {})],
    "arithmetic of tensors": [
        ([node("Sigmoid", "x", outputs=["s"]), node(kind, "x", "s")], {}, {})
        for kind in ("Add", "Sub", "Mul", "Max", "Min", "Sum")
    ]
    + [([node("GlobalAveragePool", "x", outputs=["g"]), node("Mul", "g", "x")], {}, {})],
    "Transpose": [
        ([node("Transpose", "x", perm=[0, 2, 3, 1], outputs=["t"]), node("Reshape", "t", "s")], {"s": np.array([0, -1])}, {}),
        (
            [node("Transpose", "x", perm=[0, 3, 1, 2], outputs=["t"]), node("Conv", "t", "w")],
            {"w": drawn(5, 3, 3, 3)},
            {"shape": ["n", 9, 9, 3]},
        ),
    ],
    "Reshape": [
        (
            [
                node("Reshape", "x", "s", outputs=["r"]),
                node("Transpose", "r", perm=[0, 2, 1, 3, 4], outputs=["t"]),
                node("Reshape", "t", "back"),
            ],
            {"s": np.array([0, 2, 3, 4, 4]), "back": np.array([-1, 6, 4, 4])},
            {"shape": ["n", 6, 4, 4]},
        ),
        ([node("Reshape", "x", "s", allowzero=1)], {"s": np.array([-1, 64, 3])}, {"shape": ["n", 3, 8, 8]}),
    ],
    "a shape that is computed": [
        (
            [
                node("Shape", "x", outputs=["s"]),
                node("Gather", "s", "first", outputs=["n"]),
                node("Unsqueeze", "n", "axis", outputs=["nn"]),
                node("Concat", "nn", "rest", axis=0, outputs=["target"]),
                node("Reshape", "x", "target"),
            ],
            {"first": np.int64(0), "axis": np.array([0]), "rest": np.array([-1])},
            {},
        ),
    ],
    "Squeeze": [([node("GlobalAveragePool", "x", outputs=["g"]), node("Squeeze", "g", "a")], {"a": np.array([2, 3])}, {})],
    "Unsqueeze": [
        ([node("Unsqueeze", "x", "a", outputs=["u"]), node("Flatten", "u")], {"a": np.array([1, -1])}, {"shape": ROW})
    ],
    "Concat": [([node("Relu", "x", outputs=["r"]), node("Concat", "x", "r", axis=1)], {}, {})],
    "Slice": [
        (
            [node("Slice", "x", "s", "e", "a")],
            {"s": np.array([1, -6]), "e": np.array([3, 1000]), "a": np.array([1, 2])},
            {},
        )
    ],
    "Split": [
        (
            [node("Split", "x", "l", axis=1, outputs=["p", "q"]), node("Concat", "q", "p", axis=1)],
            {"l": np.array([1, 2])},
            {},
        )
    ],
    "Pad": [([node("Pad", "x", "p")], {"p": np.array([0, 0, 1, 2, 0, 0, 3, 4])}, {})],
    **{
        kind: [([node(kind, "x", **attributes)], {}, {})]
        for kind, attributes in {
            "Relu": {},
            "LeakyRelu": {"alpha": 0.2},
            "Elu": {"alpha": 0.7},
            "Selu": {},
            "Sigmoid": {},
            "Tanh": {},
            "Softplus": {},
            "Softsign": {},
            "HardSigmoid": {"alpha": 0.3, "beta": 0.4},
            "HardSwish": {},
            "Dropout": {},
            "Identity": {},
            "Flatten": {},
            "Cast": {"to": 1},
        }.items()
    },
    "Gelu": [([node("Gelu", "x")], {}, {"opset": 20})],
}


@pytest.mark.parametrize(("name", "number"), [(name, number) for name, cases in CASES.items() for number in range(len(cases))])
def test_an_operation_computes_what_onnx_runtime_computes(tmp_path, name, number):
    nodes, constants, options = CASES[name][number]
    found = read(written(tmp_path, nodes, constants, **options))
    x = np.random.default_rng(7).normal(size=(3, *found.model.input_shape[1:])).astype(np.float32)

    np.testing.assert_allclose(predict(found.model, x), found.original(x), rtol=1e-5, atol=1e-5)


def test_every_operation_has_a_case():
    assert {each.op_type for cases in CASES.values() for nodes, *_ in cases for each in nodes} >= set(operations) - {"Shape"}


def classifier(seed=0):
    """What PyTorch writes for a small network: channels first, BatchNorm after a convolution, a dense head."""
    rng = np.random.default_rng(seed)
    nodes = [
        node("Conv", "x", "w", outputs=["c"], pads=[1, 1, 1, 1], strides=[2, 2]),
        node("BatchNormalization", "c", *"sbmv", outputs=["n"]),
        node("Relu", "n", outputs=["r"]),
        node("Conv", "r", "d", outputs=["e"], pads=[1, 1, 1, 1], group=8),
        node("Relu", "e", outputs=["f"]),
        node("MaxPool", "f", outputs=["p"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", "p", outputs=["l"]),
        node("Gemm", "l", "k", "h", outputs=["z"], transB=1),
        node("Softmax", "z", axis=1),
    ]
    shapes = {"w": (8, 3, 3, 3), "d": (8, 1, 3, 3), "k": (4, 8 * 3 * 2), "h": (4,)}
    constants = {name: rng.normal(size=shape).astype(np.float32) / 2 for name, shape in shapes.items()}
    constants |= {name: rng.uniform(0.5, 1, 8).astype(np.float32) for name in "sbmv"}
    return nodes, constants


def test_a_network_is_made_of_layers_that_can_be_pruned_trained_saved_and_converted(tmp_path):
    found = read(written(tmp_path, *classifier()))

    kinds = [type(layer).__name__ for layer in found.model.layers]
    assert kinds.count("Conv2D") == kinds.count("DepthwiseConv2D") == kinds.count("BatchNormalization") == 1
    assert found.model.input_shape == (None, 12, 10, 3)
    assert found.facts == {"channels_in_file": "first"}
    assert len(found.model.trainable_weights) == 6  # both convolutions, scale and centre, the head's two
    save(found.model, tmp_path / "kept.keras")
    x = np.random.default_rng(1).random((2, 12, 10, 3), np.float32)
    np.testing.assert_array_equal(predict(load(tmp_path / "kept.keras"), x), predict(found.model, x))
    headed = surgery.new_head(found.model, 7, seed=0)
    assert headed.output_shape == (None, 7)
    assert convert(headed, "float32")[4:8] == b"TFL3"
    facts = probe(tmp_path / "model.onnx", found, None)
    assert facts["outputs"] == "probabilities"
    assert float(facts["compared"].split()[5]) < TOLERANCE


def test_a_file_that_fixes_its_batch_is_compared_batch_by_batch(tmp_path):
    found = read(written(tmp_path, *classifier(), shape=[2, 3, 12, 10]))
    x = np.random.default_rng(1).random((3, 12, 10, 3), np.float32)

    np.testing.assert_allclose(predict(found.model, x), found.original(x), atol=1e-6)


def test_a_translation_that_computes_something_else_is_not_brought_in(tmp_path):
    found = read(written(tmp_path, *classifier()))
    dense = next(layer for layer in found.model.layers if type(layer) is keras.layers.Dense)
    kernel, bias = dense.get_weights()
    dense.set_weights([kernel, bias + np.eye(1, 4)[0]])

    with pytest.raises(InputError, match=r"of those of ONNX Runtime on random input\. Received: .*so it is not registered"):
        probe(tmp_path / "model.onnx", found, None)


BAD = {
    "an operation without a layer": ([node("Erf", "x")], {}, {}, "operations that no built-in layer computes: Erf; those"),
    "two inputs": (None, {}, {}, r"inputs \['x', 'x2'\] and outputs \['y'\]"),
    "sequences": (
        [node("Conv", "x", "w")],
        {"w": drawn(2, 3, 3)},
        {"shape": ["n", 3, 9]},
        r"Conv \('y'\): a convolution over 1 axes",
    ),
    "a custom domain": (
        [node("Magic", "x", domain="acme")],
        {},
        {},
        r"operations of domains of their own: \['acme'\]",
    ),
    "weights of the network's own making": (
        [node("Conv", "x", "x")],
        {},
        {},
        r"'x' is computed in the network, not a constant",
    ),
    "a mix of rows": ([node("Reshape", "x", "s")], {"s": np.array([-1, 7])}, {"shape": ROW}, "without mixing rows of a batch"),
    "zeros that are meant": (
        [node("Reshape", "x", "s", allowzero=1)],
        {"s": np.array([0, 7])},
        {"shape": ROW},
        "a shape with zeros that are meant",
    ),
    "a bomb": (
        [node("ConstantOfShape", "s", outputs=["c"]), node("Add", "x", "c")],
        {"s": np.array([1 << 20, 1 << 20])},
        {"shape": ROW},
        r"ConstantOfShape: a constant of 1\.1e\+12 elements",
    ),
}


@pytest.mark.parametrize("name", list(BAD))
def test_what_cannot_be_translated_is_named(tmp_path, name):
    nodes, constants, options, why = BAD[name]
    made = model_of(nodes or [node("Add", "x", "x2")], constants, inferred=False, **options)
    if nodes is None:
        made.graph.input.append(helper.make_tensor_value_info("x2", TensorProto.FLOAT, PICTURE))
    if name == "a custom domain":
        made.opset_import.append(helper.make_opsetid("acme", 1))
    onnx.save(made, tmp_path / "model.onnx")

    with pytest.raises(InputError, match=why) as error:
        read(tmp_path / "model.onnx")

    assert str(tmp_path / "model.onnx") in str(error.value)


def with_weights_elsewhere(place: str, content: bytes | None, tmp_path: Path) -> Path:
    """The classifier with its first tensor in another file."""
    made = model_of(*classifier())
    tensor = made.graph.initializer[0]
    if content is None:
        content = tensor.raw_data
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)
    (tmp_path / "model.onnx").write_bytes(made.SerializeToString())
    if content:
        (tmp_path / "model.onnx.data").write_bytes(content)
    return tmp_path / "model.onnx"


def test_weights_in_the_file_beside_it_are_read(tmp_path):
    whole = read(written(tmp_path, *classifier()))
    (tmp_path / "parts").mkdir()
    parted = read(with_weights_elsewhere("model.onnx.data", None, tmp_path / "parts"))

    x = np.random.default_rng(0).normal(size=(3, *whole.model.inputs[0].shape[1:])).astype(np.float32)
    np.testing.assert_array_equal(parted.model(x), whole.model(x))
    np.testing.assert_allclose(parted.original(x), whole.original(x))


@pytest.mark.parametrize(
    ("place", "content", "why"),
    [
        ("../../etc/passwd", b"", r"lie in other files \('w' in '../../etc/passwd'\)"),
        ("other.bin", b"", "in 'model.onnx.data' beside it"),
        ("model.onnx.data", b"", "no file 'model.onnx.data' beside it"),
        ("model.onnx.data", b"1234", "breaks the standard|does not hold"),
    ],
)
def test_weights_anywhere_else_are_not_read(tmp_path, place, content, why):
    with pytest.raises(InputError, match=why):
        read(with_weights_elsewhere(place, content, tmp_path))


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_file_is_refused_by_name(tmp_path, share):
    path = written(tmp_path, *classifier())
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])

    with pytest.raises(InputError, match=r"damaged or truncated ONNX file|breaks the standard"):
        read(path)


def test_without_the_optional_package_the_way_to_get_it_is_told(tmp_path, monkeypatch):
    path = written(tmp_path, *classifier())
    monkeypatch.setattr("tasks.methods.networks.formats.onnx.read.find_spec", lambda name: None)

    with pytest.raises(InputError, match=r"pip install 'bequest\[onnx\]'"):
        read(path)


def test_real_architectures_have_the_same_outputs_as_in_onnx_runtime(tmp_path):
    """SqueezeNet and ShuffleNet as their exporters wrote them; their weights, constants in the package, are drawn anew."""
    for name in ("squeezenet", "shufflenet"):
        path = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / f"light_{name}.onnx"
        if not path.is_file():
            pytest.skip("this version of onnx brings no architectures along")
        onnx.save(_with_weights(onnx.load(path)), tmp_path / "real.onnx")
        facts = probe(tmp_path / "real.onnx", read(tmp_path / "real.onnx"), None)
        assert facts["compared"].startswith("with ONNX Runtime: at most ")


def _with_weights(made):
    """Random weights in the place of constants; no softmax at the end, which would hide what differs."""
    rng = np.random.default_rng(0)
    sizes = {each.name: numpy_helper.to_array(each) for each in made.graph.initializer}
    variances = {each.input[4] for each in made.graph.node if each.op_type == "BatchNormalization"}
    nodes, weights = [], []
    for each in made.graph.node:
        if each.op_type != "ConstantOfShape":
            nodes.append(each)
            continue
        shape = tuple(sizes[each.input[0]])
        random = rng.uniform(-0.1, 0.1, shape)
        if len(shape) > 1:
            random = rng.normal(0, np.sqrt(1 / np.prod(shape[1:])), shape)
        if each.output[0] in variances:
            random = rng.uniform(0.5, 1.5, shape)
        weights.append(numpy_helper.from_array(random.astype(np.float32), each.output[0]))
    nodes[-1].op_type = "Identity"
    del nodes[-1].attribute[:], made.graph.node[:], made.graph.initializer[:]
    used = {name for each in nodes for name in each.input}
    entries = [each for each in made.graph.input if each.name in used]
    del made.graph.input[:]
    made.graph.input.extend(entries)
    made.graph.node.extend(nodes)
    made.graph.initializer.extend(weights)
    made.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in sizes.items() if name in used)
    made.ir_version = 8
    return made
