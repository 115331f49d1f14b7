"""The rows of a ranking, each with its reason in words, and its verdict."""

from math import isfinite

from model_registry import gates
from tasks.candidates import Candidate
from tasks.data.dataset import DataSet
from tasks.methods.selection.race import CLEAR, Race
from tasks.racing import CONTROL
from tasks.ranking import Entry, Raced
from tasks.solution_fit import solution_fit


def entries_of(
    found: list[Candidate],
    order: list[str],
    ranks: dict[str, float],
    race: Race | None,
    chosen: list[str],
    names: list[str],
    rows: DataSet,
) -> list[Entry]:
    """The table of a ranking: those ranked in order, then those left out.

    Args:
        found: All candidates.
        order: Labels of those that are ranked, best first.
        ranks: Their mean ranks over the selectors.
        race: The race, where there was one.
        chosen: Labels of whom to inherit from.
        names: The selectors.
        rows: The target data set.
    """
    by_label = {each.version.label: each for each in found}
    passed_over = "others come first" if chosen else "the network from scratch is ahead of the winner"
    labels = [*order, *(label for label in by_label if label not in order)]
    entries = []
    for position, label in enumerate(labels, 1):
        each, ranked = by_label[label], label in order
        run = raced(race, label) if race and label in race.order else None
        facts = {name: each.version.figure(name) for name in ("parameters", "size_bytes")} | {"latency_ms": _latency(each)}
        place = f"{_ordinal(position)} of {len(order)} by {_by(names, each, ranks.get(label))}"
        entries.append(
            Entry(
                version=label,
                rank=position if ranked else None,
                scores=each.scores,
                mean_rank=ranks.get(label),
                relevance=each.relevance,
                race=run,
                chosen=label in chosen,
                solution=solution_fit(each.solution, rows) if each.solution else None,
                reason=f"{place}{_outcome(run, '' if label in chosen else passed_over)}"
                if ranked
                else f"left out: {each.refusal}",
                **facts,
            )
        )
    return entries


def _latency(candidate: Candidate) -> float | None:
    """Of a row as served, as it was measured when the version was judged."""
    verdict = gates.read(candidate.version) if candidate.version.gate else None
    return verdict.metrics.get("latency_ms") if verdict else candidate.version.figure("latency_ms")


def _by(names: list[str], candidate: Candidate, mean_rank: float | None) -> str:
    if len(names) > 1:
        return f"mean rank over {', '.join(names)} ({mean_rank:.3g})"
    score = candidate.scores.get(names[0])
    return f"{names[0]} ({score:.3g})" if score is not None else names[0]


def _outcome(run: Raced | None, passed_over: str) -> str:
    """What the race says of a candidate, and why it is passed over where it is, as the end of a sentence."""
    if run is None:
        return f"; {passed_over}" if passed_over else ""
    after, own = _after(run.control_epochs), ""
    if run.epochs < run.control_epochs:
        own = f" {_after(run.epochs)}" if run.epochs else " untrained"
    if run.loss is None:
        return f"; it could not be trained {after}"
    if run.beaten and run.lead is not None:
        return f"; {after} a network from scratch loses {-run.lead:.3f} less: what it has learned is in the way"
    if run.lead is None or run.error is None:
        told = f"; {after} its validation loss is {run.loss:.3f}"
    elif run.lead > CLEAR * run.error:
        told = f"; it loses {run.lead:.3f} less{own} than a network from scratch {after}"
    else:
        told = f"; {after} it differs from a network from scratch by no more than chance ({run.lead:+.3f} ± {run.error:.3f})"
    return f"{told}, but {passed_over}" if passed_over else told


def _after(epochs: int) -> str:
    return f"after {epochs} epoch{'s' if epochs > 1 else ''}"


def raced(race: Race, name: str) -> Raced:
    """How a candidate, or the control, did in the race."""
    last = race.last(name)
    loss = last.loss(name)
    if name == CONTROL:
        return Raced(epochs=last.epochs, control_epochs=last.epochs, loss=loss if isfinite(loss) else None)
    lead, error = race.lead(name, CONTROL)
    known = isfinite(lead) and isfinite(error) and isfinite(loss)
    return Raced(
        epochs=race.trained[name],
        control_epochs=race.last(name, CONTROL).epochs,
        loss=loss if isfinite(loss) else None,
        lead=lead if known else None,
        error=error if known else None,
        beaten=race.clearly_ahead(CONTROL, name),
    )


def verdict_of(found: list[Candidate], order: list[str], race: Race | None, chosen: list[str]) -> str:
    """The choice and its reason in words; arguments as in `entries_of`."""
    uris = {each.version.label: each.version.uri for each in found}
    if chosen:
        said = f"chosen: {', '.join(uris[label] for label in chosen)}, of {len(order)} that can be used on these rows"
        left = [label for label in order if race and label in race.order and race.clearly_ahead(CONTROL, label)]
        return f"{said}; a network from scratch is ahead of {', '.join(left)}" if left else said
    start = "chosen: none, starting fresh"
    if not found:
        return f"{start}: the registry holds no version of another project"
    if not order:
        return f"{start}: none of the registry's candidates ({len(found)}) can be used on these rows"
    best = next(label for label in race.order if label != CONTROL) if race else order[0]
    return (
        f"{start}: no ancestor helps, a network from scratch learns these rows better than {best}, the best of {len(order)} "
        "(negative transfer)"
    )


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number % 100 not in (11, 12, 13) else 0, "th")
    return f"{number}{ending}"
