"""Watch production: a batch is compared with the reference, and on drift or degradation the loop runs again."""

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from pydantic import BaseModel, ConfigDict

from flows.inherit import inherit
from flows.outcome import Outcome
from model_registry import artifacts, ledger, stages, versions
from model_registry.errors import BequestError, InputError
from model_registry.store import ensure
from model_registry.versions import Version
from tasks.feedback import Report, limits, watch
from tasks.feedback_data import with_batches
from tasks.feedback_history import batch_kept, batches_until, retraining_started
from tasks.kept_batch import batch_key, keep_batch
from tasks.recipe.inherit import dump
from tasks.recipe.load import parse
from tasks.recipe.schema import Recipe
from tasks.solution import Solution


class Watched(BaseModel):
    """What a look at production came to."""

    model_config = ConfigDict(frozen=True)

    report: Report
    action: str
    outcome: Outcome | None = None


@flow(name="feedback", flow_run_name="feedback {name}")
def feedback(name: str, data: str, target: str | None = None, retrain: bool = True) -> Watched:
    """Compares a batch with the production version's reference and starts the loop again where that is called for.

    With a server and its worker up, retraining is asked for by an event that an automation answers; else it runs here.

    Args:
        name: The registered model's name.
        data: The batch, labelled or not.
        target: The label column, where it has another name than in training.
        retrain: False reports only.

    Raises:
        InputError: Nothing stands in production, or the batch is not of the form it was trained on.
        BequestError: The comparison failed, or took longer than the version's recipe allows.
    """
    ensure()
    stages.reconcile(name)
    version = stages.champion(name)
    if version is None:
        versions.resolve(f"{name}@production")  # raises, naming what does stand
        raise InputError(f"{name}: nothing stands in production.")
    report = _watched(version, Path(data).absolute(), target)
    create_markdown_artifact(_markdown(report), key=f"{name.replace('.', '-').replace('_', '-')}-feedback", description=name)
    if not retrain:
        return Watched(report=report, action="reported")
    if report.decision != "retrain":
        return Watched(report=report, action=_kept_for_later(report, Path(data), version, target))
    window = batch_key(report.batch_sha256, version, target)
    answered = _answered(version.name, window)
    if answered is not None:
        return Watched(report=report, action=f"this batch was answered before, by {answered.label}")
    batch = keep_batch(Path(data), report.batch_sha256, version, target)
    batch_kept(report.run_id, batch)
    request = {
        "name": name,
        "batch": str(batch),
        "reason": f"{report.basis}: {report.reason}",
        "reference_version": version.label,
        "window": window,
    }
    # Noted first: should this process die once the event is out, the next batch must not start another retraining.
    retraining_started(report.run_id, "asked for")
    by_event = _asked_by_event(request)
    retraining_started(report.run_id, "asked for by an event" if by_event else "run by feedback")
    if by_event:
        return Watched(report=report, action="retraining was asked for by the event bequest.retrain.requested")
    return Watched(report=report, action="retrained", outcome=retrain_flow(**request))


def _kept_for_later(report: Report, data: Path, version: Version, target: str | None) -> str:
    """Keeps a labelled batch that starts nothing, as the next retraining learns from it, too; says what was done."""
    recipe = Recipe.model_validate(Solution.read(artifacts.fetch(version)).recipe)
    if report.accuracy is None or report.decision == "data" or not recipe.feedback.retrain_on:
        return "reported"
    try:
        batch_kept(report.run_id, keep_batch(data, report.batch_sha256, version, target))
    except InputError as error:
        return f"reported; the next retraining can't learn from it: {error}"
    return "reported, and kept for the next retraining"


def _watched(version: Version, data: Path, target: str | None) -> Report:
    """The report, made within the tries and the time that the version's own recipe sets."""
    settings = limits(version)
    configured = watch.with_options(retries=settings.retries, timeout_seconds=settings.timeout_s)
    try:
        return configured(version, str(data), target)
    except TimeoutError as error:
        raise BequestError(
            f"feedback was given up after {settings.timeout_s} s (run.timeout_s in the recipe of {version.label}). "
            "Give it fewer rows at once, or raise run.timeout_s and run the recipe again."
        ) from error


