"""What every picture is drawn on: paper, ink, colours, and the bytes it ends as."""

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY, INK = "#2f6db3", "#e07b39", "#9aa3ad", "#2b3038"
PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}  # behind text that crosses a line


def canvas(width: float, height: float) -> "tuple[Figure, Any]":
    """A figure in inches with one pair of axes."""
    figure, (axes,) = canvases(width, height, heights=(1,))
    return figure, axes


def canvases(width: float, height: float, heights: tuple[float, ...], columns: int = 1) -> "tuple[Figure, list[Any]]":
    """A figure in inches with its axes, row by row. Made without pyplot, whose global state two threads would share."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)
    figure = Figure(figsize=(width, height), dpi=140, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    drawn = list(figure.subplots(len(heights), columns, squeeze=False, height_ratios=heights).ravel())
    for axes in drawn:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[:].set_color(GREY)
        axes.tick_params(color=GREY, labelcolor=INK, labelsize=9)
        axes.set_axisbelow(True)
    return figure, drawn


def as_png(figure: "Figure") -> bytes:
    """The figure's bytes; equal figures give equal ones."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})  # the same picture is the same bytes
    return buffer.getvalue()
