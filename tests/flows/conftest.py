"""One Prefect server for all flow tests; results are kept in each test's own workspace."""

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A server of the tests' own, on a database that ends with them."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=180):
        yield


@pytest.fixture(scope="module")
def flows(shared_workspace: Path, prefect_server: None) -> Iterator[Path]:
    """A workspace in which the flows of one test file run; yields a folder for recipes. Each test has its own model name."""
    from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings

    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: shared_workspace / "results"}):
        yield shared_workspace.parent
