"""YAML as people expect it: the 1.2 core types, plain data only, every key with its line.

PyYAML follows YAML 1.1, where `no` is false, `1e-3` is text, `010` is 8 and `2024-01-01` is a date object. A class
called `no` or a learning rate of `1e-3` must not turn into something else, so the types here are those of YAML 1.2.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from model_registry.errors import InputError

MAX_NODES = 50_000
KeyPath = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_CORE = [
    ("null", re.compile(r"^(?:~|null|Null|NULL|)$"), [*"~nN", ""]),
    ("bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), [*"tTfF"]),
    ("int", re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$"), [*"-+0123456789"]),
    (
        "float",
        re.compile(r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"),
        [*"-+.0123456789"],
    ),
]


_Rules = dict[str, list[tuple[str, re.Pattern[str]]]]
_CORE_RULES: _Rules = {}
for _name, _pattern, _first in _CORE:
    for _char in _first:
        _CORE_RULES.setdefault(_char, []).append((_TAG + _name, _pattern))
_OLDER_RULES: _Rules = yaml.SafeDumper.yaml_implicit_resolvers
_BOTH_RULES: _Rules = {char: _CORE_RULES.get(char, []) + _OLDER_RULES.get(char, []) for char in _CORE_RULES | _OLDER_RULES}


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = _CORE_RULES


class _Dumper(yaml.SafeDumper):
    """Knows both generations' types, so that what it leaves unquoted is text to a reader of either."""

    yaml_implicit_resolvers = _BOTH_RULES

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # Other styles spread line breaks over lines, and fold the last three of these into spaces.
    style = '"' if set(text) & {"\n", "\x85", "\u2028", "\u2029"} else None
    return dumper.represent_scalar(f"{_TAG}str", text, style=style)


_Dumper.add_representer(str, _text)


@dataclass
class Document:
    """What a YAML file says, and where it says it."""

    data: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    mistakes: list[tuple[KeyPath, int, str]] = field(default_factory=list)

    def line(self, path: KeyPath) -> int:
        """The line of a key; of the nearest key above it where the file does not state it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read(content: bytes, origin: str) -> Document:
    """Reads one YAML document.

    Args:
        content: The file's bytes, UTF-8 or UTF-16.
        origin: The file's name, for errors.

    Raises:
        InputError: It is no YAML; the message names line and column. Mistakes in what is YAML (a key stated
            twice, a tag) are listed in the document instead, so that they are reported with all others.
    """
    loader = None
    try:
        loader = _Loader(content)
        root = loader.get_single_node()
        document = Document()
        if root is not None:
            document.data = _Walk(document).value(root, (), ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f":{mark.line + 1}: column {mark.column + 1}" if mark else ""
        found = ", ".join(part for part in (error.context, error.problem) if part)
        raise InputError(f"{origin}{where}: expected YAML. Received: {found}") from error
    except yaml.YAMLError as error:
        raise InputError(f"{origin}: expected YAML in UTF-8. Received: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise InputError(f"{origin}: expected a recipe. Received: YAML that is nested too deeply") from error
    finally:
        if loader is not None:
            loader.dispose()
    return document


def write(data: Any) -> str:
    """Plain data as YAML in block style, keys in their order, without tags, anchors or aliases."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


def inline(value: Any) -> str:
    """One value as YAML on one line, e.g. `[64, 32]` or `{unfreeze: head}`."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=True, width=2**31)
    return text.removesuffix("...\n").strip()


class _Walk:
    """Turns nodes into plain data once, noting each key's line."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.visited = 0

    def value(self, node: yaml.Node, path: KeyPath, above: tuple[yaml.Node, ...]) -> Any:
        """The data of one node; `above` are the nodes it sits in."""
        self.visited += 1
        line = node.start_mark.line + 1
        # Aliases may repeat or contain themselves: a few lines could otherwise grow without end.
        if node in above or self.visited > MAX_NODES:
            raise yaml.MarkedYAMLError(problem="an alias that grows without end", problem_mark=node.start_mark)
        self.document.lines.setdefault(path, line)
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, path, (*above, node))
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.value(item, (*path, i), (*above, node)) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag.removeprefix(_TAG) in _SCALARS:
            try:
                return _SCALARS[node.tag.removeprefix(_TAG)](node.value)
            except ValueError:
                return node.value  # e.g. `!!int x`; the schema says what was expected
        self.document.mistakes.append((path, line, f"expected plain YAML. Received: the tag {node.tag.replace(_TAG, '!!')}"))
        return None

    def _mapping(self, node: yaml.MappingNode, path: KeyPath, above: tuple[yaml.Node, ...]) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.document.mistakes.append((path, line, "expected a name as key. Received: a list or mapping"))
                continue
            key = key_node.value
            if key in data:
                first = self.document.lines[(*path, key)]
                self.document.mistakes.append(
                    ((*path, key), line, f"expected each key once. Received: {key!r} again, first on line {first}")
                )
                continue
            self.document.lines[(*path, key)] = line
            data[key] = self.value(value_node, (*path, key), above)
        return data


def _int(text: str) -> int:
    return int(text, 0) if text[:2].lower() in ("0o", "0x") else int(text)


def _float(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


_SCALARS: dict[str, Callable[[str], Any]] = {
    "str": str,
    "null": lambda text: None,
    "bool": lambda text: text.lower() == "true",
    "int": _int,
    "float": _float,
}
