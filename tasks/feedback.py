"""Stage 8, feedback: a batch from production beside the reference stored with the version that served it."""

import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from model_registry import artifacts, gates
from model_registry.errors import InputError
from model_registry.store import ensure, experiment
from model_registry.versions import Version
from tasks import feedback_page, feedback_plots
from tasks.bundle import Bundle
from tasks.data import reference
from tasks.data.batch import Batch, read_batch
from tasks.data.raw import as_columns
from tasks.derive import BUNDLE
from tasks.feedback_decision import Evidence, Moment, Quarantine, decide, is_bad
from tasks.feedback_history import Seen, log_window, seen
from tasks.feedback_labels import no_labels
from tasks.feedback_performance import estimated, expected_of, measured
from tasks.feedback_report import Report
from tasks.kept_batch import batch_key
from tasks.methods import drift
from tasks.methods.drift.multivariate.base import sampled
from tasks.recipe.feedback_schema import Feedback
from tasks.recipe.schema import Recipe, Run
from tasks.solution import Solution
from tasks.stage import lone_task
from tasks.tracking import lone_run

_STAMP = "%Y-%m-%dT%H-%M-%S"


def watch_batch(version: Version, data: Path, target: str | None) -> Report:
    """Compares a batch with the reference of the version in production, and decides what to do.

    Labels, where the batch has them, speak first: accuracy is compared with the test split's. Without them it is estimated from
    confidence. Drift is told per feature, of all features together and on the predictions. Where more rows break the contract
    than the recipe allows, none of it is trusted. Nothing is trained here.

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
    out, now = new_folder(version.name)
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
    before = seen(version.name)
    window = batch_key(batch.fingerprint, version, target)
    moment = Moment(window, version.label, now, [each.past for each in before])
    with lone_run(experiment(version.name).experiment_id, "feedback", f"feedback {version.label}") as run:
        report, found = _compare(version, folder, batch, quarantine, recipe.feedback, moment)
        told = {
            "batch": str(data),
            "at": now.strftime(_STAMP),
            "page": str(out / "report.html"),
            "run_id": run.run_id,
            "no_labels": no_labels(data, solution.card, target) if batch.y is None else "",
        }
        report = report.model_copy(update=told)
        history = [*before, Seen.of(report, moment)]
        (out / "report.json").write_text(report.model_dump_json(indent=1))
        (out / "report.html").write_text(feedback_page.render(report, feedback_plots.pictures(report, found, history)))
        log_window(run, report, moment, out / "report.html")
    return report


def new_folder(name: str) -> tuple[Path, datetime]:
    """A folder for a model's report, and the time in its name; two looks within a second never share one."""
    while True:
        now = datetime.now(UTC)
        out = ensure().reports / f"{name}-{now.strftime(_STAMP)}"
        try:
            out.mkdir(parents=True)
        except FileExistsError:
            time.sleep(0.05)
        else:
            return out, now


def _compare(
    version: Version, folder: Path, batch: Batch, quarantine: Quarantine, config: Feedback, moment: Moment
) -> tuple[Report, drift.DriftReport]:
    known = reference.read(folder / reference.FOLDER)
    current, _ = reference.features_of(batch.raw)
    settings = config.drift
    bundle = Bundle.open(folder / BUNDLE)
    probabilities = bundle.predict(as_columns(batch.raw))
    found = drift.report(
        known.features,
        current,
        known.kinds,
        numeric=settings.numeric,
        categorical=settings.categorical,
        alpha=settings.alpha,
        min_share=settings.min_share,
        multivariate=settings.multivariate,
        predictions=(_predictions(known.probabilities, bundle.labels), _predictions(probabilities, bundle.labels)),
        prediction_kinds={"predicted label": "categorical", "confidence": "numeric"},
        embeddings=_embeddings(known, bundle, batch) if settings.embedding else None,
        embedding=settings.embedding or "mmd",
    )
    expected = expected_of(gates.read(version))
    performance = {} if batch.y is None else measured(probabilities[batch.labelled], batch.y, expected, config)
    if known.y is not None:
        performance |= estimated((known.probabilities, known.y), probabilities, expected, config)
    labelled = int(batch.labelled.sum()) >= config.min_rows
    evidence = Evidence(
        labelled=labelled,
        measured=performance.get("degraded") if labelled else None,
        estimated=performance.get("estimated_degraded"),
        drifted=found.drifted,
    )
    decision, reason = decide(evidence, quarantine, config, moment)
    report = Report(
        name=version.name,
        version=version.label,
        batch_sha256=batch.fingerprint,
        rows=len(probabilities),
        quarantined=quarantine.rows,
        quarantine=str(quarantine.path) if quarantine.rows else "",
        labelled=batch.y is not None,
        features=[asdict(feature) for feature in found.features],
        predictions=[asdict(each) for each in found.predictions],
        together=[asdict(each) for each in found.together],
        drifted_share=found.share,
        drifted=found.drifted,
        alpha=settings.alpha,
        basis=evidence.basis,
        bad=is_bad(evidence, quarantine, config),
        decision=decision,
        reason=reason,
        **performance,
    )
    return report, replace(found, features=found.predictions + found.together + found.features)


def _embeddings(known: reference.Reference, bundle: Bundle, batch: Batch) -> tuple[np.ndarray, np.ndarray] | None:
    """What the network makes of pictures of the reference and of some of the batch; None where the version has none."""
    if known.embeddings is None or not isinstance(batch.raw, np.ndarray):
        return None
    current = bundle.embed(sampled(batch.raw, reference.MOST_EMBEDDED, seed=0))
    return None if current is None else (known.embeddings, current)


def _predictions(probabilities: np.ndarray, labels: list[str]) -> dict[str, np.ndarray]:
    names = np.array(labels, dtype=object)
    return {"predicted label": names[probabilities.argmax(axis=1)], "confidence": probabilities.max(axis=1).astype(np.float64)}


def limits(version: Version) -> Run:
    """How often and how long the version's recipe lets a stage try; the defaults where it has none."""
    recipe = Solution.read(artifacts.fetch(version)).recipe
    return Run() if recipe is None else Recipe.model_validate(recipe).run


@lone_task("feedback")
def watch(version: Version, data: str, target: str | None) -> Report:
    """Runs `watch_batch` as a Prefect task."""
    return watch_batch(version, Path(data), target)
