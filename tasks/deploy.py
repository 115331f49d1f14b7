"""Stage 7, deploy: the bundle is checked row for row against the Keras model, then the version's stage moves."""

from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from model_registry import gates, stages
from model_registry.errors import BequestError
from model_registry.gates import Verdict
from model_registry.reference import DataRef, ModelRef
from tasks import progress
from tasks.bundle import Bundle
from tasks.data.dataset import DataSet
from tasks.data.raw import as_columns
from tasks.derive import BUNDLE, KERAS_FILE, opened
from tasks.recipe.schema import Recipe
from tasks.stage import Job, stage_task
from tasks.tracking import stage_run


class Deployment(BaseModel):
    """Where a version stands after the loop, and how well its bundle agrees with the Keras model."""

    model_config = ConfigDict(frozen=True)

    version: str
    stage: str
    rows_checked: int
    disagreement: float
    max_difference: float


def release(job: Job, key: str, candidate: ModelRef, data: DataRef, verdict: Verdict) -> Deployment:
    """Verifies the bundle and moves the version as far as the recipe and the gate allow.

    Args:
        job: The loop's run.
        key: The stage's cache key.
        candidate: The converted version.
        data: The target data set; the check runs on all rows of its validation split.
        verdict: The gate's verdict; a version that was refused moves nowhere.

    Raises:
        BequestError: The bundle and the Keras model disagree on more rows than the recipe allows, or another version stands
            in production than the one that the candidate was judged beside.
    """
    from tasks.methods.networks import store
    from tasks.methods.networks.predict import predict

    config, rows = job.recipe.deploy, DataSet.open(data)
    version, folder, _ = opened(candidate)
    progress.report("deploy", version.label, 0, 1)
    with stage_run(job.experiment_id, job.run_id, "deploy", f"8 deploy {version.label}") as run:
        run.inherits(version)
        run.params({"to": config.to, "max_disagreement": config.max_disagreement, "key": key})
        validation = rows.split("validation")
        served = Bundle.open(folder / BUNDLE).predict(as_columns(validation.raw))
        expected = predict(store.load(folder / KERAS_FILE), validation.x)
        disagreement = float((served.argmax(axis=1) != expected.argmax(axis=1)).mean())
        difference = float(np.abs(served - expected).max())
        run.metrics({"rows_checked": len(served), "disagreement": disagreement, "max_difference": difference})
        if disagreement > config.max_disagreement:
            raise BequestError(
                f"{version.label}: its bundle and its Keras model differ on {disagreement:.2%} of {len(served)} validation "
                f"rows. Expected at most {config.max_disagreement:.2%} (deploy.max_disagreement). Nothing was promoted. "
                "Set compress.quantize.mode: float32, or raise calibration_rows."
            )
        if verdict.passed and config.to != "none" and version.stage != "Production":
            kept = gates.read(version)
            if kept is None or kept.run_id != verdict.run_id:
                gates.record(verdict)  # judged beside another champion since; the one of this verdict is back
            version = stages.promote(
                version.name,
                version.version,
                "staging" if config.approval else config.to,
                reason=job.trigger.get("reason") or f"run {job.run_id}",
                verdict=for_ledger(verdict),
                expected=judged_beside(job.recipe, verdict),
            )
        run.tags({"bequest.stage_after": version.stage})
    progress.report("deploy", version.label, 1, 1, version.stage)
    return Deployment(
        version=version.label,
        stage=version.stage,
        rows_checked=len(served),
        disagreement=disagreement,
        max_difference=difference,
    )


def for_ledger(verdict: Verdict) -> dict[str, Any]:
    """What the promotion ledger keeps of a verdict; the whole of it stands with the version."""
    return {"passed": verdict.passed, "accuracy": verdict.metrics.get("accuracy"), "champion": verdict.champion}


def judged_beside(recipe: Recipe, verdict: Verdict) -> int | Literal["any"] | None:
    """Number of the version that must stand in production still; a gate that looks at none holds beside any."""
    if not recipe.evaluate.gate.relative:
        return "any"
    return int(verdict.champion.rpartition("/")[2]) if verdict.champion else None


@stage_task
def deploy(job: Job, key: str, candidate: ModelRef, data: DataRef, verdict: Verdict) -> Deployment:
    """Runs `release` as a Prefect task."""
    return release(job, key, candidate, data, verdict)
