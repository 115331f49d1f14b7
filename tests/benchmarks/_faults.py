"""Kills in between any two writes to MLflow: the process seems to end, so that nothing it would still write is written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from mlflow import MlflowClient

# What changes the store or its files; the rest of the client's methods read.
WRITES = (
    "create_experiment",
    "create_run",
    "set_terminated",
    "set_tag",
    "log_batch",
    "log_text",
    "log_artifact",
    "log_inputs",
    "create_logged_model",
    "log_model_artifacts",
    "finalize_logged_model",
    "delete_logged_model",
    "create_registered_model",
    "create_model_version",
    "update_model_version",
    "delete_model_version",
    "transition_model_version_stage",
    "set_registered_model_alias",
    "delete_registered_model_alias",
    "set_registered_model_tag",
    "delete_registered_model_tag",
    "set_model_version_tag",
    "delete_model_version_tag",
)


class Killed(BaseException):
    """Nothing but the harness catches it."""


class Faults:
    """Counts writes, and lets none through any more once a limit is reached.

    Attributes:
        left: Writes until the kill; None: none is due.
        dead: Whether it has come.
        struck: Whether it came in the last `after`; else what ran within came to its end.
    """

    def __init__(self) -> None:
        self.left: int | None = None
        self.dead = False
        self.struck = False

    def before_write(self) -> None:
        """What every write begins with."""
        if self.dead or self.left == 0:
            self.dead = True
            raise Killed
        if self.left is not None:
            self.left -= 1

    @contextmanager
    def after(self, writes: int) -> Iterator[None]:
        """Kills what runs within after so many writes, and hides that from the caller, who lives."""
        self.left, self.dead = writes, False
        try:
            yield
        except Killed:
            pass
        finally:
            self.struck = self.dead
            self.left, self.dead = None, False


@contextmanager
def guarded() -> Iterator[Faults]:
    """Puts every write of every client of this process under a fault's control."""
    faults, kept = Faults(), {name: getattr(MlflowClient, name) for name in WRITES}
    try:
        for name, original in kept.items():
            setattr(MlflowClient, name, _guarded(original, faults))
        yield faults
    finally:
        for name, original in kept.items():
            setattr(MlflowClient, name, original)


def _guarded(original: Callable[..., Any], faults: Faults) -> Callable[..., Any]:
    @wraps(original)
    def write(*args: Any, **kwargs: Any) -> Any:
        faults.before_write()
        return original(*args, **kwargs)

    return write
