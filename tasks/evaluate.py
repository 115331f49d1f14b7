"""Stage 6, evaluate: the converted model is judged on the test split, beside the champion, on the same rows."""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from model_registry import description, gates, versions
from model_registry.gates import RuleOutcome, Verdict, finite
from model_registry.reference import DataRef, ModelRef
from model_registry.versions import Version
from tasks import progress
from tasks.bundle import Bundle
from tasks.contest import Contest, against
from tasks.data.dataset import DataSet, Split
from tasks.data.golden import read_golden
from tasks.data.raw import as_columns
from tasks.derive import BUNDLE, KERAS_FILE, opened
from tasks.gate_alone import robustness_rules, slice_rules
from tasks.gate_beside import rules_beside
from tasks.methods import metrics as measures
from tasks.methods import plots
from tasks.methods.litert import latency_ms
from tasks.model_card import as_html, as_markdown, card_of
from tasks.stage import Job, stage_task
from tasks.tracking import StageRun, stage_run

TASK = "evaluate"


def judge_candidate(
    job: Job, key: str, candidate: ModelRef, data: DataRef, champion: ModelRef | None, control: ModelRef | None
) -> Verdict:
    """Reads the test split once and says whether the candidate may be promoted.

    Args:
        job: The loop's run.
        key: The stage's cache key; the verdict is stored under it in the run.
        candidate: The converted version.
        data: The target data set.
        champion: The version in production, if any; it predicts the same raw rows with its own preprocessing.
        control: The network trained from scratch, reported beside the candidate, not judged.
    """
    config, rows = job.recipe.evaluate, DataSet.open(data)
    version, folder, _ = opened(candidate)
    progress.report(TASK, version.label, 0, 1)
    with stage_run(job.experiment_id, job.run_id, TASK, f"7 evaluate {version.label}") as run:
        run.reads(rows.card, context="test")
        run.params({"candidate": version.label, "champion": champion.uri if champion else "none", "key": key})
        test = rows.split("test")
        served = Bundle.open(folder / BUNDLE)
        probabilities = served.predict(as_columns(test.raw))
        found = measures.evaluate(probabilities, test.y)
        intervals = measures.bootstrap_intervals(
            probabilities, test.y, config.bootstrap_samples, config.confidence, seed=job.recipe.seed
        )
        values = found | _costs(version, folder, test)
        gate, contest = config.gate, Contest()
        rules = measures.judge(values, gate.floors, gate.ceilings)
        rules += slice_rules(gate.slices, rows, test, probabilities)
        rules += robustness_rules(gate.robustness, rows, test, served, job.recipe.seed)
        if champion is not None and gate.champion is not None:
            contest = against(job, gate.champion, champion, rows, test, probabilities)
            rules += contest.rules
        golden = read_golden(gate.golden, rows.card, rows.preprocessing) if gate.golden is not None else None
        beside, reigning = rules_beside(gate, folder / BUNDLE, champion, golden)
        rules += beside
        reigning = contest.champion or reigning
        run.inherits(version, *([reigning] if reigning else []))
        if contest.note:
            run.tags({"bequest.outcome": contest.note})
        verdict = Verdict(
            candidate=candidate,
            passed=measures.passes(rules),
            rules=[RuleOutcome(**asdict(rule) | {"value": finite(rule.value)}) for rule in rules],
            metrics={name: finite(value) for name, value in values.items()},
            intervals={name: (finite(low), finite(high)) for name, (low, high) in intervals.items()},
            champion=reigning.label if reigning else None,
            champion_metrics={name: finite(value) for name, value in contest.metrics.items()},
            champion_rows=contest.rows,
            control_metrics=_control(control, test),
            rows=len(test.y),
            run_id=run.run_id,
        )
        _log(run, verdict, probabilities, test.y, rows.card.classes)
        gates.record(verdict)
        judged = versions.get(version.name, version.version)
        description.write(judged, verdict)
        card = card_of(judged)
        run.text("model_card.md", as_markdown(card))
        run.text("model_card.html", as_html(card))
    outcome = "passed" if verdict.passed else "refused"
    progress.report(TASK, version.label, 1, 1, f"accuracy {found['accuracy']:.3f}, gate {outcome}")
    return verdict


def _costs(version: Version, folder: Path, test: Split) -> dict[str, float]:
    """What the served model costs: bytes, weights, milliseconds a row on one thread."""
    flatbuffer = (folder / BUNDLE / "model.tflite").read_bytes()
    return {
        "size_bytes": float(len(flatbuffer)),
        "parameters": float(version.facts["parameters"]),
        "nonzero_parameters": float(version.facts["nonzero_parameters"]),
        "latency_ms": latency_ms(flatbuffer, test.x[:1]),
    }


def _control(control: ModelRef | None, test: Split) -> dict[str, float | None]:
    """The control on the same rows, as transfer left it: trained from scratch, before search and conversion."""
    if control is None:
        return {}
    from tasks.methods.networks import store
    from tasks.methods.networks.predict import predict

    _, folder, _ = opened(control)
    found = measures.evaluate(predict(store.load(folder / KERAS_FILE), test.x), test.y)
    return {name: finite(value) for name, value in found.items()}


def _log(run: StageRun, verdict: Verdict, probabilities: np.ndarray, y: np.ndarray, classes: list[str]) -> None:
    def known(values: dict[str, float | None], prefix: str) -> dict[str, float]:
        return {f"{prefix}{name}": value for name, value in values.items() if value is not None}

    run.metrics(
        known(verdict.metrics, "test_")
        | known({f"{name}_low": low for name, (low, _) in verdict.intervals.items()}, "test_")
        | known({f"{name}_high": high for name, (_, high) in verdict.intervals.items()}, "test_")
        | known(verdict.champion_metrics, "champion_")
        | known(verdict.control_metrics, "from_scratch_")
    )
    run.json("verdict.json", verdict.model_dump(mode="json"))
    scores = measures.per_class(probabilities, y)
    run.json("per_class.json", {name: asdict(score) for name, score in zip(classes, scores, strict=True)})
    run.picture("confusion_matrix.png", plots.confusion_matrix_png(measures.confusion_matrix(probabilities, y), classes))
    curve = measures.reliability_curve(probabilities, y)
    error = verdict.metrics["expected_calibration_error"]
    run.picture("reliability.png", plots.reliability_png(curve, float("nan") if error is None else error))
    run.tags({"bequest.gate": "passed" if verdict.passed else "refused"})


@stage_task
def evaluate(
    job: Job, key: str, candidate: ModelRef, data: DataRef, champion: ModelRef | None, control: ModelRef | None
) -> Verdict:
    """Runs `judge_candidate` as a Prefect task."""
    return judge_candidate(job, key, candidate, data, champion, control)
