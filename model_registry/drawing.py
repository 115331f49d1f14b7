"""A family tree as an SVG picture: ancestors on top, the version in question at the bottom."""

from html import escape

from model_registry import withdrawal
from model_registry.ancestry import ancestry
from model_registry.edges import Edge, edges
from model_registry.versions import Version

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 210, 58, 26, 52, 20
_FILL = {"Production": "#dafbe1", "Staging": "#fff8c5", "Archived": "#eaeef2"}
_LINE = {"Production": "#1a7f37", "Staging": "#9a6700", "Archived": "#6e7781"}


def as_svg(version: Version, family: dict[str, Version] | None = None) -> str:
    """The family of a version as an SVG document of its own, without script or outside reference.

    Args:
        version: The version.
        family: Its ancestry, where that was read already.
    """
    family = ancestry(version) if family is None else family
    links = edges(family)
    rows = _rows(family, links)
    widest = max(len(row) for row in rows)
    total = MARGIN * 2 + widest * WIDTH + (widest - 1) * GAP_X + WIDTH  # half a box either side, for edges that swing out
    height = MARGIN * 2 + len(rows) * HEIGHT + (len(rows) - 1) * GAP_Y
    corner: dict[str, tuple[float, float]] = {}
    for depth, row in enumerate(rows):
        left = (total - len(row) * WIDTH - (len(row) - 1) * GAP_X) / 2
        for place, label in enumerate(row):
            corner[label] = (left + place * (WIDTH + GAP_X), MARGIN + depth * (HEIGHT + GAP_Y))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {height}" width="{total}" height="{height}" '
        'font-family="system-ui, sans-serif" font-size="13">',
        f"<title>Family tree of {escape(version.label)}</title>",
        '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#57606a"/></marker></defs>',
        f'<rect width="{total}" height="{height}" fill="#ffffff"/>',
    ]
    parts += [_edge(corner[edge.parent.label], corner[edge.child.label], edge) for edge in links]
    withdrawn = withdrawal.within(family)
    parts += [_box(family[label], *corner[label], label in withdrawn) for label in corner]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _rows(family: dict[str, Version], links: list[Edge]) -> list[list[str]]:
    """Labels by generation: a version stands below all of its parents, near the middle of them."""
    parents: dict[str, list[str]] = {label: [] for label in family}
    children: dict[str, list[str]] = {label: [] for label in family}
    for edge in links:
        parents[edge.child.label].append(edge.parent.label)
        children[edge.parent.label].append(edge.child.label)
    depth = dict.fromkeys(family, 0)
    missing = {label: len(above) for label, above in parents.items()}
    waiting = [label for label in family if not missing[label]]
    for label in waiting:  # grows while it is walked through: whose parents have all been placed comes next
        for child in children[label]:
            depth[child] = max(depth[child], depth[label] + 1)
            missing[child] -= 1
            if not missing[child]:
                waiting.append(child)
    for label in family:  # one without parents stands right above its first child, not at the very top
        if not parents[label] and children[label]:
            depth[label] = min(depth[child] for child in children[label]) - 1
    rows: list[list[str]] = [[] for _ in range(1 + max(depth.values()))]
    for label in sorted(family, key=lambda label: (family[label].name, family[label].version)):
        rows[depth[label]].append(label)
    place: dict[str, float] = {}
    for row in rows:

        def middle(label: str, standing: dict[str, float] = place) -> float:
            above = [standing[parent] for parent in parents[label]]
            return sum(above) / len(above) if above else 0.0

        row.sort(key=middle)
        place |= {label: position - (len(row) - 1) / 2 for position, label in enumerate(row)}
    return rows


def _edge(start: tuple[float, float], end: tuple[float, float], edge: Edge) -> str:
    x1, y1 = start[0] + WIDTH / 2, start[1] + HEIGHT
    x2, y2 = end[0] + WIDTH / 2, end[1] - 2
    bend = (y2 - y1) / 2
    # An edge that passes other generations swings out, so that it does not run behind their boxes.
    aside = WIDTH if y2 - y1 > HEIGHT + GAP_Y else 0
    dashes = ' stroke-dasharray="5 4"' if edge.role != "weights" else ""
    curve = f"M{x1} {y1}C{x1 + aside} {y1 + bend} {x2 + aside} {y2 - bend} {x2} {y2}"
    told = escape(f"{edge.parent.label} to {edge.child.label} ({edge.role}): {edge.told() or 'nothing changed that both know'}")
    return f'<path d="{curve}" fill="none" stroke="#57606a"{dashes} marker-end="url(#a)"><title>{told}</title></path>'


def _origin(member: Version) -> str:
    """Who made it, when, why and of what, as a browser shows it beside the pointer."""
    kind, reason = member.trigger.get("kind", "unknown"), member.trigger.get("reason", "")
    why = f"{kind} ({reason})" if reason else kind
    known = [("data", member.data_sha256), ("recipe", member.recipe_sha256), ("files", member.sha256)]
    hashes = [f"{name} {sha256[:12]}" for name, sha256 in known if sha256]
    return "\n".join([f"{member.label}: {member.created:%Y-%m-%d %H:%M} by {member.by}, trigger: {why}", *hashes])


def _box(member: Version, x: float, y: float, withdrawn: bool) -> str:
    accuracy = member.test_accuracy if member.test_accuracy is not None else member.figure("validation_accuracy")
    kind = "test" if member.test_accuracy is not None else "validation"
    figures = [] if accuracy is None else [f"{kind} {accuracy:.3f}"]
    size, sparsity = member.figure("size_bytes"), member.figure("sparsity")
    if size is not None:
        figures.append(f"{size / 1024:.0f} KiB")
    elif sparsity:
        figures.append(f"sparsity {sparsity:.2f}")
    stage = "" if member.stage == "None" else f" · {member.stage}"
    stage += " · withdrawn" if withdrawn else ""
    middle = x + WIDTH / 2
    fill, line = _FILL.get(member.stage, "#f6f8fa"), _LINE.get(member.stage, "#d0d7de")
    if withdrawn:
        fill, line = "#ffebe9", "#cf222e"
    return (
        f"<g><title>{escape(_origin(member))}</title>"
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="8" fill="{fill}" stroke="{line}"/>'
        f'<text x="{middle}" y="{y + 19}" text-anchor="middle" font-weight="600">{escape(member.label)}</text>'
        f'<text x="{middle}" y="{y + 35}" text-anchor="middle">{escape(member.operation + stage)}</text>'
        f'<text x="{middle}" y="{y + 50}" text-anchor="middle" fill="#57606a" font-size="11">'
        f"{escape(' · '.join(figures))}</text></g>"
    )
