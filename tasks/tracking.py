"""MLflow runs: one for the loop, one nested in it for each stage, everything logged in batches."""

import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from math import isfinite
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput, Metric, Param, RunStatus, RunTag

from model_registry import leftovers, processes
from model_registry.errors import StoreError
from model_registry.store import client, experiment, plain_errors
from model_registry.versions import Version
from tasks.data.card import DataCard

PREPARED_WITH = "prepared_with.json"  # what a data set was prepared with, beside the recipe


class StageRun:
    """The MLflow run of one stage: parameters, metrics, artifacts and inputs go here."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.started = time.perf_counter()
        self.cpu = time.process_time()

    def _write(self, call: str, *args: Any, **kwargs: Any) -> None:
        with plain_errors(f"logging to run {self.run_id}"):
            getattr(client(), call)(self.run_id, *args, **kwargs)

    def rename(self, title: str) -> None:
        """Gives the run another name in the UI."""
        self.tags({"mlflow.runName": title})

    def params(self, values: Mapping[str, Any]) -> None:
        """Logs parameters in one batch."""
        self._write("log_batch", params=[Param(key, str(value)[:6000]) for key, value in values.items()])

    def metrics(self, values: Mapping[str, float]) -> None:
        """Logs figures in one batch; what is not finite is left out, MLflow's UI can't draw it."""
        self.point(values, step=0)

    def point(self, values: Mapping[str, float], *, step: int) -> None:
        """Logs figures of one step in one batch: a run that lasts draws their history."""
        now = int(time.time() * 1000)
        self._write(
            "log_batch", metrics=[Metric(key, float(value), now, step) for key, value in values.items() if isfinite(value)]
        )

    def history(self, values: Mapping[str, list[float]], *, prefix: str = "") -> None:
        """Logs figures per epoch in one batch."""
        now = int(time.time() * 1000)
        points = [
            Metric(f"{prefix}{key}", float(value), now, step)
            for key, series in values.items()
            for step, value in enumerate(series)
            if isfinite(value)
        ]
        for start in range(0, len(points), 1000):  # MLflow takes at most 1000 in a call
            self._write("log_batch", metrics=points[start : start + 1000])

    def tags(self, values: Mapping[str, str]) -> None:
        """Sets tags in one batch."""
        self._write("log_batch", tags=[RunTag(key, value) for key, value in values.items()])

    def text(self, name: str, content: str) -> None:
        """Logs a text file."""
        self._write("log_text", content, name)

    def json(self, name: str, content: Any) -> None:
        """Logs plain data as a JSON file."""
        self.text(name, json.dumps(content, indent=1, default=str))

    def picture(self, name: str, png: bytes) -> None:
        """Logs a PNG picture."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / Path(name).name
            path.write_bytes(png)
            self._write("log_artifact", str(path), str(Path(name).parent) if "/" in name else None)

    def file(self, path: Path, folder: str | None = None) -> None:
        """Logs a file as it is."""
        self._write("log_artifact", str(path), folder)

    def inherits(self, *versions: Version) -> None:
        """Logs the versions this stage starts from as the run's model inputs."""
        inputs = [LoggedModelInput(version.model_id) for version in versions if version.model_id]
        if inputs:
            self._write("log_inputs", models=inputs)

    def reads(self, card: DataCard, *, context: str) -> None:
        """Logs the data set as the run's input, with its fingerprint as digest."""
        data = Dataset(
            name=card.name,
            digest=card.fingerprint[:32],
            source_type="bequest",
            source=json.dumps({"source": card.source}),
            profile=json.dumps({"counts": card.counts, "classes": card.classes}),
        )
        self._write("log_inputs", datasets=[DatasetInput(data, [InputTag("mlflow.data.context", context)])])

    def cost(self) -> dict[str, float]:
        """What the stage has cost so far: wall and CPU seconds."""
        return {
            "seconds": round(time.perf_counter() - self.started, 3),
            "cpu_seconds": round(time.process_time() - self.cpu, 3),
        }


def outcomes(experiment_id: str, parent_run_id: str) -> list[str]:
    """What the stages of a loop decided, where that is worth telling: pruning undone, the best heir alone ..."""
    with plain_errors("reading what the stages decided"):
        runs = client().search_runs(
            [experiment_id], f"tags.`mlflow.parentRunId` = '{parent_run_id}'", order_by=["attributes.start_time ASC"]
        )
    return [run.data.tags["bequest.outcome"] for run in runs if "bequest.outcome" in run.data.tags]


def artifacts_of(run_id: str) -> str:
    """Where a run's files lie: a folder of this machine, or an address."""
    with plain_errors(f"reading run {run_id}"):
        location = str(client().get_run(run_id).info.artifact_uri)
    return unquote(urlparse(location).path) if location.startswith("file:") else location


def _open(experiment_id: str, title: str, tags: dict[str, str]) -> str:
    always = {
        "mlflow.source.name": "bequest",
        "mlflow.source.type": "LOCAL",
        leftovers.PROCESS_TAG: processes.signature(),
    }
    with plain_errors(f"opening the run {title!r}"):
        return str(client().create_run(experiment_id, run_name=title, tags=always | tags).info.run_id)


def _close(run_id: str, status: str) -> None:
    with plain_errors("closing a run"):
        client().set_terminated(run_id, status)


@contextmanager
def loop_run(name: str, title: str, *, trigger: dict[str, Any]) -> Iterator[tuple[StageRun, str]]:
    """The MLflow run of one loop; yields it and its experiment's id."""
    experiment_id = experiment(name).experiment_id
    for run in leftovers.abandoned_runs([experiment_id]):
        leftovers.close(run)
    run_id = _open(experiment_id, title, {"bequest.stage": "loop", "bequest.trigger": json.dumps(trigger)})
    with _closing(run_id):
        yield StageRun(run_id), experiment_id


@contextmanager
def stage_run(experiment_id: str, parent_run_id: str, stage: str, title: str) -> Iterator[StageRun]:
    """The MLflow run of one stage, nested in the loop's."""
    run_id = _open(experiment_id, title, {"mlflow.parentRunId": parent_run_id, "bequest.stage": stage})
    with _closing(run_id):
        run = StageRun(run_id)
        yield run
        run.metrics(run.cost())


@contextmanager
def _closing(run_id: str) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        # Where the store itself is the cause, closing the run fails too; the next loop closes it as abandoned.
        with suppress(StoreError):
            with plain_errors("closing a run"):
                client().set_tag(run_id, "bequest.error", str(error)[:4000])
            _close(run_id, RunStatus.to_string(RunStatus.FAILED))
        raise
    _close(run_id, RunStatus.to_string(RunStatus.FINISHED))


@contextmanager
def lone_run(experiment_id: str, stage: str, title: str) -> Iterator[StageRun]:
    """An MLflow run beside the loops: an import, or one look at production, whose history the UI then draws."""
    run_id = _open(experiment_id, title, {"bequest.stage": stage})
    with _closing(run_id):
        yield StageRun(run_id)
