"""The MLflow store: made once, spoken to through one client, its faults told in plain words."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Experiment, Run
from mlflow.exceptions import MlflowException
from requests.exceptions import RequestException
from sqlalchemy import create_engine, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from model_registry.errors import InputError, StoreError
from model_registry.workspace import Workspace, activate, current, sqlite_file

# Migration notes of a fresh store tell the user nothing to act on, and `plain_errors` tells a fault once, without the SQL
# and without each time it was tried.
for noisy in (
    "mlflow.store.db.utils",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.model_registry.abstract_store",
    "alembic",
    "urllib3.connectionpool",
):
    logging.getLogger(noisy).setLevel(logging.CRITICAL)

_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND", "INVALID_PARAMETER_VALUE")
# What MLflow says of an address that names no store of a kind it (still) keeps a registry in.
_NO_STORE = ("unsupported URI", "filesystem tracking backend")
_OPENING = 0x62657175657374  # "bequest"
_BEFORE_CAUSE = re.compile(r"\[(?:Errno|SSL:) ?-?\w+\] |\): |>, |Error\(")


def absent(error: MlflowException) -> bool:
    """Whether an MLflow error says that the thing asked for does not exist."""
    return error.error_code in _ABSENT


def find_run(run_id: str) -> Run | None:
    """A run; None where there is no such run.

    Raises:
        StoreError: The store can't be reached.
    """
    with plain_errors(f"reading run {run_id}"):
        try:
            return client().get_run(run_id)
        except MlflowException as error:
            if not absent(error):
                raise
            return None


@contextmanager
def plain_errors(doing: str) -> Iterator[None]:
    """Turns a store fault into a `StoreError` that names the store and the remedy.

    Args:
        doing: What was being done, for the message, e.g. "registering digits".

    A `StoreError` from within passes as it is. So does a FileNotFoundError: it is about the caller's files.

    Raises:
        StoreError: The store failed.
        InputError: MLFLOW_TRACKING_URI names no store.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except (MlflowException, SQLAlchemyError, OSError) as error:  # a RequestException is an OSError
        text = str(error) or type(error).__name__
        uri = re.sub(r"(?<=://)[^/]*@", "", current().tracking_uri)  # without a password
        if any(sign in text for sign in _NO_STORE):
            raise InputError(
                "MLFLOW_TRACKING_URI: expected sqlite:///FILE, postgresql://..., or http(s)://HOST[:PORT] of an MLflow server. "
                f"Received: {uri!r}. Correct it, or unset it to have a store in this workspace."
            ) from error
        if "database is locked" in text:
            remedy = "Another process holds it. Wait or stop that process (`bequest doctor` names it), then repeat the command."
        elif any(sign in text for sign in ("No space left", "disk is full", "Disk quota")):
            remedy = "Free some space on that disk, then repeat the command."
        elif any(sign in text for sign in ("Permission denied", "Read-only file system", "readonly database")):
            remedy = "Give yourself the right to write there, or set BEQUEST_HOME to another folder; then repeat the command."
        elif isinstance(error, RequestException | ConnectionError | TimeoutError) or any(
            sign in text for sign in ("Connection", "Max retries", "unreachable", "timed out")
        ):
            remedy = "Start it or correct MLFLOW_TRACKING_URI, then repeat the command."
        elif any(sign in text for sign in ("malformed", "is not a database", "Can't locate revision", "out-of-date")):
            remedy = "`bequest doctor` says what is wrong with it. Nothing was registered."
        else:
            remedy = "Nothing was registered; repeat the command once the cause is mended."
        raise StoreError(f"The MLflow store {uri} failed while {doing}: {_cause(text)}. {remedy}") from error


def _cause(text: str) -> str:
    """The first line of an error; where urllib3 gave up, the cause alone, without the request and its parameters."""
    _, _, caused = text.partition("Max retries exceeded")[2].partition("Caused by ")
    if not caused:
        return text.splitlines()[0].rstrip(".")
    told = _BEFORE_CAUSE.split(caused)[-1].split(" (")[0].strip("\"'). ")
    return told[:1].lower() + told[1:]


@lru_cache(maxsize=4)
def _client(uri: str) -> MlflowClient:
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def ensure() -> Workspace:
    """Makes the workspace's store where there is none yet, and returns the workspace.

    Two processes on a fresh database race in its migration, so the first use is under a lock; a server made its own.

    Raises:
        StoreError: The store can't be reached or made.
    """
    space = activate()
    if not space.tracking_uri.startswith("http"):
        space.artifacts.mkdir(parents=True, exist_ok=True)
        _made(space.tracking_uri)
    return space


@lru_cache(maxsize=4)
def _made(uri: str) -> None:
    with plain_errors("opening it"), _alone(uri):
        _client(uri).search_experiments(max_results=1)


@contextmanager
def _alone(uri: str) -> Iterator[None]:
    """Holds a database against others that open it. The lock is where the database is: workspaces may share one."""
    file = sqlite_file(uri)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(file.parent / "store.lock"):
            yield
    elif uri.startswith("postgresql"):
        try:
            engine = create_engine(uri, poolclass=NullPool)
        except ModuleNotFoundError as error:
            raise InputError(
                f"MLFLOW_TRACKING_URI: PostgreSQL needs the package {error.name}: `pip install 'bequest[postgresql]'`. "
                "The address http(s)://HOST[:PORT] of an MLflow server over it needs none."
            ) from error
        with engine.connect() as connection:  # the lock ends with the connection
            connection.execute(select(func.pg_advisory_lock(_OPENING)))
            yield
    else:
        yield


@lru_cache(maxsize=4)
def _ready_client(uri: str) -> MlflowClient:
    ensure()
    return _client(uri)


def client() -> MlflowClient:
    """The client of the workspace's store."""
    return _ready_client(activate().tracking_uri)


def experiment(name: str) -> Experiment:
    """The experiment that holds a project's runs; made where absent.

    Args:
        name: The registered model's name.
    """
    space = ensure()
    title = f"bequest/{name}"
    store = client()
    with plain_errors(f"opening experiment {title}"):
        found = store.get_experiment_by_name(title)
        if found is not None:
            return found
        # A remote server knows better where its artifacts belong.
        location = None if space.tracking_uri.startswith("http") else (space.artifacts / name).as_uri()
        try:
            return store.get_experiment(store.create_experiment(title, artifact_location=location))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            made_meanwhile = store.get_experiment_by_name(title)
            if made_meanwhile is None:
                raise
            return made_meanwhile
