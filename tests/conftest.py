"""Every test works in a workspace of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from model_registry import store


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store as its first use leaves it: made once, since its migrations take seconds."""
    home = tmp_path_factory.mktemp("store")
    code = "from model_registry.store import ensure; ensure()"
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "PREFECT_"))}
    subprocess.run([sys.executable, "-c", code], env=environment | {"BEQUEST_HOME": str(home)}, check=True, timeout=120)
    return home / "mlflow.db"


@contextmanager
def fresh_workspace(folder: Path, empty_store: Path) -> Iterator[Path]:
    """Points this process at a workspace with an empty registry below `folder`, and back again."""
    home = folder / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BEQUEST_HOME", str(home))
        for name in (
            "MLFLOW_TRACKING_URI",
            "MLFLOW_REGISTRY_URI",
            "PREFECT_HOME",
            "PREFECT_LOCAL_STORAGE_PATH",
            "PREFECT_API_URL",
        ):
            # `activate` sets them for its own process; the patch takes that back in the end.
            patch.setenv(name, "")
            patch.delenv(name)
        patch.chdir(folder)
        home.mkdir()
        shutil.copy(empty_store, home / "mlflow.db")
        store.ensure()
        yield home


@pytest.fixture
def workspace(tmp_path: Path, empty_store: Path) -> Iterator[Path]:
    """A workspace of the test's own."""
    with fresh_workspace(tmp_path, empty_store) as home:
        yield home


@pytest.fixture(scope="module")
def shared_workspace(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Path]:
    """A workspace that the tests of one file share, for what takes long to set up."""
    with fresh_workspace(tmp_path_factory.mktemp("shared"), empty_store) as home:
        yield home
