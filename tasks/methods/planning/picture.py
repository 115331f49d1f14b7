"""The front as a picture: accuracy against bytes and against milliseconds."""

from collections.abc import Sequence

from tasks.methods.canvas import BLUE, GREY, INK, ORANGE, as_png, canvases
from tasks.methods.planning.front import Budget, Point, front


def front_png(points: Sequence[Point], reference: Point, chosen: Point, budget: Budget) -> bytes:
    """Every point that was judged, the front, the one that is served, and the limits.

    Args:
        points: What the search found.
        reference: The network as trained, in float32.
        chosen: The point that is served.
        budget: What serving may cost.
    """
    figure, (bytes_axes, time_axes) = canvases(10.4, 4.2, heights=(1,), columns=2)
    best = front([*points, reference])
    smallest = min(budget.size_bytes or float("inf"), reference.size_bytes / budget.ratio if budget.ratio else float("inf"))
    for axes, name, limit, label in (
        (bytes_axes, "size_bytes", smallest, "bytes of the served file"),
        (time_axes, "latency_ms", budget.latency_ms or float("inf"), "milliseconds a row, one thread"),
    ):
        axes.plot(
            [getattr(p, name) for p in points], [p.accuracy for p in points], "o", color=GREY, markersize=4, label="tried"
        )
        axes.plot([getattr(p, name) for p in best], [p.accuracy for p in best], "o", color=BLUE, markersize=6, label="front")
        axes.plot(getattr(reference, name), reference.accuracy, "s", color=INK, markersize=7, label="as trained, float32")
        value, (low, high) = getattr(chosen, name), chosen.interval
        axes.errorbar(value, chosen.accuracy, [[chosen.accuracy - low], [high - chosen.accuracy]], color=ORANGE, linewidth=1)
        axes.plot(value, chosen.accuracy, "o", color=ORANGE, markersize=11, mfc="none", mew=2, label="served, 95 % interval")
        if limit < float("inf"):
            axes.axvline(limit, color=INK, linewidth=1, linestyle="--", label="budget")
        axes.set_xscale("log")
        axes.set(xlabel=label, ylabel="validation accuracy")
        axes.grid(axis="y", color="#e6e9ed")
    bytes_axes.legend(frameon=False, loc="lower right", fontsize=8)
    bytes_axes.set_title(f"{len(best)} of {len(points)} points no other beats", loc="left")
    time_axes.set_title(f"served: {chosen.title}", loc="left", fontsize=10)
    return as_png(figure)
