"""The gate's verdict on a version: a table of rule, value, limit and outcome, stored with the version."""

import json
import math

from pydantic import BaseModel, ConfigDict, ValidationError

from model_registry.reference import ModelRef
from model_registry.store import client, plain_errors
from model_registry.versions import Version, get

_MOST_RULES = 300  # MLflow's tags hold 100,000 characters, a line takes up to 200 of them


class RuleOutcome(BaseModel):
    """One line of a verdict; see `tasks.methods.metrics.gate.Rule`, which it keeps."""

    model_config = ConfigDict(frozen=True)

    rule: str
    metric: str
    value: float | None
    limit: float
    passed: bool
    note: str = ""
    judged: bool = True

    @property
    def outcome(self) -> str:
        """pass, refused, or not judged: the verdict does not rest on a rule that could not be applied."""
        return ("pass" if self.passed else "refused") if self.judged else "not judged"


class Verdict(BaseModel):
    """What the test split said of a version, read once."""

    model_config = ConfigDict(frozen=True)

    candidate: ModelRef
    passed: bool
    rules: list[RuleOutcome]
    metrics: dict[str, float | None]
    intervals: dict[str, tuple[float | None, float | None]] = {}
    champion: str | None = None
    champion_metrics: dict[str, float | None] = {}
    champion_rows: int = 0
    control_metrics: dict[str, float | None] = {}
    rows: int
    run_id: str


def finite(value: float) -> float | None:
    """The value as JSON can hold it: NaN and infinity become null."""
    return float(value) if math.isfinite(value) else None


def record(verdict: Verdict) -> None:
    """Stores a verdict with its version: `gate` for filters, the whole of it as JSON, and the test accuracy.

    MLflow sets one tag at a time. So `gate` is blanked first and set last: a kill in between leaves a version that
    counts as never judged, which nothing promotes and the next run judges again, and `gate` stays a tag of its own
    that MLflow's UI and search can filter by.
    """
    candidate = verdict.candidate
    version = get(candidate.name, candidate.version)
    slim = _fitting(verdict).model_dump(mode="json", exclude={"intervals"})
    accuracy = verdict.metrics.get("accuracy")
    tags = [
        ("gate", ""),
        ("verdict", json.dumps(slim)),
        ("test_accuracy", "" if accuracy is None else f"{accuracy:.4f}"),
        ("gate", "passed" if verdict.passed else "refused"),
    ]
    with plain_errors(f"recording the verdict on {version.label}"):
        for key, value in tags:
            client().set_model_version_tag(version.name, str(version.version), key, value)


def _fitting(verdict: Verdict) -> Verdict:
    """The verdict with as many lines as a tag holds, those that refused before all others."""
    if len(verdict.rules) <= _MOST_RULES:
        return verdict
    kept = sorted(verdict.rules, key=lambda rule: rule.passed)[:_MOST_RULES]
    left_out = len(verdict.rules) - _MOST_RULES
    note = f"left out here; verdict.json of run {verdict.run_id} has them"
    rest = RuleOutcome(rule="others", metric=f"{left_out} lines", value=None, limit=0.0, passed=True, note=note, judged=False)
    return verdict.model_copy(update={"rules": [*kept, rest]})


def read(version: Version) -> Verdict | None:
    """The verdict stored with a version, if it was ever judged; a verdict of another form counts as none."""
    with plain_errors(f"reading the verdict on {version.label}"):
        tags = client().get_model_version(version.name, str(version.version)).tags or {}
    try:
        return Verdict.model_validate_json(tags["verdict"])
    except (KeyError, ValidationError):
        return None
