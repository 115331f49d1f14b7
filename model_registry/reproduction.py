"""Whether a version could be made once more: what came of it is kept with the version, and in an MLflow run."""

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from model_registry import acting
from model_registry.store import client, plain_errors
from model_registry.versions import Version, get

_TAG = "reproductions"
_MOST = 20  # entries kept with a version; every one has an MLflow run of its own

Outcome = Literal["identical", "equal within tolerance", "differs"]


class Reproduction(BaseModel):
    """One rerun of what made a version: when, by whom, and what came of it."""

    model_config = ConfigDict(frozen=True)

    at: str = Field(default_factory=acting.now)
    by: str = Field(default_factory=acting.who)
    verdict: Outcome
    reasons: list[str] = []
    run_id: str


def record(version: Version, entry: Reproduction) -> None:
    """Adds an entry to those kept with a version."""
    known = get(version.name, version.version).reproductions  # another may have come meanwhile
    kept: list[dict[str, Any]] = [*known, entry.model_dump(mode="json")][-_MOST:]
    with plain_errors(f"noting the reproduction of {version.label}"):
        client().set_model_version_tag(version.name, str(version.version), _TAG, json.dumps(kept))


def told(version: Version) -> str:
    """Day and outcome of the last one, for people; empty where there was none."""
    if not version.reproductions:
        return ""
    last = version.reproductions[-1]
    return f"{str(last.get('at', 'unknown'))[:10]}: {last.get('verdict', 'unknown')}"
