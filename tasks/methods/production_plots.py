"""Pictures of a model in production, as PNG bytes: accuracy along a batch's rows, and over the batches so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.methods.canvas import BLUE, GREY, INK, ORANGE, as_png, canvas, canvases
from tasks.methods.sequential import Window


@dataclass(frozen=True)
class Look:
    """One batch in the history.

    Attributes:
        label: What stands below it, a date or a number.
        version: The version it was compared with.
        accuracy: Measured; None without labels.
        estimated: Accuracy without labels, low and high; None where it is not known.
        drifted_share: Fraction of features that drifted.
        drifted: Whether the batch did.
        retrained: Whether it started the loop again.
    """

    label: str
    version: str
    accuracy: float | None
    estimated: tuple[float, float, float] | None
    drifted_share: float
    drifted: bool
    retrained: bool


def along_png(windows: Sequence[Window], alarms: Sequence[int], expected: float | None) -> bytes:
    """Accuracy in windows of a batch's rows, with intervals, and where a sequential test raised an alarm.

    Args:
        windows: In the order of time, at least one.
        alarms: Positions of the rows.
        expected: Accuracy on the test split, where known.
    """
    figure, axes = canvas(7.2, 2.9)
    middle = np.array([(each.start + each.end) / 2 for each in windows])
    accuracy = np.array([each.accuracy for each in windows])
    reach = np.array([[each.accuracy - each.low for each in windows], [each.high - each.accuracy for each in windows]])
    if expected is not None:
        axes.axhline(expected, color=GREY, linewidth=1.2, linestyle="--", label=f"on the test split, {expected:.3f}")
    style: dict[str, Any] = {"color": BLUE, "markersize": 4, "linewidth": 1.6, "elinewidth": 0.9}
    axes.errorbar(middle, accuracy, np.maximum(0, reach), fmt="-o", label="measured", **style)
    for place, alarm in enumerate(alarms):
        axes.axvline(alarm, color=ORANGE, linewidth=1.4, label=f"alarm at row {alarm:,}" if place == 0 else None)
    axes.set(xlabel="row", ylabel="accuracy", xlim=(0, windows[-1].end))
    axes.grid(axis="y", color="#e6e9ed")
    axes.legend(frameon=False, fontsize=8, loc="best")
    axes.set_title("Accuracy along the batch, 95 % intervals", loc="left", fontsize=11)
    return as_png(figure)


def history_of_looks_png(looks: Sequence[Look], expected: float | None) -> bytes:
    """Measured and estimated accuracy over the batches so far, what drifted, and where the loop started again.

    Args:
        looks: Oldest first, at least one.
        expected: The served version's accuracy on the test split, where known.
    """
    figure, (axes, below) = canvases(7.2, 4.2, heights=(2.4, 1))
    places = np.arange(len(looks))
    known = [(place, look.accuracy) for place, look in enumerate(looks) if look.accuracy is not None]
    guessed = [(place, *look.estimated) for place, look in enumerate(looks) if look.estimated is not None]
    if expected is not None:
        axes.axhline(expected, color=GREY, linewidth=1.2, linestyle="--", label="test split of the version served now")
    if guessed:
        at, middle, low, high = map(np.array, zip(*guessed, strict=True))
        axes.fill_between(at, low, high, color=ORANGE, alpha=0.18, linewidth=0)
        axes.plot(at, middle, "-s", color=ORANGE, markersize=4, linewidth=1.2, label="estimated without labels")
    if known:
        axes.plot(*map(np.array, zip(*known, strict=True)), "-o", color=BLUE, markersize=5, linewidth=1.6, label="measured")
    for panel in (axes, below):
        for place, look in enumerate(looks):
            if look.retrained:
                panel.axvline(place, color=INK, linewidth=1, linestyle=":")
    _turns(axes, looks)
    axes.set(ylabel="accuracy")
    axes.tick_params(labelbottom=False)
    axes.grid(axis="y", color="#e6e9ed")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8, loc="lower left")
    axes.set_title("Production so far (dotted: the loop started again)", loc="left", fontsize=11, pad=16)
    below.bar(places, [look.drifted_share for look in looks], 0.7, color=[ORANGE if look.drifted else GREY for look in looks])
    below.set(ylim=(0, 1), ylabel="drifted\nfeatures")
    step = max(1, -(-len(looks) // 8))
    below.set_xticks(places[::step], [look.label for look in looks][::step], fontsize=8)
    for panel in (axes, below):
        panel.set_xlim(-0.6, max(2.0, len(looks) - 0.4))
    return as_png(figure)


def _turns(axes: Any, looks: Sequence[Look]) -> None:
    """The version's name where it first serves, at the top."""
    before = None
    for place, look in enumerate(looks):
        if look.version != before:
            axes.text(place, 1.0, look.version, fontsize=7, color=INK, va="bottom", transform=axes.get_xaxis_transform())
        before = look.version