@flow(name="retrain", flow_run_name="retrain {name}")
def retrain(name: str, batch: str, reason: str, reference_version: str, window: str = "") -> Outcome | None:
    """Runs the loop again with the production version as parent, its solution inherited and batches added to its data.

    Labelled batches that were looked at before, and called for nothing, are learned from as well.

    Args:
        name: The registered model's name.
        batch: The labelled batch to add, kept in the workspace.
        reason: Why, for the lineage.
        reference_version: The production version the batch was compared with; it becomes the parent.
        window: Hash of the batch and its labels, by which a second request for it is recognised.
    """
    if window and _answered(name, window) is not None:
        return None  # the same request twice: hourly feedback on one batch while its retraining waited
    parent = versions.resolve(reference_version)
    path = _retraining_recipe(parent, batch, window)
    kind = reason.split(":", maxsplit=1)[0]
    return inherit(
        str(path),
        trigger={"kind": kind, "reason": reason, "parent": parent.label, "batch": batch, "window": window},
    )


retrain_flow = retrain  # `feedback` has a parameter of the same name


def _retraining_recipe(parent: Version, batch: str, window: str) -> Path:
    """The parent's own recipe, inheriting from the parent, with batches added; kept as a file of its own."""
    solution = Solution.read(artifacts.fetch(parent))
    if solution.recipe is None:
        raise InputError(f"{parent.label} has no recipe to run again. Promote a version that a loop made.")
    stated: dict[str, Any] = dict(solution.recipe)
    stated["inherit"] = {"ancestors": [parent.uri], "solution": True}
    data, config = stated["data"], Recipe.model_validate(solution.recipe).feedback
    earlier = [each for each in batches_until(parent.name, window) if each != batch]
    stated["data"] = with_batches(data, [*earlier, batch], config)
    if solution.card is not None and solution.card.modality == "tabular" and data["target"] is None:
        stated["data"]["target"] = solution.card.target  # a bundled source names its own label column, a batch does not
    folder = ensure().home / "recipes"
    folder.mkdir(exist_ok=True)
    path = folder / f"{parent.name}-{parent.version}-{Path(batch).stem}.yaml"
    path.write_text(dump(parse(stated, origin=f"recipe of {parent.label}")), encoding="utf-8")
    return path


def _answered(name: str, window: str) -> Version | None:
    """The version that a batch has led to, if any: one batch starts one retraining, however often it is seen.

    A retraining that ended before its version was refused or deployed does not count: the same call carries it on.
    """
    for version in versions.search(f"name = '{name}'"):
        if version.ready and version.gate and version.trigger.get("window") == window and _settled(version):
            return version
    return None


def _settled(version: Version) -> bool:
    """Whether a judged version went as far as its gate and its recipe let it."""
    if version.gate == "refused" or any(entry.version == version.version for entry in ledger.read(version.name)):
        return True
    recipe = Solution.read(artifacts.fetch(version)).recipe
    return recipe is not None and parse(recipe, origin=f"recipe of {version.label}").deploy.to == "none"


def _asked_by_event(request: dict[str, str]) -> bool:
    """Whether a running worker was asked to retrain; False where this process has to do it itself."""
    from flows.automations import emit_retrain
    from flows.services import running

    if "worker" not in running():
        return False
    return bool(emit_retrain(**request))


def _markdown(report: Report) -> str:
    drifted = [each["name"] for each in report.features + report.together + report.predictions if each["drifted"]]
    accuracy = "not known" if report.accuracy is None else f"{report.accuracy:.3f}"
    guess = report.estimated
    estimate = "not known" if guess is None else f"{guess['accuracy']:.3f} ({guess['low']:.3f} to {guess['high']:.3f})"
    no_labels = f"\n{report.no_labels}.\n" if report.no_labels else ""
    return (
        f"# {report.version}: {report.decision}\n\n{report.reason}.\n\n"
        f"| rows | quarantined | accuracy | estimated without labels | drifted |\n| --- | --- | --- | --- | --- |\n"
        f"| {report.rows} | {report.quarantined} | {accuracy} | {estimate} | {', '.join(drifted) or 'nothing'} |\n{no_labels}"
        f"\nThe whole report: `{report.page}`\n"
    )
