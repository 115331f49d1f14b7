"""The final model under a budget: ways to compress are searched, and every one that no other beats becomes a version."""

import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_registry.errors import BequestError
from model_registry.reference import DataRef, ModelRef
from model_registry.store import ensure
from model_registry.versions import Operation, Version
from tasks import progress
from tasks.data.dataset import DataSet
from tasks.derive import KERAS_FILE, derive, opened, parent, standing
from tasks.learning import augmenter, pairs, target_solution
from tasks.methods.planning.front import Budget, Point, front, pick
from tasks.plan_journal import Journal
from tasks.serving_files import calibration_rows, write_serving_files
from tasks.solution import Solution
from tasks.stage import Job, stage_task
from tasks.tracking import StageRun, stage_run

if TYPE_CHECKING:
    from tasks.methods.planning.served import Served

TASK = "plan"
_OPERATIONS: dict[str, Operation] = {"channels": "pruned", "sparsity": "pruned", "clusters": "clustered"}


def plan_compression(job: Job, key: str, model_ref: ModelRef, data: DataRef) -> ModelRef:
    """Searches ways to compress the trained version, registers the front, and returns the version to serve.

    Each network is judged as it would be served, on validation. A search that is cut off carries on with what it has tried.

    Args:
        job: The loop's run.
        key: The stage's cache key.
        model_ref: The trained version.
        data: The target data set; its training split gives the calibration set.

    Raises:
        BequestError: LiteRT has no operation for one of the network's layers.
    """
    from tasks.methods.planning.served import Served

    version, folder, incoming = opened(model_ref)
    made = standing(job, key)
    if made is not None:
        return made
    config, rows = job.recipe.compress, DataSet.open(data)
    limits = Budget(**config.budget.limits)
    journal = Journal(ensure().home / "plans" / key, afresh="convert" in job.refreshed)
    with stage_run(job.experiment_id, job.run_id, TASK, f"6 plan compression of {version.label}") as run:
        run.inherits(version)
        run.params(config.search.model_dump(mode="json") | asdict(limits) | {"max_drop": config.max_drop})
        points = _search(job, journal, folder, rows, limits)
        trained = next(point for point in points if point.candidate == 0 and point.mode == "float32")
        chosen, within = pick(points, trained, limits, config.max_drop)
        _tell(run, points, trained, chosen, limits, within)
        solution = target_solution(job, rows, incoming.tuned)
        before = Served.of(journal.flatbuffer(trained).read_bytes(), pairs(rows)[1])
        register = partial(_register, job, run, journal, before, version, solution, rows, data)
        others = [point for point in front(points, packed=limits.packed) if point != chosen]
        for number, point in enumerate(others):
            progress.report(TASK, point.title, number, len(others) + 1, "registered")
            register(point, f"{key}.{number}")
        made = register(chosen, key)  # last: once it stands, so do all others
        progress.report(TASK, chosen.title, 1, 1, f"{chosen.size_bytes / 1024:.0f} KiB")
    journal.remove()
    return made


