"""What every stage of the loop shares: its cache key, its Prefect task settings, what counts as a passing fault."""

import hashlib
import json
from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any

from prefect import Task, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.serializers import JSONSerializer
from pydantic import BaseModel, ConfigDict

from model_registry.errors import BequestError, StoreError
from model_registry.reference import ModelRef
from tasks.recipe.schema import Recipe


class Job(BaseModel):
    """One run of the loop, as every stage sees it.

    `handed_down_by` are the versions that gave it their recipe alone; `suggested` says of each ancestor that the registry
    chose, by label, why it did. With `scratch` it is a rerun: what it makes is left in that folder, and nothing is registered.
    """

    model_config = ConfigDict(frozen=True)

    recipe: Recipe
    recipe_sha256: str
    run_id: str
    experiment_id: str
    trigger: dict[str, Any]
    refreshed: frozenset[str] = frozenset()
    handed_down_by: tuple[ModelRef, ...] = ()
    suggested: dict[str, str] = {}
    scratch: Path | None = None

    @property
    def name(self) -> str:
        """The registered model's name."""
        return self.recipe.name


@lru_cache(maxsize=1)
def code_version() -> str:
    """A hash of the code that stages run, so that a changed method is never served from the cache."""
    digest = hashlib.sha256()
    root = Path(__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def stage_key(stage: str, sections: dict[str, Any], *inputs: str) -> str:
    """The cache key of a stage: its code, its sections of the recipe and the hashes of its inputs.

    Args:
        stage: The stage's name.
        sections: The parts of the recipe that the stage reads, as plain data.
        *inputs: sha256 of everything that goes in.
    """
    text = json.dumps([code_version(), stage, sections, inputs], sort_keys=True, default=str)
    return f"{stage}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def stage_of(key: str) -> str:
    """The stage of the loop that a cache key belongs to: the control is trained in transfer, a budget is met in convert."""
    task_name = key.partition("-")[0]
    return {"control": "transfer", "plan": "convert"}.get(task_name, task_name)


def _given_key(_: TaskRunContext, arguments: dict[str, Any]) -> str:
    return str(arguments["key"])


def _passing_fault(_: Task[..., Any], __: TaskRun, state: State[Any]) -> bool:
    """A locked store or a lost connection may pass; wrong input, bad numbers and a stage that takes too long won't."""
    try:
        state.result()
    except (StoreError, ConnectionError):
        return True
    except Exception:
        return False
    return False


def stage_task(function: Any) -> Any:
    """Makes a Prefect task of a stage function; its `key` argument is its cache key across runs and processes.

    Only references and small records pass through, as JSON: Prefect's default serializer would pickle.
    """
    return _task(function, function.__name__, cache_key_fn=_given_key, persist_result=True, result_serializer=JSONSerializer())


def lone_task(name: str) -> Callable[[Any], Any]:
    """Makes a Prefect task of a function that looks at the world anew each time: as `stage_task`, without a cache.

    Args:
        name: The task's name.
    """
    return lambda function: _task(function, name)


def _task(function: Any, name: str, **options: Any) -> Any:
    """A task that is tried again after a passing fault, and whose methods' complaints end the run with their message.

    A loss that is not a number any more, say, is no traceback to the user.
    """

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except BequestError:
            raise
        except ValueError as error:
            raise BequestError(f"{name}: {error}") from error

    return task(name=name, retry_condition_fn=_passing_fault, retry_delay_seconds=2, **options)(run)
