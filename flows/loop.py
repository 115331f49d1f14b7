"""Runs the stages of one loop as Prefect tasks: keys, retries, timeouts, and what to do with a cached result."""

from dataclasses import dataclass, field
from typing import Any

from model_registry.errors import BequestError, InputError
from model_registry.gates import Verdict
from model_registry.reference import DataRef, ModelRef
from tasks import progress
from tasks.contest import INCOMPARABLE
from tasks.data.dataset import DataSet
from tasks.derive import opened
from tasks.ranking import Ranking
from tasks.stage import Job, stage_key, stage_of

ORDER = ("preprocess", "select", "compress", "transfer", "fuse", "train", "convert", "evaluate", "deploy")


def refreshed(since: str | None) -> frozenset[str]:
    """The stages to do again, cached or not: the named one and all that follow it."""
    if since is None:
        return frozenset()
    if since not in ORDER:
        raise InputError(f"--refresh: expected one of {list(ORDER)}. Received: {since!r}.")
    return frozenset(ORDER[ORDER.index(since) :])


@dataclass
class Loop:
    """One run of the loop, stage by stage.

    Attributes:
        job: What every stage is told.
        reused: Stages whose result came from the cache.
        done: Stages that ran.
        notes: What else a person should know.
    """

    job: Job
    reused: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def run(self, task: Any, sections: dict[str, Any], inputs: list[str], **arguments: Any) -> Any:
        """Runs a stage, or takes its kept result where nothing that goes into it has changed.

        A kept result whose files no longer stand, or were changed, is not used: the stage runs again.

        Args:
            task: The stage's Prefect task.
            sections: The parts of the recipe it reads, as plain data.
            inputs: sha256 of everything that goes in.
            **arguments: The task's own arguments.
        """
        key = stage_key(task.name, {"name": self.job.name, "seed": self.job.recipe.seed} | sections, *inputs)
        again = stage_of(key) in self.job.refreshed
        state = self._call(task, key, again, arguments)
        if state.name == "Cached":
            try:
                _check(state.result())
            except BequestError:
                state = self._call(task, key, True, arguments)
        result = self._result(state, task.name)
        if state.name == "Cached":
            self.reused.append(task.name)
            progress.report(task.name, "unchanged", 1, 1, "reused")
        else:
            self.done.append(task.name)
        return result

    def _result(self, state: Any, stage: str) -> Any:
        try:
            return state.result()
        except TimeoutError as error:
            limit = self.job.recipe.run.timeout_s
            raise BequestError(
                f"{stage} was given up after {limit} s. Raise run.timeout_s in the recipe, or give the stage less to do "
                "(fewer epochs, trials, rows); the same command carries on at this stage."
            ) from error

    def _call(self, task: Any, key: str, again: bool, arguments: dict[str, Any]) -> Any:
        settings = self.job.recipe.run
        configured = task.with_options(retries=settings.retries, timeout_seconds=settings.timeout_s, refresh_cache=again)
        return configured(job=self.job, key=key, return_state=True, **arguments)


def _check(result: Any) -> None:
    """Raises where what a kept result points at is gone or was changed, or could not be settled when it was made."""
    if isinstance(result, Verdict) and any(rule.metric == INCOMPARABLE for rule in result.rules):
        raise BequestError("the champion could not be compared with; it may have been mended since")
    if isinstance(result, ModelRef):
        opened(result)
    elif isinstance(result, DataRef):
        DataSet.open(result)
    elif isinstance(result, Ranking):
        for each in result.chosen:
            _check(each)
