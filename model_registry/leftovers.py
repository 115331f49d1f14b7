"""What a killed process leaves in the store: runs that never end, models without a version, versions that are not ready."""

import sys
from dataclasses import dataclass
from typing import Literal

from mlflow.entities import LoggedModel, Run, RunStatus
from mlflow.exceptions import MlflowException

from model_registry import artifacts, processes
from model_registry.ancestry import descendants
from model_registry.errors import IntegrityError, StoreError
from model_registry.store import absent, client, find_run, plain_errors
from model_registry.versions import Version, search, unready

PROCESS_TAG = "bequest.process"
_PAGE = 1000


def experiments() -> list[str]:
    """The ids of all experiments of bequest's."""
    with plain_errors("listing experiments"):
        return [each.experiment_id for each in client().search_experiments(filter_string="name LIKE 'bequest/%'")]


def abandoned_runs(experiment_ids: list[str]) -> list[Run]:
    """Runs that MLflow shows as running although their process, on this machine, is gone."""
    if not experiment_ids:
        return []
    with plain_errors("looking for abandoned runs"):
        running = client().search_runs(experiment_ids, "attributes.status = 'RUNNING'", max_results=_PAGE)
    return [run for run in running if processes.gone(run.data.tags.get(PROCESS_TAG, ""))]


def close(run: Run) -> None:
    """Marks a run as killed."""
    with plain_errors("closing a run"):
        client().set_terminated(run.info.run_id, RunStatus.to_string(RunStatus.KILLED))


def orphans(experiment_ids: list[str]) -> list[LoggedModel]:
    """Models of bequest's making that no version points to, and that nobody can be about to register any more."""
    if not experiment_ids:
        return []
    found, token = [], None
    with plain_errors("looking for models without a version"):
        while True:
            page = client().search_logged_models(experiment_ids, max_results=50, page_token=token)
            found += [each for each in page if "sha256" in each.tags]
            token = page.token
            if not token:
                break
    standing = _registered()
    over = [each for each in found if each.model_id not in standing and _over(each.source_run_id)]
    standing = _registered() if over else standing  # what came meanwhile is no orphan
    return [each for each in over if each.model_id not in standing]


def _registered() -> set[str]:
    return {version.model_id for version in search(limit=sys.maxsize)}


def remove(model: LoggedModel) -> None:
    """Deletes a model as MLflow's UI does; `mlflow gc` frees its files."""
    with plain_errors(f"deleting model {model.model_id}"):
        client().delete_logged_model(model.model_id)


@dataclass(frozen=True)
class Half:
    """A version that bequest began and that is not ready.

    Attributes:
        version: It.
        outcome: What a repair makes of it: `finish` where its files are what its tags promise, `remove` where they are not
            and nothing rests on it, else `keep`.
    """

    version: Version
    outcome: Literal["finish", "remove", "keep"]


def halves() -> list[Half]:
    """All such versions; those that others made are theirs to judge."""
    return [Half(version, _outcome(version)) for version in unready() if version.sha256 and version.operation != "unknown"]


def settle(half: Half) -> None:
    """Makes a whole version ready, and removes what is beyond that."""
    name, number = half.version.name, str(half.version.version)
    with plain_errors(f"settling {half.version.label}"):
        if half.outcome == "finish":
            client().set_model_version_tag(name, number, "ready", "true")
        elif half.outcome == "remove":
            client().delete_model_version(name, number)


def _outcome(version: Version) -> Literal["finish", "remove", "keep"]:
    if not version.model_id:
        return "keep"
    try:
        artifacts.fetch(version.model_copy(update={"ready": True}))
    except IntegrityError:
        return "keep" if version.aliases or descendants(version) else "remove"
    except StoreError as error:
        if not (isinstance(error.__cause__, MlflowException) and absent(error.__cause__)):
            raise
        return "keep" if version.aliases or descendants(version) else "remove"
    return "finish"


def _over(run_id: str | None) -> bool:
    """Whether the run that made a model has ended, by itself or with its process."""
    if not run_id:
        return False
    run = find_run(run_id)
    return run is None or run.info.status != "RUNNING" or processes.gone(run.data.tags.get(PROCESS_TAG, ""))
