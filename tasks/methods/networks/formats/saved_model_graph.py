"""Whether a SavedModel's graph is harmless: a SavedModel is a program, and loading one may run parts of it."""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from tasks.methods.networks.formats.refusal import refusal

_STATE = {  # what an exported network needs of the operations with state
    "AssignVariableOp",
    "DisableCopyOnRead",
    "If",
    "Placeholder",
    "ReadVariableOp",
    "StatefulPartitionedCall",
    "VarHandleOp",
    "VarIsInitializedOp",
    "VariableV2",
    "While",
}
_SAVER = {"MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename"}
_FILES = {  # read files or run Python, though TensorFlow counts them as operations without state
    "DatasetFromGraph",
    "InitializeTableFromTextFile",
    "InitializeTableFromTextFileV2",
    "MatchingFiles",
    "PyFuncStateless",
    "ReadFile",
}
_FILE_WORDS = ("Dataset", "Reader")


def require_harmless(path: Path, signature: str) -> None:
    """Refuses a SavedModel whose graph does anything but compute: files, Python, tables, random state, operations unknown here.

    Args:
        path: The folder.
        signature: The signature that is going to be used.

    Raises:
        InputError: Names the operations, or says that the signature is missing.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((path / "saved_model.pb").read_bytes())
    graphs = [graph for graph in saved.meta_graphs if "serve" in graph.meta_info_def.tags]
    if len(saved.meta_graphs) != 1 or not graphs:
        tags = [sorted(graph.meta_info_def.tags) for graph in saved.meta_graphs]
        raise refusal(path, f"a SavedModel with the tags {tags}, where one graph tagged 'serve' is needed")
    signatures = sorted(name for name in graphs[0].signature_def if not name.startswith("__"))
    if signature not in signatures:
        raise refusal(
            path, f"a SavedModel with the signatures {signatures}, where {signature!r} is needed", "Export it with that one."
        )
    found = sorted(set(_harmful(graphs[0])))
    if found:
        raise refusal(
            path, f"a graph with operations that might do more than compute: {', '.join(found)}", "Nothing of it was run."
        )


def _harmful(graph: Any) -> Iterator[str]:
    """Names of operations; those that save and restore may stand in functions that the saver alone calls."""
    bodies = {function.signature.name: list(function.node_def) for function in graph.graph_def.library.function}
    saver = {graph.saver_def.save_tensor_name.partition(":")[0], graph.saver_def.restore_op_name}
    called_by_saver = _called(node for node in graph.graph_def.node if node.name in saver)
    called_by_others = _called(node for node in graph.graph_def.node if node.name not in saver)
    called_by_others |= _called(node for nodes in bodies.values() for node in nodes)
    called_by_others |= set(graph.object_graph_def.concrete_functions)
    own = called_by_saver - called_by_others
    for name, nodes in {"": list(graph.graph_def.node), **bodies}.items():
        for node in nodes:
            if node.op in bodies or (node.op in _SAVER and name in own):
                continue
            if not _is_harmless(node.op):
                yield node.op


def _called(nodes: Iterable[Any]) -> set[str]:
    """Names of the functions that nodes call, in whichever of their attributes these are named."""
    found: set[str] = set()
    for node in nodes:
        found.add(node.op)
        for value in node.attr.values():
            found |= {value.func.name, *(function.name for function in value.list.func)}
    return found


def _is_harmless(operation: str) -> bool:
    known = _operations()
    if operation in _FILES or operation in _SAVER or any(word in operation for word in _FILE_WORDS):
        return False
    return operation in known and (not known[operation] or operation in _STATE)


@cache
def _operations() -> dict[str, bool]:
    """Every operation TensorFlow has, and whether it has state."""
    from tensorflow.core.framework import op_def_pb2
    from tensorflow.python.client import pywrap_tf_session

    listed = op_def_pb2.OpList()
    listed.ParseFromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    return {operation.name: operation.is_stateful for operation in listed.op}
