"""Taking turns across machines, by nothing but tags of a registered model: Lamport's bakery (CACM 17(8), 1974).

MLflow's API has no compare-and-set on a tag or an alias, and a file lock ends at its machine. The bakery needs neither:
whoever comes in hangs up a ticket of its own without a number, reads all others, and takes a number above theirs; the
lowest has its turn. Every ticket has one writer, so reads and writes of single tags are enough. Whoever comes later has
read the number that was hung up before, so a newcomer never overtakes.
"""

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from mlflow.exceptions import MlflowException

from model_registry import processes
from model_registry.errors import StoreError
from model_registry.store import absent, client, plain_errors

PREFIX = "ticket."
# A ticket of another machine that has not moved at the head of the queue for so long counts as left behind: what is done
# in one turn takes seconds. This one's own clock alone is asked.
_PATIENCE_S = 300.0
_POLL_S = 0.1  # for each one ahead: a long queue must not keep the store busy with looks at it


@dataclass(frozen=True)
class Ticket:
    """One place in the queue of a registered name.

    Attributes:
        key: The tag's key.
        number: Its number; 0 while it is being chosen.
        holder: The signature of its process.
    """

    key: str
    number: int
    holder: str

    @property
    def place(self) -> tuple[int, str]:
        """What the queue is sorted by: two that chose one number at once are told apart by their keys."""
        return self.number, self.key


def queue(name: str) -> list[Ticket]:
    """All tickets of a name, the first in line first."""
    with plain_errors(f"reading who works on {name}"):
        models = client().search_registered_models(f"name = '{name}'", max_results=1)
    return among(models[0].tags or {}) if models else []


def among(tags: Mapping[str, str]) -> list[Ticket]:
    """The tickets among the tags of a registered model, the first in line first."""
    standing = [_ticket(key, value) for key, value in tags.items() if key.startswith(PREFIX)]
    return sorted(standing, key=lambda each: each.place)


@contextmanager
def turn(name: str) -> Iterator[None]:
    """Waits for this process's turn on a name and keeps it. Where there is no such name, there is nothing to wait for."""
    key = _queued(name)
    try:
        yield
    finally:
        with suppress(StoreError):  # what was done is done; the next in line takes down what a dead process left
            take_down(name, key)


def take_down(name: str, key: str) -> None:
    """Removes a ticket; one that is gone already is no fault."""
    with plain_errors(f"leaving the queue of {name}"):
        try:
            client().delete_registered_model_tag(name, key)
        except MlflowException as error:
            if not absent(error):
                raise


def _queued(name: str) -> str:
    """Takes a ticket and waits until it is the first."""
    key = f"{PREFIX}{uuid.uuid4().hex[:12]}"
    try:
        if not _hang_up(name, key, 0):
            return key
        number = 1 + max((each.number for each in queue(name)), default=0)
        _hang_up(name, key, number)
        seen: tuple[Ticket, float] | None = None
        while True:
            standing = queue(name)
            if key not in [each.key for each in standing]:  # taken down as left behind: this process was asleep for long
                return _queued(name)
            ahead = [each for each in standing if each.key != key and (not each.number or each.place < (number, key))]
            if not ahead:
                return key
            for each in ahead:
                if processes.gone(each.holder):
                    take_down(name, each.key)
            first, now = ahead[0], time.monotonic()
            if seen is None or seen[0] != first:
                seen = (first, now)
            elif now - seen[1] > _PATIENCE_S:
                take_down(name, first.key)
            time.sleep(_POLL_S * len(ahead))
    except BaseException:
        with suppress(StoreError):
            take_down(name, key)
        raise


def _hang_up(name: str, key: str, number: int) -> bool:
    """Writes a ticket; False where there is no such name."""
    with plain_errors(f"queueing for {name}"):
        try:
            client().set_registered_model_tag(name, key, json.dumps({"number": number, "holder": processes.signature()}))
        except MlflowException as error:
            if not absent(error):
                raise
            return False
    return True


def _ticket(key: str, value: str) -> Ticket:
    """Reads a ticket; a tag of another form stands in nobody's way for longer than patience lasts."""
    try:
        told = json.loads(value)
        return Ticket(key, int(told["number"]), str(told["holder"]))
    except (ValueError, KeyError, TypeError):
        return Ticket(key, 0, "")
