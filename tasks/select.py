"""Which ancestors to inherit from, where the recipe leaves it to the registry: candidates ranked on the target data."""

from dataclasses import replace

from model_registry.reference import DataRef, ModelRef
from tasks import progress
from tasks.candidates import Candidate, Sample, judged
from tasks.methods.selection.order import mean_ranks
from tasks.methods.selection.race import Race
from tasks.racing import CONTROL, hold
from tasks.ranking import Ranking
from tasks.ranking_entries import entries_of, raced, verdict_of
from tasks.ranking_page import as_markdown
from tasks.stage import Job, stage_task
from tasks.tracking import StageRun, stage_run


def rank(job: Job, key: str, candidates: list[ModelRef], data: DataRef) -> Ranking:
    """Ranks candidates by what their networks make of the target's training rows, and races the best against the control.

    The race does not change their order: who starts fastest is not who ends best, a network that keeps its head least of all.
    Whoever the network from scratch is clearly ahead of in the race is not inherited from; where that is true of the one
    that wins it, nobody is, and the project starts fresh.

    Args:
        job: The loop's run.
        key: The stage's cache key.
        candidates: Versions to choose from.
        data: The target data set.

    Returns:
        The ranking; its `chosen` are at most `inherit.max_ancestors`, best first.
    """
    config = job.recipe.inherit
    with stage_run(job.experiment_id, job.run_id, "select", "2 select ancestors") as run:
        run.params({"selector": ", ".join(config.ranked_by), "candidates": len(candidates), "key": key})
        found: list[Candidate] = []
        sample = Sample.of(job, data)
        racing = max(config.race.contestants, config.max_ancestors) if config.race else 0
        for position, candidate in enumerate(candidates):
            label = f"{candidate.name}/{candidate.version}"
            progress.report("select", label, position, len(candidates))
            found.append(judged(job, candidate, sample))
            progress.report("select", label, len(candidates), len(candidates), found[-1].refusal[:28])
            found = _let_go(config.ranked_by, found, racing)
        fit = [each for each in found if not each.refusal]
        ranks = _mean_ranks(config.ranked_by, fit)
        order = sorted((each.version.label for each in fit), key=lambda label: ranks[label])
        refs = {each.version.label: each.version.ref for each in fit}
        race = None
        if config.race and order:
            by_label = {each.version.label: each for each in fit}
            race = hold(job, config.race, {label: by_label[label] for label in order[:racing]}, sample)
        chosen = _chosen(order, race, config.max_ancestors)
        ranking = Ranking(
            selectors=config.ranked_by,
            relevance=config.relevance,
            entries=entries_of(found, order, ranks, race, chosen, config.ranked_by, sample.rows),
            control=raced(race, CONTROL) if race else None,
            chosen=[refs[label] for label in chosen],
            verdict=verdict_of(found, order, race, chosen),
            run_id=run.run_id,
        )
        _tell(run, ranking, found, race)
    progress.report("select", ", ".join(chosen) or "none", 1, 1, "chosen")
    return ranking


def _mean_ranks(names: list[str], found: list[Candidate]) -> dict[str, float]:
    ranks = mean_ranks({name: [each.scores[name] for each in found] for name in names})
    return {each.version.label: float(value) for each, value in zip(found, ranks, strict=True)}


def _let_go(names: list[str], found: list[Candidate], kept: int) -> list[Candidate]:
    """The candidates so far, networks kept of the best alone: a registry may hold more than fit the memory."""
    holding = [each for each in found if each.opened is not None]
    if len(holding) <= kept:
        return found
    ranks = _mean_ranks(names, holding)
    best = set(sorted(ranks, key=lambda label: ranks[label])[:kept])
    return [each if each.opened is None or each.version.label in best else replace(each, opened=None) for each in found]


def _chosen(order: list[str], race: Race | None, most: int) -> list[str]:
    """Nobody, where the network from scratch is clearly ahead of the winner of the race; else whoever it is not ahead of."""
    if race is None:
        return order[:most]
    if race.clearly_ahead(CONTROL, next(label for label in race.order if label != CONTROL)):
        return []
    return [label for label in order if label in race.order and not race.clearly_ahead(CONTROL, label)][:most]


def _tell(run: StageRun, ranking: Ranking, found: list[Candidate], race: Race | None) -> None:
    """Table, picture, inputs and outcome, for MLflow's UI and for the loop's summary."""
    from tasks.methods.selection.picture import ranking_png

    run.json("ranking.json", ranking.model_dump(mode="json"))
    run.text("ranking.md", as_markdown(ranking))
    ranked = [entry for entry in ranking.entries if entry.rank is not None]
    if ranked:
        scores = [(entry.version, entry.scores, entry.mean_rank or 0.0) for entry in ranked]
        run.picture("ranking.png", ranking_png(scores, race, CONTROL, [entry.version for entry in ranked if entry.chosen]))
    if race:
        table = [
            {"epochs": each.epochs, "losses": {n: each.loss(n) if n in each.rows else None for n in each.order}}
            for each in race.rounds
        ]
        run.json("race.json", {"rounds": table, "order": race.order, "cpu_seconds": race.cpu_s})
    run.inherits(*(each.version for each in found if each.version.label in ranking.reasons))
    run.metrics({f"mean_rank_{position}": entry.mean_rank or 0.0 for position, entry in enumerate(ranked)})
    if len(ranking.selectors) == 1:
        firsts = [entry.scores[ranking.selectors[0]] for entry in ranked]
        run.metrics({f"score_{position}": score for position, score in enumerate(firsts) if score is not None})
    damaged = [f"left out, as it is damaged: {each.refusal}" for each in found if each.damaged]
    run.tags(
        {"bequest.outcome": "; ".join([ranking.verdict, *damaged]), "bequest.chosen": ", ".join(ranking.reasons) or "none"}
    )


@stage_task
def select(job: Job, key: str, candidates: list[ModelRef], data: DataRef) -> Ranking:
    """Runs `rank` as a Prefect task."""
    return rank(job, key, candidates, data)