def _search(job: Job, journal: Journal, folder: Path, rows: DataSet, limits: Budget) -> list[Point]:
    """All points found; the first network is the one that came in, and float32 is among its modes."""
    from tasks.methods.networks import store
    from tasks.methods.networks.fit import FitSettings
    from tasks.methods.planning.attempt import attempt
    from tasks.methods.planning.judge import AWARE, judge, judge_aware
    from tasks.methods.planning.search import Search

    config, (train, validation) = job.recipe.compress.search, pairs(rows)
    model, calibration = store.load(folder / KERAS_FILE), calibration_rows(job, train[0])
    settings = FitSettings(
        epochs=config.epochs, batch_size=job.recipe.train.batch_size, learning_rate=config.learning_rate, seed=job.recipe.seed
    )
    tried = journal.read()
    search, deadline = Search(job.recipe.seed, tried, packed=limits.packed), time.monotonic() + config.timeout_s
    for candidate in search.proposals(config.trials):
        number = len(tried)
        if number and time.monotonic() > deadline:
            break

        def tell(step: str, number: int = number) -> None:
            progress.report(TASK, f"network {number + 1} of {config.trials}", number, config.trials, step)

        modes = [mode for mode in config.modes if mode != AWARE]
        modes = modes if number else ["float32", *(mode for mode in modes if mode != "float32")]
        judged: dict[str, tuple[Point, bytes]] = {}
        small: Any = None
        own: dict[str, Any] = {}
        try:
            small, spent = attempt(model, candidate, train, validation, settings, augment=augmenter(job, rows), on_step=tell)
            made: dict[str, Any] = {"steps": candidate.titles, "training_steps": spent, "candidate": number}
            judged = judge(small, modes, calibration, validation, **made)
            if AWARE in config.modes:
                tell("int8, quantization-aware")
                point, flatbuffer, own[AWARE] = judge_aware(small, train, validation, settings, **made)
                judged[AWARE] = point, flatbuffer
        except ValueError:  # one network that diverges, or has no form for int8, is no reason to give up: it has fewer points
            pass
        if not number and "float32" not in judged:
            raise BequestError(
                f"{job.name}: LiteRT can't run one of the trained network's layers. Inherit from another ancestor, or state "
                "another model.architecture."
            )
        journal.add(candidate, small, judged, own)
        search.learn(candidate, [point for point, _ in judged.values()])
        tried.append((candidate, [point for point, _ in judged.values()]))
    return [point for _, points in tried for point in points]


def _tell(run: StageRun, points: list[Point], trained: Point, chosen: Point, limits: Budget, within: bool) -> None:
    from tasks.methods.planning.picture import front_png

    best = front(points, packed=limits.packed)
    run.json("points.json", [asdict(point) | {"front": point in best, "served": point == chosen} for point in points])
    run.picture("front.png", front_png(points, trained, chosen, limits))
    ratio = trained.size_bytes / chosen.size_bytes
    run.metrics(
        {
            "validation_accuracy": chosen.accuracy,
            "validation_accuracy_before": trained.accuracy,
            "size_bytes": chosen.size_bytes,
            "packed_bytes": chosen.packed_bytes,
            "ratio": ratio,
            "latency_ms": chosen.latency_ms,
            "points": len(points),
            "front": len(best),
            "within_budget": float(within),
        }
    )
    missed = (
        ""
        if within
        else f"; no way within the budget loses so little, this one passes it by {limits.excess(chosen, trained) - 1:.0%}"
    )
    low, high = chosen.interval
    outcome = (
        f"{chosen.title} is served: {ratio:.1f} times smaller than float32, validation accuracy {chosen.accuracy:.4f} "
        f"({low:.3f} to {high:.3f}), before {trained.accuracy:.4f}{missed}"
    )
    run.tags({"bequest.outcome": outcome})


def _register(
    job: Job,
    run: StageRun,
    journal: Journal,
    before: "Served",
    version: Version,
    solution: Solution,
    rows: DataSet,
    data: DataRef,
    point: Point,
    key: str,
) -> ModelRef:
    """The version of one point, with the very flatbuffer that was judged; the standing one where a run before made it."""
    from tasks.methods.networks import store
    from tasks.methods.planning.served import Change, Served

    made = standing(job, key)
    if made is not None:
        return made
    served = Served.of(journal.flatbuffer(point).read_bytes(), pairs(rows)[1])
    facts = Change(before, served, job.recipe.seed).facts | {
        "latency_ms": point.latency_ms,
        "packed_bytes": point.packed_bytes,
        "training_steps": point.training_steps,
        "mode": point.mode,
        "steps": point.title,
    }
    last = point.steps[-1].split()[0] if point.steps else ""
    return derive(
        job,
        run,
        key,
        store.load(journal.network(point)),
        operation="quantized" if point.mode != "float32" else _OPERATIONS.get(last, "converted"),
        parents=[parent(version)],
        solution=solution,
        data=data,
        facts=facts,
        extras=partial(
            write_serving_files, job=job, rows=rows, flatbuffer=served.flatbuffer, probabilities=served.probabilities
        ),
    )


@stage_task
def plan(job: Job, key: str, model_ref: ModelRef, data: DataRef) -> ModelRef:
    """Runs `plan_compression` as a Prefect task."""
    return plan_compression(job, key, model_ref, data)
