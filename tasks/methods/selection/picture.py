"""A ranking as a picture: the candidates' scores, and how the best of them did in the race beside the control."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tasks.methods.canvas import GREY, INK, ORANGE, as_png, canvas, canvases
from tasks.methods.selection.race import Race

MAX_SHOWN = 30
_LONGEST = 30  # characters of a name
_LINES = ("#2f6db3", "#5b9f6b", "#8c6bb1", "#4fb3bf", "#b5763a", "#7f7f7f")  # lines of contestants, the best first


def ranking_png(
    ranked: Sequence[tuple[str, Mapping[str, float | None], float]], race: Race | None, control: str, chosen: Collection[str]
) -> bytes:
    """Scores on the left; on the right, where there was a race, validation loss by epochs.

    Args:
        ranked: Name, scores by selector and mean rank of each candidate, best first; at least one.
        race: The race of some of them and the control.
        control: The control's name in the race.
        chosen: Names of those that are inherited from.
    """
    shown = ranked[:MAX_SHOWN]
    height = 1.9 + 0.3 * max(4, len(shown))
    figure, drawn = canvases(11.0, height, heights=(1,), columns=2) if race else _alone(height)
    _scores(drawn[0], shown, len(ranked), chosen)
    if race:
        _race(drawn[1], race, control, chosen)
    return as_png(figure)


def _alone(height: float) -> tuple[Any, list[Any]]:
    figure, axes = canvas(6.4, height)
    return figure, [axes]


def _scores(
    axes: Any, shown: Sequence[tuple[str, Mapping[str, float | None], float]], count: int, chosen: Collection[str]
) -> None:
    names = list(shown[0][1])
    single = names[0] if len(names) == 1 else None
    values = [scores[single] if single else mean_rank for _, scores, mean_rank in shown]
    known = [value for value in values if value is not None]
    room = 0.12 * (max(known) - min(known)) or 0.1 * abs(known[0]) or 0.1
    start = max(known) + room if not single else min(known) - room  # ranks grow towards the worse
    for row, ((name, _, _), value) in enumerate(zip(shown, values, strict=True)):
        if value is None:
            continue
        colour = ORANGE if name in chosen else GREY
        axes.plot([start, value], [row, row], color=colour, linewidth=1.2, alpha=0.6)
        axes.plot(value, row, "o", color=colour, markersize=8)
        axes.annotate(f"{value:.3g}", (value, row), (9, 0), textcoords="offset points", va="center", fontsize=8, color=INK)
    axes.set_yticks(range(len(shown)), [_short(name) for name, _, _ in shown])
    for label, (name, _, _) in zip(axes.get_yticklabels(), shown, strict=True):
        label.set_fontweight("bold" if name in chosen else "normal")
    ends = (start, max(known) + 2 * room) if single else (start, min(known) - 2 * room)
    axes.set(ylim=(max(4, len(shown)) - 0.4, -0.8), xlim=ends)
    axes.set_xlabel(f"{single}, higher is better" if single else f"mean rank over {', '.join(names)}", fontsize=9)
    hidden = f", the {len(shown)} best shown" if count > len(shown) else ""
    axes.set_title(f"{count} candidate{'s' if count > 1 else ''}, {len(chosen)} chosen{hidden}", loc="left", fontsize=10)
    axes.grid(axis="x", color="#e6e9ed")


def _race(axes: Any, race: Race, control: str, chosen: Collection[str]) -> None:
    colours = dict(zip((name for name in race.order if name != control), _LINES * len(race.order), strict=False))
    for name in race.order:
        points = [(each.epochs, each.loss(name)) for each in race.rounds if name in each.rows]
        style = {"color": INK, "linestyle": "--", "marker": "s"} if name == control else {"color": colours[name], "marker": "o"}
        mark = " (chosen)" if name in chosen else ""
        if points:
            axes.plot(*zip(*points, strict=True), linewidth=1.8, markersize=6, label=f"{_short(name)}{mark}", **style)
    axes.set_title(_verdict(race, control), loc="left", fontsize=10)
    axes.set_xlabel("epochs", fontsize=9)
    axes.set_ylabel("validation loss", fontsize=9)
    ends = sorted({each.epochs for each in race.rounds})
    axes.set_xticks(ends)
    axes.set_xlim(ends[0] - 0.3, ends[-1] + 0.3)
    axes.grid(axis="y", color="#e6e9ed")
    axes.legend(frameon=False, fontsize=9)


def _verdict(race: Race, control: str) -> str:
    best = next((name for name in race.order if name != control), control)
    if best == control or not {best, control} <= set(race.last(best, control).rows):
        return "race"
    lead, error = race.lead(best, control)
    first, second = (best, control) if lead >= 0 else (control, best)
    sure = "" if race.clearly_ahead(first, second) else ", which may be chance"
    return f"{_short(first)} loses {abs(lead):.3f} ± {error:.3f} less than {_short(second)}{sure}"


def _short(name: str) -> str:
    half = (_LONGEST - 1) // 2
    return name if len(name) <= _LONGEST else f"{name[:half]}…{name[-half:]}"
