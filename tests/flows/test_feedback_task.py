"""Feedback's task: how often and how long it tries; and which retrainings answer a batch."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prefect import flow

from flows import feedback as flows_feedback
from model_registry import ledger, promotions, store, versions
from model_registry.errors import BequestError, InputError, StoreError
from model_registry.versions import Version
from tasks import feedback as tasks_feedback
from tasks.recipe.schema import Recipe, Run
from tasks.solution import Solution

SERVED = Version(name="watched", version=1, ready=True, created=datetime(2026, 1, 1, tzinfo=UTC))


@flow
def one_look() -> Any:
    return flows_feedback._watched(SERVED, Path("batch.csv"), None)


@pytest.fixture
def looking(flows: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """`looking(function, timeout_s)`: what a look at production does instead, within one further try; counts the tries."""

    def made(function: Callable[[int], object], timeout_s: int = 60) -> list[int]:
        tries: list[int] = []

        def look(*_: object) -> object:
            tries.append(1)
            return function(len(tries))

        monkeypatch.setattr(tasks_feedback, "watch_batch", look)
        monkeypatch.setattr(flows_feedback, "limits", lambda _: Run(retries=1, timeout_s=timeout_s))
        return tries

    return made


def raising(error: Exception) -> Callable[[int], object]:
    def look(tried: int) -> object:
        if tried == 1:
            raise error
        return "report"

    return look


def test_feedback_is_tried_again_when_the_store_failed(looking: Callable[..., list[int]]):
    tries = looking(raising(StoreError("locked")))
    assert one_look() == "report"
    assert len(tries) == 2


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [(InputError("no such column"), InputError, "no such column"), (ValueError("bins"), BequestError, "feedback: bins")],
)
def test_feedback_ends_with_a_plain_error_when_trying_again_would_not_help(
    looking: Callable[..., list[int]], error: Exception, kind: type[BequestError], message: str
):
    tries = looking(raising(error))
    with pytest.raises(kind, match=message):
        one_look()
    assert len(tries) == 1


def test_feedback_is_given_up_when_it_takes_longer_than_the_recipe_allows(looking: Callable[..., list[int]]):
    looking(lambda _: time.sleep(5), timeout_s=1)
    with pytest.raises(BequestError, match=r"given up after 1 s \(run.timeout_s in the recipe of watched/1\)"):
        one_look()


@pytest.fixture
def retrained(workspace: Path, tmp_path: Path) -> Callable[..., Version]:
    """`retrained(gate, to)`: a version that a batch has led to, as its verdict leaves it."""

    def made(gate: str, to: str = "production") -> Version:
        recipe = {"name": "watched", "data": {"source": "bundled:digits"}, "deploy": {"to": to}, "run": {"retries": 3}}
        Solution(recipe=Recipe.model_validate(recipe).model_dump(mode="json")).write(tmp_path / "files")
        run = store.client().create_run(store.experiment("watched").experiment_id)
        version = versions.register(
            "watched",
            tmp_path / "files",
            operation="quantized",
            parents=[],
            run_id=run.info.run_id,
            stage_key=gate,
            trigger={"kind": "drift", "window": "w"},
            facts={},
        )
        store.client().set_model_version_tag("watched", str(version.version), "gate", gate)
        return versions.get("watched", version.version)

    return made


@pytest.mark.parametrize(("gate", "to"), [("refused", "production"), ("passed", "none")])
def test_batch_is_answered_when_its_version_went_as_far_as_it_may(retrained: Callable[..., Version], gate: str, to: str):
    version = retrained(gate, to)
    assert flows_feedback._answered("watched", "w") == version
    assert flows_feedback._answered("watched", "other") is None


def test_batch_is_not_answered_when_its_version_passed_but_was_not_deployed(retrained: Callable[..., Version]):
    version = retrained("passed")
    assert flows_feedback._answered("watched", "w") is None
    moved = promotions.Entry(move="promotion", version=version.version, came_from="None", to="Production", reason="")
    ledger.add("watched", moved)
    assert flows_feedback._answered("watched", "w") == version


def test_limits_are_those_of_the_versions_own_recipe(retrained: Callable[..., Version]):
    assert tasks_feedback.limits(retrained("passed")) == Run(retries=3)
