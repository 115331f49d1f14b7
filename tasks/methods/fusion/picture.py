"""The family and what was made of it as a picture: log loss against what serving costs."""

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

from matplotlib.ticker import LogLocator, NullLocator

from tasks.methods.canvas import BLUE, GREY, INK, ORANGE, PAPER, as_png, canvases
from tasks.methods.fusion.choice import Choice, Judged, Limits

_ALIKE = 0.05


def fusion_png(choice: Choice, limits: Limits) -> bytes:
    """Every member alone, every fused model, those that no other beats, the one that is taken, and the limits.

    Args:
        choice: The outcome, with its table.
        limits: What serving may cost.
    """
    figure, (time_axes, size_axes) = canvases(11.4, 4.8, heights=(1,), columns=2)
    table = [each for each in choice.table if isfinite(each.option.latency_ms)]
    quickest = min((each.option.latency_ms for each in table if each.option.single), default=float("inf"))
    time_limit = limits.latency_ratio * quickest * 1000 if limits.latency_ratio else float("inf")
    size_limit = limits.size_bytes / 1024 if limits.size_bytes else float("inf")
    _draw(time_axes, table, choice.name, lambda each: each.option.latency_ms * 1000, time_limit)
    _draw(size_axes, table, choice.name, lambda each: each.option.size_bytes / 1024, size_limit)
    time_axes.set(xlabel="microseconds a row, float32, one thread", ylabel="validation log loss")
    size_axes.set(xlabel="KiB of the float32 file")
    fused = sum(not each.option.single for each in choice.table)
    time_axes.set_title(f"{len(choice.table) - fused} members, {fused} fused models", loc="left", fontsize=10)
    size_axes.set_title(f"goes on: {choice.name}", loc="left", fontsize=10)
    handles, labels = time_axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9)
    return as_png(figure)


def front(table: Sequence[Judged], cost: Callable[[Judged], float]) -> list[Judged]:
    """Those that no other beats in log loss at a cost that is alike or lower, the cheapest first.

    Args:
        table: All of them.
        cost: What serving one costs; less than 5 % apart counts as alike, as measured times are no surer.
    """
    found: list[Judged] = []
    for each in sorted(table, key=lambda each: (each.option.loss, cost(each))):
        if not found or cost(each) < (1 - _ALIKE) * cost(found[-1]):
            found.append(each)
    return found[::-1]


def _draw(axes: Any, table: Sequence[Judged], taken: str, cost: Callable[[Judged], float], limit: float) -> None:
    best = front(table, cost)
    axes.step([cost(e) for e in best], [e.option.loss for e in best], where="post", color=GREY, linewidth=1, label="front")
    for single, colour, marker, label in ((True, INK, "s", "a member alone"), (False, BLUE, "o", "fused")):
        shown = [each for each in table if each.option.single == single]
        axes.plot(
            [cost(e) for e in shown], [e.option.loss for e in shown], marker, color=colour, markersize=6, alpha=0.8, label=label
        )
    chosen = next((each for each in table if each.option.name == taken), None)
    if chosen is not None:
        ring = {"color": ORANGE, "markersize": 12, "mfc": "none", "mew": 2}
        axes.plot(cost(chosen), chosen.option.loss, "o", label="goes on", **ring)
    for each in [*best, *([chosen] if chosen is not None and chosen not in best else [])]:
        above = each not in best  # the front runs below all else
        axes.annotate(
            each.option.name,
            (cost(each), each.option.loss),
            xytext=(8, 7 if above else -15),
            textcoords="offset points",
            fontsize=8,
            color=INK,
            bbox=PAPER | {"alpha": 0.7},
        )
    if isfinite(limit):
        axes.axvline(limit, color=INK, linewidth=1, linestyle="--", label="budget")
    axes.set_xscale("log")
    axes.margins(x=0.25, y=0.15)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y", color="#e6e9ed")
