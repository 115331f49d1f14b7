"""A family tree as one HTML file that reads offline: the picture, a table of its edges with what changed, and its versions."""

from html import escape

from model_registry import withdrawal
from model_registry.ancestry import ancestry
from model_registry.drawing import as_svg
from model_registry.edges import Edge, edges
from model_registry.figures import COMPARED, lower_is_better
from model_registry.versions import Version

_STYLE = """
 body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; padding: 0 1rem; max-width: 90rem; color: #1b1f24; }
 .scroll { overflow-x: auto; }
 table { border-collapse: collapse; margin: .8rem 0 1.6rem; }
 th, td { text-align: left; padding: .3rem 1rem .3rem 0; border-bottom: 1px solid #d8dee4; white-space: nowrap; }
 td.n { font-variant-numeric: tabular-nums; text-align: right; }
 .worse { color: #b42318; } .better { color: #1a7f37; } .other { color: #6e7781; }
 code { font-size: 13px; }
"""
_VERSIONS = ("version", "operation", "stage", "gate", "made", "by", "trigger", "data", "recipe", "files", "withdrawn")


def as_html(version: Version) -> str:
    """The family of a version as an HTML document of its own, without script or outside reference."""
    family = ancestry(version)
    links = edges(family)
    compared = [name for name in COMPARED if any(name in edge.deltas for edge in links)]
    withdrawn = withdrawal.within(family)
    rows = [[*_identity(member), ", ".join(cause.of for cause in withdrawn.get(label, []))] for label, member in family.items()]
    title = escape(f"Family tree of {version.label}")
    return "\n".join(
        [
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
            f"<style>{_STYLE}</style></head><body>",
            f"<h1>{title}</h1>",
            f'<div class="scroll">{as_svg(version, family)}</div>',
            "<h2>Edges</h2>",
            "<p>What changed from a parent to its child. Grey: a score on other data, which is not comparable.</p>",
            _table(["parent", "child", "role", "by", *compared], [_edge(edge, compared) for edge in links]),
            "<h2>Versions</h2>",
            _table(_VERSIONS, ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]),
            "</body></html>\n",
        ]
    )


def _table(heads: list[str] | tuple[str, ...], rows: list[str]) -> str:
    """A table of rows whose cells are HTML already."""
    if not rows:
        return "<p>None.</p>"
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return f'<div class="scroll"><table><tr>{head}</tr>\n' + "\n".join(f"<tr>{row}</tr>" for row in rows) + "</table></div>"


def _edge(edge: Edge, compared: list[str]) -> str:
    plain = [edge.parent.label, edge.child.label, edge.role, edge.child.operation]
    return "".join([*(f"<td>{escape(cell)}</td>" for cell in plain), *(_delta(edge, name) for name in compared)])


def _delta(edge: Edge, name: str) -> str:
    if name not in edge.deltas:
        return '<td class="n"></td>'
    delta = edge.deltas[name]
    worse = delta > 0 if lower_is_better(name) else delta < 0
    kind = "other" if not edge.comparable(name) else "worse" if worse else "better" if delta else ""
    number = f"{delta:+,.0f}" if float(delta).is_integer() and delta else f"{delta:+.4f}" if delta else "0"
    return f'<td class="n {kind}">{number}</td>'


def _identity(member: Version) -> list[str]:
    deleted = member.operation == "deleted"
    trigger = " ".join(str(member.trigger[key]) for key in ("kind", "reason") if member.trigger.get(key))
    return [
        member.label,
        member.operation,
        "" if deleted else member.stage,
        member.gate,
        "" if deleted else f"{member.created:%Y-%m-%d %H:%M}",
        "" if deleted else member.by,
        trigger,
        member.data_sha256[:12],
        member.recipe_sha256[:12],
        member.sha256[:12],
    ]
