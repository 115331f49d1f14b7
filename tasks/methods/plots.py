"""Pictures for reports, as PNG bytes: who is taken for whom, how sure is too sure, how training went, what has drifted."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tasks.methods.canvas import BLUE, GREY, INK, ORANGE, PAPER, as_png, canvas, canvases
from tasks.methods.drift import DriftReport
from tasks.methods.metrics import ReliabilityCurve

MAX_FEATURES = 30
MAX_LABEL = 32


def confusion_matrix_png(matrix: np.ndarray, labels: Sequence[str]) -> bytes:
    """Rows by true and predicted class; colour is the share of the true class, numbers are rows.

    Args:
        matrix: Counts, int [k, k]; row i, column j: rows of class i predicted as class j.
        labels: Class names, k.

    Raises:
        ValueError: The shapes do not fit.
    """
    matrix = np.asarray(matrix)
    k = len(labels)
    if k == 0 or matrix.shape != (k, k):
        raise ValueError(
            f"Invalid `matrix`. Expected shape [{k}, {k}], as many as labels. Received: matrix.shape={matrix.shape}."
        )
    share = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
    names = [_short(label, 16) for label in labels]
    longest = max(map(len, names))
    cell = 1.3 if k <= 3 else 0.8 if k <= 5 else max(0.25, 0.62 - 0.012 * k)
    upright = longest * 0.09 < cell  # else names would run into each other
    side = cell * k + 1.1
    figure, axes = canvas(side + 0.9 + 0.09 * longest, side + (0.0 if upright else 0.09 * longest))
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(k), names, rotation=0 if upright else 90)
    axes.set_yticks(range(k), names)
    axes.set(xlabel="predicted", ylabel="true")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if k <= 25:
        axes.set_xticks(np.arange(k - 1) + 0.5, minor=True)
        axes.set_yticks(np.arange(k - 1) + 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=1.5)
        axes.tick_params(which="minor", length=0)
        size = 13 if k <= 3 else 10 if k <= 10 else 7
        for (row, column), rows in np.ndenumerate(matrix):
            if rows:  # zeros would hide what matters: where the mistakes are
                ink = "white" if share[row, column] > 0.55 else INK
                axes.text(column, row, f"{rows:,}", ha="center", va="center", color=ink, fontsize=size)
    bar = figure.colorbar(image, ax=axes, aspect=40, shrink=0.9, pad=0.02, ticks=[0, 0.5, 1], label="share of the true class")
    bar.ax.tick_params(length=0, labelsize=9, labelcolor=INK)
    bar.outline.set_visible(False)
    right = int(np.trace(matrix))
    axes.set_title(f"{right:,} of {int(matrix.sum()):,} rows right", loc="left")
    return as_png(figure)


def reliability_png(curve: ReliabilityCurve, ece: float) -> bytes:
    """Accuracy against confidence, and how many rows stand behind each bin.

    Args:
        curve: The reliability curve.
        ece: Expected calibration error, shown in the title; NaN where unknown.
    """
    figure, (axes, below) = canvases(5.2, 5.8, heights=(3.2, 1))
    filled = curve.rows > 0
    middle, width = (curve.edges[:-1] + curve.edges[1:]) / 2, np.diff(curve.edges)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.2, linestyle="--", label="perfectly calibrated")
    axes.bar(middle[filled], curve.accuracy[filled], width[filled] * 0.92, color=BLUE, alpha=0.85, label="accuracy")
    axes.plot(
        curve.confidence[filled],
        curve.accuracy[filled],
        "o",
        color=ORANGE,
        markersize=5,
        clip_on=False,
        label="at mean confidence",
    )
    axes.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="accuracy")
    axes.legend(loc="upper left", frameon=False)
    known = "" if math.isnan(ece) else f": calibration error {ece:.3f}"
    axes.set_title(f"{int(curve.rows.sum()):,} rows{known}", loc="left")
    below.bar(middle, curve.rows, width * 0.92, color=GREY)
    below.set(xlim=(0, 1), xlabel="confidence", ylabel="rows")
    axes.tick_params(labelbottom=False)
    return as_png(figure)


def history_png(logs: Mapping[str, Sequence[float]]) -> bytes:
    """Loss and accuracy over the epochs, training and validation.

    Args:
        logs: One figure an epoch, by name: loss, validation_loss, accuracy, validation_accuracy; any may be absent.
    """
    epochs = max((len(series) for series in logs.values()), default=0)
    panels = [name for name in ("loss", "accuracy") if logs.get(name) or logs.get(f"validation_{name}")]
    figure, drawn = canvases(4.6 * max(1, len(panels)), 3.6, heights=(1,), columns=max(1, len(panels)))
    for axes, name in zip(drawn, panels, strict=False):
        for key, colour, label in ((name, GREY, "training"), (f"validation_{name}", BLUE, "validation")):
            values = np.asarray(logs.get(key) or [], np.float64)
            if len(values):
                axes.plot(np.arange(1, len(values) + 1), values, "-o", markersize=3, linewidth=1.8, color=colour, label=label)
        _mark_best(axes, name, np.asarray(logs.get(f"validation_{name}") or [], np.float64))
        axes.set_title(name, loc="left")
        axes.set(xlabel="epoch", xlim=(0.5, epochs + 0.5))
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.grid(axis="y", color="#e6e9ed")
        axes.legend(frameon=False)
    return as_png(figure)


def _mark_best(axes: Any, name: str, values: np.ndarray) -> None:
    """A ring around the best epoch on validation."""
    if not np.isfinite(values).any():
        return
    best = int(np.nanargmin(values) if name == "loss" else np.nanargmax(values))
    told = f"best, {values[best]:.3f} in epoch {best + 1}"
    axes.plot(best + 1, values[best], "o", markersize=10, mfc="none", mec=ORANGE, mew=1.8, label=told)


def drift_png(report: DriftReport) -> bytes:
    """How strongly each feature speaks for drift, the strongest first, at most 30 of them.

    Args:
        report: The report on a batch.
    """
    ranked = sorted(report.features, key=lambda f: (f.p_value is None, f.p_value if f.p_value is not None else 1.0))
    shown = ranked[:MAX_FEATURES]
    limit = -math.log10(report.alpha)
    longest = math.ceil(3 * limit)
    figure, axes = canvas(7.2, 1.7 + 0.28 * max(3, len(shown)))
    for row, feature in enumerate(shown):
        p = feature.p_value
        strength = longest if p == 0 else 0.0 if p is None else min(longest, -math.log10(p))
        axes.barh(row, strength, height=0.68, color=ORANGE if feature.drifted else GREY)
        told = "no values" if p is None else f"p < 1e-{longest}" if strength == longest else f"p = {p:.2g}"
        note = f"{told}, {feature.method} {feature.statistic:.3g}"
        axes.text(strength + 0.02 * longest, row, note, va="center", fontsize=8, color=INK, bbox=PAPER)
    axes.axvline(limit, color=INK, linewidth=1, linestyle="--")
    axes.text(limit, -0.75, f" alpha = {report.alpha:g}", fontsize=8, va="bottom", color=INK)
    axes.set_xticks(range(0, longest + 1, math.ceil(longest / 8)))
    axes.set_yticks(range(len(shown)), [_short(feature.name) for feature in shown])
    axes.set(
        xlim=(0, 1.5 * longest), ylim=(max(3, len(shown)) - 0.4, -1.3), xlabel="evidence of drift, -log10 of the corrected p"
    )
    hidden = f", {len(shown)} strongest shown" if len(ranked) > len(shown) else ""
    count = sum(feature.drifted for feature in report.features)
    verdict = "drifted" if report.drifted else "not drifted"
    title = f"{count} of {len(ranked)} tests ({count / max(1, len(ranked)):.0%}) drifted, batch {verdict}{hidden}"
    figure.suptitle(title, x=0.02, ha="left", fontsize=12)
    return as_png(figure)


def _short(label: str, length: int = MAX_LABEL) -> str:
    """A long name without its middle: names of features often differ at their ends alone."""
    half = (length - 1) // 2
    return label if len(label) <= length else f"{label[:half]}…{label[-half:]}"
