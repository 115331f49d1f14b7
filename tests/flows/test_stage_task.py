"""What Prefect is told about a stage: which faults are tried again, and what a cached result needs."""

from pathlib import Path

import pytest
from prefect import flow

from model_registry.errors import InputError, StoreError
from model_registry.reference import ModelRef
from tasks.stage import code_version, stage_key, stage_task

calls: list[str] = []


@stage_task
def fails_once(key: str, error: str) -> ModelRef:
    calls.append(error)
    if len(calls) == 1:
        raise {"store": StoreError, "input": InputError}[error]("no")
    return ModelRef(uri="models:/a/1", sha256="x")


@flow
def one_stage(key: str, error: str) -> ModelRef:
    return fails_once.with_options(retries=1, retry_delay_seconds=0)(key=key, error=error)


@pytest.fixture(autouse=True)
def _forget() -> None:
    calls.clear()


def test_stage_is_tried_again_when_the_store_failed(flows: Path):
    assert one_stage("retry-store", "store").uri == "models:/a/1"
    assert calls == ["store", "store"]


def test_stage_is_not_tried_again_when_the_input_is_wrong(flows: Path):
    with pytest.raises(InputError):
        one_stage("retry-input", "input")
    assert calls == ["input"]


def test_stage_result_is_kept_by_its_key_alone_and_read_back_as_a_reference(flows: Path):
    calls.append("before")
    first = one_stage("kept", "store")
    again = one_stage("kept", "other argument, same key")
    assert again == first
    assert isinstance(again, ModelRef)
    assert calls == ["before", "store"]


def test_stage_key_changes_with_the_stage_its_sections_and_its_inputs():
    base = stage_key("train", {"epochs": 1}, "a")
    others = {
        stage_key("fuse", {"epochs": 1}, "a"),
        stage_key("train", {"epochs": 2}, "a"),
        stage_key("train", {"epochs": 1}, "b"),
    }
    assert base not in others
    assert base == stage_key("train", {"epochs": 1}, "a")
    assert len(code_version()) == 64
