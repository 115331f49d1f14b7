"""A version made once more, from its recipe, its parents and its data, and compared with the one that stands."""

import tempfile
import uuid
from pathlib import Path
from socket import gethostname

from pydantic import BaseModel, ConfigDict

from flows.loop import ORDER
from flows.rerun import check_parents, rerun, stage_name
from model_registry import artifacts
from model_registry.reproduction import Outcome, Reproduction, record
from model_registry.store import ensure, experiment
from model_registry.versions import Version
from tasks import progress
from tasks.data.dataset import DataSet
from tasks.likeness import Likeness, is_measured, likeness
from tasks.made_with import MadeWith, made_with
from tasks.solution import Solution
from tasks.source_again import SourceAgain, State, source_again
from tasks.stage import Job
from tasks.tracking import StageRun, lone_run, outcomes


class Reproduced(BaseModel):
    """What came of it.

    Attributes:
        version: Which version.
        operation: What made it.
        parents: The labels of what it was made from.
        verdict: identical, equal within tolerance, or differs.
        reasons: Why it is not identical, one line each.
        notes: What else a person should know.
        tolerance: How far off a probability may have been.
        source: Whether the data source still gives the same data set.
        source_differences: What differs there.
        likeness: All that was compared; None where the rerun made no version.
        run_id: The MLflow run that has all of it, the rerun's own curves included.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    operation: str
    parents: list[str]
    verdict: Outcome
    reasons: list[str]
    notes: list[str]
    tolerance: float
    source: State
    source_differences: list[str]
    likeness: Likeness | None
    run_id: str


def reproduce(version: Version, *, tolerance: float) -> Reproduced:
    """Runs the operation that made a version once more, and compares.

    That one operation alone is run, on the version's registered parents, whose sha256 is checked: it costs what the edge cost
    and not what the family did, and what differs is pinned on this edge, not on one far above it. An ancestor's own edge is
    reproduced by the same call for it. The stage runs as ever, with what it needs refreshed, so that nothing is read from a
    version that stands under its key, nor from the cache of finished stages; what it makes is left in a scratch folder, so
    that nothing is registered and no alias can move. The data set is prepared from its source once more, beside.

    Args:
        version: The version.
        tolerance: How far off a probability may be for the two to be called equal.

    Raises:
        InputError: It was brought in from outside, or what made it can't be told any more.
        IntegrityError: Its files were changed, or its rows can't be had again.
        BequestError: A parent is another, or the stage failed.
    """
    stage = stage_name(version)
    folder = artifacts.fetch(version)
    solution = Solution.read(folder)
    known = made_with(version, solution)
    check_parents(version)
    experiment_id = experiment(version.name).experiment_id
    staging = ensure().staging
    staging.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=staging, prefix="reproduce.") as scratch,
        lone_run(experiment_id, "reproduce", f"reproduce {version.label}") as run,
    ):
        run.inherits(version)
        run.params({"version": version.label, "tolerance": tolerance, "stage": stage})
        progress.report("preprocess", version.label, 0, 1, "its data once more")
        source = source_again(version, known.data_recipe, solution, Path(scratch) / "data")
        progress.report("preprocess", version.label, 1, 1, source.state)
        made = Path(scratch) / "made"
        made.mkdir()
        job = Job(
            recipe=known.recipe,
            recipe_sha256=version.recipe_sha256,
            run_id=run.run_id,
            experiment_id=experiment_id,
            trigger=version.trigger,
            refreshed=frozenset(ORDER),
            scratch=made,
        )
        left = rerun(job, f"{stage}-reproduce{uuid.uuid4().hex[:12]}", version, source.data, known.params)
        found = None
        if left is not None:
            found = likeness(version, folder, left, DataSet.open(source.data).split("validation"), tolerance)
        result = _result(version, known, source, found, tolerance, outcomes(experiment_id, run.run_id), run.run_id)
        _log(run, result)
    record(version, Reproduction(verdict=result.verdict, reasons=result.reasons[:10], run_id=run.run_id))
    return result


def _result(
    version: Version,
    known: MadeWith,
    source: SourceAgain,
    found: Likeness | None,
    tolerance: float,
    told: list[str],
    run_id: str,
) -> Reproduced:
    verdict: Outcome = "differs" if found is None or source.state == "changed" else found.verdict
    reasons = [f"data: {version.data_sha256[:12]} can't be had from its source again: {each}" for each in source.differences]
    if found is None:
        reasons.append(f"the rerun made no such version: {'; '.join(told) or 'it chose another'}")
    else:
        reasons += found.reasons
    notes = [] if source.state == "changed" else reasons[: len(source.differences)]
    if known.host and known.host != gethostname():
        notes.append(f"it was made on {known.host}, and run again on {gethostname()}: another processor may round otherwise")
    return Reproduced(
        version=version.label,
        operation=version.operation,
        parents=[f"{parent.name}/{parent.version}" for parent in version.parents],
        verdict=verdict,
        reasons=[each for each in reasons if each not in notes],
        notes=notes,
        tolerance=tolerance,
        source=source.state,
        source_differences=source.differences,
        likeness=found,
        run_id=run_id,
    )


def _log(run: StageRun, result: Reproduced) -> None:
    run.rename(f"reproduce {result.version}: {result.verdict}")
    run.tags({"bequest.version": result.version, "bequest.reproduction": result.verdict, "bequest.source": result.source})
    run.json("reproduction.json", result.model_dump(mode="json"))
    found = result.likeness
    if found is None:
        return
    run.metrics({"agreement": found.agreement, "max_difference": found.max_difference})
    deltas = {name: pair.delta for name, pair in found.metrics.items() if pair.delta is not None and not is_measured(name)}
    run.metrics({f"delta_{name}": delta for name, delta in deltas.items()})
