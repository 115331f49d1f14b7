"""What every stage of the loop shares: its cache key, its Prefect task settings, what counts as a passing fault."""

import hashlib
import json
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any

from prefect import Task, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.serializers import JSONSerializer
from pydantic import BaseModel, ConfigDict

from model_registry.errors import BequestError, StoreError
from tasks.recipe.schema import Recipe


class Job(BaseModel):
    """One run of the loop, as every stage sees it."""

    model_config = ConfigDict(frozen=True)

    recipe: Recipe
    recipe_sha256: str
    run_id: str
    experiment_id: str
    trigger: dict[str, Any]
    refreshed: frozenset[str] = frozenset()

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
    """The stage of the loop that a cache key belongs to: the control is trained in transfer."""
    task_name = key.partition("-")[0]
    return "transfer" if task_name == "control" else task_name


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

    Only references and small records pass through, as JSON: Prefect's default serializer would pickle. A method's
    complaint (a loss that is not a number any more, say) ends the run with its message, not with a traceback.
    """

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except BequestError:
            raise
        except ValueError as error:
            raise BequestError(f"{function.__name__}: {error}") from error

    return task(
        name=function.__name__,
        cache_key_fn=_given_key,
        persist_result=True,
        result_serializer=JSONSerializer(),
        retry_condition_fn=_passing_fault,
        retry_delay_seconds=2,
    )(run)
