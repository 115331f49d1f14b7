"""Where bequest keeps things: one folder, `.bequest` in the current directory unless BEQUEST_HOME says otherwise."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Workspace:
    """Paths of one workspace; nothing is created until it is needed."""

    home: Path

    @property
    def tracking_uri(self) -> str:
        """The MLflow store: MLFLOW_TRACKING_URI where set, else a sqlite file in the workspace."""
        return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self.home / 'mlflow.db'}"

    @property
    def artifacts(self) -> Path:
        """Artifacts of runs and models, for the sqlite store."""
        return self.home / "artifacts"

    @property
    def data(self) -> Path:
        """Prepared data sets, one folder a fingerprint."""
        return self.home / "data"

    @property
    def staging(self) -> Path:
        """Model folders being written, before they are registered."""
        return self.home / "staging"

    @property
    def bundles(self) -> Path:
        """Bundles fetched for serving, one folder a sha256."""
        return self.home / "bundles"

    @property
    def captured(self) -> Path:
        """Predictions and labels that `bequest serve --capture` keeps."""
        return self.home / "captured"

    @property
    def reports(self) -> Path:
        """Feedback reports, one folder a look."""
        return self.home / "reports"

    @property
    def services(self) -> Path:
        """Pid files and logs of what `bequest up` started."""
        return self.home / "services"

    @property
    def prefect_home(self) -> Path:
        """Prefect's own folder: PREFECT_HOME where set, else one in the workspace."""
        given = os.environ.get("PREFECT_HOME")
        return Path(given) if given else self.home / "prefect"

    @property
    def results(self) -> Path:
        """Results of finished stages, by cache key."""
        return self.home / "results"


def sqlite_file(uri: str) -> Path | None:
    """The file of a sqlite address; None for any other store."""
    return Path(uri.removeprefix("sqlite:///").split("?", 1)[0]) if uri.startswith("sqlite:///") else None


def current() -> Workspace:
    """The workspace of this process."""
    return Workspace(Path(os.environ.get("BEQUEST_HOME") or ".bequest").absolute())


def activate() -> Workspace:
    """Points MLflow and Prefect at the workspace, for this process and those it starts.

    Call before either is imported. What the user has set in the environment is kept.
    """
    space = current()
    space.home.mkdir(parents=True, exist_ok=True)
    os.environ["BEQUEST_HOME"] = str(space.home)
    os.environ.setdefault("PREFECT_HOME", str(space.prefect_home))
    os.environ.setdefault("MLFLOW_TRACKING_URI", space.tracking_uri)
    os.environ.setdefault("PREFECT_LOCAL_STORAGE_PATH", str(space.results))
    return space
