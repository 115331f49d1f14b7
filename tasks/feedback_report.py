"""What a look at production came to, as a record."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Decision = Literal["data", "retrain", "wait", "label", "none"]
"""The batch is broken; the loop starts again; it would, but patience, cool-down or budget wait; labels are needed; nothing is
started."""


class Report(BaseModel):
    """What a batch says of the version in production."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    batch_sha256: str
    batch: str = ""
    at: str = ""
    rows: int
    quarantined: int
    quarantine: str = ""
    labelled: bool
    no_labels: str = ""
    features: list[dict[str, Any]]
    predictions: list[dict[str, Any]]
    together: list[dict[str, Any]] = []
    drifted_share: float
    drifted: bool
    alpha: float | None = None
    accuracy: float | None = None
    accuracy_interval: tuple[float, float] | None = None
    accuracy_reference: float | None = None
    accuracy_drop_p_value: float | None = None
    degraded: bool = False
    along: list[dict[str, Any]] = []
    alarms: list[int] = []
    estimated: dict[str, Any] | None = None
    estimated_drop_p_value: float | None = None
    estimated_degraded: bool = False
    basis: str = ""
    bad: bool = False
    decision: Decision
    reason: str
    page: str = ""
    run_id: str = ""
