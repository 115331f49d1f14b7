"""Which ancestors to inherit from, where the recipe leaves it to the registry: candidates ranked on the target data."""

from typing import Any

import numpy as np

from model_registry.errors import IntegrityError
from model_registry.reference import DataRef, ModelRef
from tasks import progress
from tasks.adapt import adapted
from tasks.data.dataset import DataSet
from tasks.derive import KERAS_FILE, opened
from tasks.methods.selection import selectors
from tasks.stage import Job, stage_task
from tasks.tracking import stage_run

MOST_ROWS = 2000


def rank(job: Job, key: str, candidates: list[ModelRef], data: DataRef) -> list[ModelRef]:
    """Ranks candidates by how well their features tell the target's classes apart, on training rows alone.

    Args:
        job: The loop's run.
        key: The stage's cache key.
        candidates: Versions to choose from.
        data: The target data set.

    Returns:
        The best `inherit.max_ancestors`, best first; empty where no candidate can take the target's input.
    """
    from tasks.methods.networks import graph, store

    config, rows = job.recipe.inherit, DataSet.open(data)
    train = rows.split("train")
    # Rows keep the order of their source, which may be sorted by class.
    sample = np.random.default_rng(job.recipe.seed).permutation(len(train.y))[:MOST_ROWS]
    x, y = train.x[sample], train.y[sample]
    scored: list[tuple[float, ModelRef]] = []
    table: list[dict[str, Any]] = []
    damaged: list[str] = []
    with stage_run(job.experiment_id, job.run_id, "select", "2 select ancestors") as run:
        run.params({"selector": config.selector, "candidates": len(candidates), "key": key})
        for position, candidate in enumerate(candidates):
            label = f"{candidate.name}/{candidate.version}"
            progress.report("select", label, position, len(candidates))
            try:
                version, folder, solution = opened(candidate)
                model = adapted(job, version, store.load(folder / KERAS_FILE), solution, rows)
                score = selectors.get(config.selector)(graph.features(model, x), y, job.recipe.seed)
            except (ValueError, IntegrityError) as error:
                table.append({"candidate": label, "score": None, "reason": str(error)})
                if isinstance(error, IntegrityError):
                    damaged.append(str(error))
                continue
            scored.append((score, candidate))
            table.append({"candidate": label, "score": score, "reason": ""})
        scored.sort(key=lambda pair: -pair[0])
        chosen = [candidate for _, candidate in scored[: config.max_ancestors]]
        run.json("ranking.json", table)
        run.metrics({f"score_{position}": score for position, (score, _) in enumerate(scored)})
        notes = [f"chosen: {', '.join(ref.uri for ref in chosen) or 'none, starting fresh'}"]
        notes += [f"left out, as it is damaged: {reason}" for reason in damaged]
        run.tags({"bequest.outcome": "; ".join(notes)})
    progress.report("select", ", ".join(ref.uri for ref in chosen) or "none", len(candidates), len(candidates))
    return chosen


@stage_task
def select(job: Job, key: str, candidates: list[ModelRef], data: DataRef) -> list[ModelRef]:
    """Runs `rank` as a Prefect task."""
    return rank(job, key, candidates, data)
