"""Stage 8, feedback: a batch from production beside the reference stored with the version that served it."""

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from model_registry import artifacts, gates
from model_registry.errors import InputError
from model_registry.store import ensure, experiment
from model_registry.versions import Version
from tasks import feedback_page
from tasks.bundle import Bundle
from tasks.data import reference
from tasks.data.batch import Batch, read_batch
from tasks.data.raw import as_columns
from tasks.derive import BUNDLE
from tasks.feedback_decision import Quarantine, decide
from tasks.feedback_labels import no_labels
from tasks.feedback_report import Report
from tasks.methods import drift, plots
from tasks.methods import metrics as measures
from tasks.recipe.schema import Feedback, Recipe, Run
from tasks.solution import Solution
from tasks.stage import lone_task
from tasks.tracking import StageRun, lone_run


def watch_batch(version: Version, data: Path, target: str | None) -> Report:
    """Compares a batch with the reference of the version in production, and decides what to do.

    Labels, where the batch has them, speak first: accuracy is compared with the test split's. Drift is told per
    feature and on the predictions. Where more rows break the contract than the recipe allows, neither is trusted. Nothing is
    trained here.

    Args:
        version: The version that serves.
        data: The batch: a file or folder of the form the version was trained on, with or without labels.
        target: The label column, where it has another name than in training.

    Raises:
        InputError: The batch is not of that form, or the version carries no reference.
    """
    folder = artifacts.fetch(version)
    solution = Solution.read(folder)
    if solution.card is None or solution.recipe is None or not (folder / reference.FOLDER).is_dir():
        raise InputError(
            f"{version.label} ({version.operation}) carries no reference to compare with. Only a version that a loop converted "
            f"for serving does: put one into production with `bequest run`, or `bequest promote {version.name} VERSION`."
        )
    recipe = Recipe.model_validate(solution.recipe)
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S")
    out = ensure().reports / f"{version.name}-{at}"
    out.mkdir(parents=True, exist_ok=True)
    quarantine_to = out / "quarantine.csv"
    batch = read_batch(
        data,
        solution.card,
        solution.preprocessing or {},
        solution.contract or {},
        quarantine_to=quarantine_to,
        target=target,
    )
    limit = recipe.preprocess.contract.max_failing
    quarantine = Quarantine(batch.rows_quarantined, batch.rows_quarantined + len(batch.raw), limit, quarantine_to)
    with lone_run(experiment(version.name).experiment_id, "feedback", f"feedback {version.label}") as run:
        report, found = _compare(version, folder, batch, quarantine, recipe.feedback)
        told = {
            "batch": str(data),
            "at": at,
            "page": str(out / "report.html"),
            "run_id": run.run_id,
            "no_labels": no_labels(data, solution.card, target) if batch.y is None else "",
        }
        report = report.model_copy(update=told)
        (out / "report.json").write_text(report.model_dump_json(indent=1))
        (out / "report.html").write_text(feedback_page.render(report, plots.drift_png(found)))
        _log(run, report, out)
    return report


def _compare(
    version: Version, folder: Path, batch: Batch, quarantine: Quarantine, config: Feedback
) -> tuple[Report, drift.DriftReport]:
    features, kinds, reference_probabilities = reference.read(folder / reference.FOLDER)
    current, _ = reference.features_of(batch.raw)
    settings = config.drift
    # Features and predictions are two reports: each gets half of the false-alarm rate, so that the batch keeps the whole.
    options: dict[str, Any] = {"numeric": settings.numeric, "categorical": settings.categorical, "alpha": settings.alpha / 2}
    found = drift.report(features, current, kinds, min_share=settings.min_share, **options)
    bundle = Bundle.open(folder / BUNDLE)
    probabilities = bundle.predict(as_columns(batch.raw))
    predicted = drift.report(
        _predictions(reference_probabilities, bundle.labels),
        _predictions(probabilities, bundle.labels),
        {"predicted label": "categorical", "confidence": "numeric"},
        min_share=0.0,
        **options,
    )
    verdict = gates.read(version)
    performance = _performance(probabilities, batch, verdict, config)
    drifted = found.drifted or predicted.drifted
    decision, reason = decide(
        labelled=int(batch.labelled.sum()) >= config.min_rows,
        quarantine=quarantine,
        drifted=drifted,
        degraded=performance.get("degraded", False),
        config=config,
    )
    report = Report(
        name=version.name,
        version=version.label,
        batch_sha256=batch.fingerprint,
        rows=len(probabilities),
        quarantined=quarantine.rows,
        quarantine=str(quarantine.path) if quarantine.rows else "",
        labelled=batch.y is not None,
        features=[asdict(feature) for feature in found.features],
        predictions=[asdict(feature) for feature in predicted.features],
        drifted_share=found.share,
        drifted=drifted,
        decision=decision,
        reason=reason,
        **performance,
    )
    return report, replace(found, features=predicted.features + found.features, drifted=drifted)


def _predictions(probabilities: np.ndarray, labels: list[str]) -> dict[str, np.ndarray]:
    names = np.array(labels, dtype=object)
    return {"predicted label": names[probabilities.argmax(axis=1)], "confidence": probabilities.max(axis=1).astype(np.float64)}


def _performance(probabilities: np.ndarray, batch: Batch, verdict: gates.Verdict | None, config: Feedback) -> dict[str, Any]:
    """Accuracy on the batch's labelled rows beside that on the test split.

    It is degraded where it fell by more than the recipe allows, and by more than chance explains at `drift.alpha`; fewer
    labels than `min_rows` are too few to say so.
    """
    if batch.y is None:
        return {}
    probabilities = probabilities[batch.labelled]
    right = probabilities.argmax(axis=1) == batch.y
    accuracy = float(right.mean())
    found: dict[str, Any] = {
        "accuracy": accuracy,
        "accuracy_interval": measures.bootstrap_intervals(probabilities, batch.y)["accuracy"],
    }
    expected = verdict.metrics.get("accuracy") if verdict else None
    if verdict is None or expected is None:
        return found
    p_value = measures.accuracy_drop((round(expected * verdict.rows), verdict.rows), (int(right.sum()), len(right)))
    fallen = accuracy < expected - config.max_accuracy_drop and p_value <= config.drift.alpha
    degraded = fallen and len(right) >= config.min_rows
    return found | {"accuracy_reference": expected, "accuracy_drop_p_value": p_value, "degraded": degraded}


def _log(run: StageRun, report: Report, out: Path) -> None:
    run.params({"version": report.version, "batch": report.batch, "batch_sha256": report.batch_sha256})
    figures = {
        "rows": report.rows,
        "rows_quarantined": report.quarantined,
        "drifted_share": report.drifted_share,
        "drifted": float(report.drifted),
        "degraded": float(report.degraded),
    }
    if report.accuracy is not None:
        figures["accuracy"] = report.accuracy
    run.metrics(figures)
    run.tags({"bequest.decision": report.decision, "bequest.reason": report.reason})
    run.json("drift.json", json.loads(report.model_dump_json()))
    run.file(out / "report.html")


def limits(version: Version) -> Run:
    """How often and how long the version's recipe lets a stage try; the defaults where it has none."""
    recipe = Solution.read(artifacts.fetch(version)).recipe
    return Run() if recipe is None else Recipe.model_validate(recipe).run


@lone_task("feedback")
def watch(version: Version, data: str, target: str | None) -> Report:
    """Runs `watch_batch` as a Prefect task."""
    return watch_batch(version, Path(data), target)
