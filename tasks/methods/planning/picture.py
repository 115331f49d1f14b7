"""The front as a picture: accuracy against bytes and against milliseconds."""

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

from matplotlib.ticker import LogLocator, NullLocator

from tasks.methods.canvas import BLUE, GREY, INK, ORANGE, as_png, canvases
from tasks.methods.planning.front import Budget, Point, front

_BELOW = 0.15  # points that lose more than this are of no interest, and would press the others together


def front_png(points: Sequence[Point], reference: Point, chosen: Point, budget: Budget) -> bytes:
    """Every point that was judged, the front, the one that is served, and the limits.

    Args:
        points: What the search found.
        reference: The network as trained, in float32.
        chosen: The point that is served.
        budget: What serving may cost.
    """
    figure, (size_axes, time_axes) = canvases(10.4, 4.4, heights=(1,), columns=2)
    best = front([*points, reference], packed=budget.packed)
    floor = min(reference.accuracy, chosen.accuracy) - _BELOW
    hidden = sum(point.accuracy < floor for point in points)
    size_limit, time_limit = _size_limit(budget, reference), budget.latency_ms or float("inf")
    size = "packed_bytes" if budget.packed else "size_bytes"
    _draw(size_axes, points, best, reference, chosen, lambda point: getattr(point, size) / 1024, size_limit / 1024)
    _draw(time_axes, points, best, reference, chosen, lambda point: point.latency_ms * 1000, time_limit * 1000)
    size_axes.set(xlabel=f"KiB of the {'packed' if budget.packed else 'served'} file", ylabel="validation accuracy")
    time_axes.set(xlabel="microseconds a row, one thread")
    for axes in (size_axes, time_axes):
        axes.set_ylim(bottom=max(floor, min(point.accuracy for point in points)) - 0.01)
    below = f", {hidden} more lie below" if hidden else ""
    size_axes.set_title(f"{len(points)} points, {len(best)} that no other beats{below}", loc="left", fontsize=10)
    time_axes.set_title(f"served: {chosen.title}", loc="left", fontsize=10)
    handles, labels = size_axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9)
    return as_png(figure)


def _size_limit(budget: Budget, reference: Point) -> float:
    """Bytes that a point may have, on the axis that is drawn."""
    if budget.packed_bytes is not None:
        return budget.packed_bytes
    of_ratio = reference.size_bytes / budget.ratio if budget.ratio else float("inf")
    return min(budget.size_bytes or float("inf"), of_ratio)


def _draw(
    axes: Any,
    points: Sequence[Point],
    best: Sequence[Point],
    reference: Point,
    chosen: Point,
    cost: Callable[[Point], float],
    limit: float,
) -> None:
    axes.plot([cost(p) for p in points], [p.accuracy for p in points], "o", color=GREY, markersize=4, label="tried")
    axes.plot([cost(p) for p in best], [p.accuracy for p in best], "o", color=BLUE, markersize=6, label="no other beats it")
    axes.plot(cost(reference), reference.accuracy, "s", color=INK, markersize=7, label="as trained, float32")
    low, high = chosen.interval
    axes.errorbar(cost(chosen), chosen.accuracy, [[chosen.accuracy - low], [high - chosen.accuracy]], color=ORANGE, linewidth=1)
    ring = {"color": ORANGE, "markersize": 11, "mfc": "none", "mew": 2}
    axes.plot(cost(chosen), chosen.accuracy, "o", label="served, 95 % interval", **ring)
    if isfinite(limit):
        axes.axvline(limit, color=INK, linewidth=1, linestyle="--", label="budget")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y", color="#e6e9ed")
