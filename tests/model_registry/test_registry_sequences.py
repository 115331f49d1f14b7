"""The registry against a plain model of it: whatever happens in whatever order, and wherever a kill comes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from _faults import Faults, guarded
from _sequences import run_sequences


@pytest.fixture
def faults(workspace: Path) -> Iterator[Faults]:
    with guarded() as controlled:
        yield controlled


def test_registry_stays_as_the_model_has_it(faults: Faults):
    assert run_sequences(faults, 5) >= 5


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_registry_stays_as_the_model_has_it_in_thousands_of_sequences(faults: Faults):
    assert run_sequences(faults, 2000) >= 2000
