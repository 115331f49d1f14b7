"""How like a version and its rerun are: weights, answers on validation, the served file, and the figures."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from model_registry.manifest import sha256_of
from model_registry.reproduction import Outcome
from model_registry.versions import Version
from tasks.bundle import Bundle
from tasks.bundle_archive import NETWORK
from tasks.data.dataset import Split
from tasks.data.raw import as_columns
from tasks.derive import BUNDLE, DERIVED, KERAS_FILE

_MEASURED = ("seconds", "_ms")  # other every time: told, no part of the verdict


class Pair(BaseModel):
    """A number of the version, and of its rerun; None where one has none."""

    model_config = ConfigDict(frozen=True)

    registered: float | None
    rerun: float | None

    @property
    def delta(self) -> float | None:
        """Rerun minus registered."""
        return None if self.registered is None or self.rerun is None else self.rerun - self.registered


class Likeness(BaseModel):
    """What was compared.

    Attributes:
        verdict: identical: the same weights and the same served file, to the last bit. equal within tolerance: no validation
            row is decided otherwise, and no probability is further off than the tolerance.
        reasons: Why it is not identical, one line each.
        weights_sha256: Of the version's weights, and of the rerun's.
        weights_max_difference: Largest absolute difference of two weights; None where their shapes differ.
        rows: Rows of the validation split.
        agreement: Share of them that both decide alike.
        max_difference: Largest absolute difference of two probabilities.
        flatbuffer_sha256: Of the served files; None where there is none.
        flatbuffer_bytes: Their sizes.
        metrics: Every figure among the facts of one of them.
    """

    model_config = ConfigDict(frozen=True)

    verdict: Outcome
    reasons: list[str]
    weights_sha256: tuple[str, str]
    weights_max_difference: float | None
    rows: int
    agreement: float
    max_difference: float
    flatbuffer_sha256: tuple[str | None, str | None]
    flatbuffer_bytes: Pair
    metrics: dict[str, Pair]


def likeness(version: Version, folder: Path, rerun: Path, validation: Split, tolerance: float) -> Likeness:
    """Compares a version with what its rerun left.

    Args:
        version: The version.
        folder: Its files, verified.
        rerun: The folder that the rerun left.
        validation: The validation split that both learned beside.
        tolerance: How far off a probability may be.
    """
    from tasks.methods.networks import store

    derived = json.loads((rerun / DERIVED).read_text())
    models = [store.load(each / KERAS_FILE) for each in (folder, rerun)]
    weights = [model.get_weights() for model in models]
    said = [_said(each, model, validation) for each, model in zip((folder, rerun), models, strict=True)]
    served = [each / BUNDLE / NETWORK for each in (folder, rerun)]
    files = [sha256_of(each) if each.is_file() else None for each in served]
    sizes = [float(each.stat().st_size) if each.is_file() else None for each in served]
    hashes = [_sha256(each) for each in weights]
    apart = _apart(*weights)
    agreement = float((said[0].argmax(axis=1) == said[1].argmax(axis=1)).mean())
    difference = float(np.abs(said[0] - said[1]).max())
    reasons = []
    if derived["operation"] != version.operation:
        reasons.append(f"operation: the version is {version.operation}, the rerun {derived['operation']}")
    if hashes[0] != hashes[1]:
        reasons.append("weights: " + ("other shapes" if apart is None else f"they differ by up to {apart:.3g}"))
    if files[0] != files[1]:
        reasons.append(f"served file: {sizes[0] or 0:,.0f} bytes, the rerun's {sizes[1] or 0:,.0f}, and other content")
    if difference != 0:
        rows = round((1 - agreement) * len(said[0]))
        reasons.append(
            f"predictions: {rows} of {len(said[0])} rows are decided otherwise, probabilities up to {difference:.3g}"
        )
    same_kind = derived["operation"] == version.operation and (files[0] is None) == (files[1] is None)
    verdict: Outcome = "differs"
    if not reasons:
        verdict = "identical"
    elif same_kind and agreement == 1 and difference <= tolerance:
        verdict = "equal within tolerance"
    return Likeness(
        verdict=verdict,
        reasons=reasons,
        weights_sha256=(hashes[0], hashes[1]),
        weights_max_difference=apart,
        rows=len(said[0]),
        agreement=agreement,
        max_difference=difference,
        flatbuffer_sha256=(files[0], files[1]),
        flatbuffer_bytes=Pair(registered=sizes[0], rerun=sizes[1]),
        metrics=_metrics(version.facts, derived["facts"]),
    )


def is_measured(name: str) -> bool:
    """Whether a figure is a measured time, which no rerun repeats."""
    return name.endswith(_MEASURED)


def _said(folder: Path, model: Any, validation: Split) -> np.ndarray:
    """Probabilities float [n, classes]: of the bundle on raw rows where there is one, as that is what serves."""
    from tasks.methods.networks.predict import predict

    if (folder / BUNDLE).is_dir():
        return Bundle.open(folder / BUNDLE).predict(as_columns(validation.raw))
    return predict(model, validation.x)


def _sha256(weights: list[np.ndarray]) -> str:
    digest = hashlib.sha256()
    for each in weights:
        digest.update(f"{each.dtype}{each.shape}".encode())
        digest.update(np.ascontiguousarray(each).tobytes())
    return digest.hexdigest()


def _apart(registered: list[np.ndarray], rerun: list[np.ndarray]) -> float | None:
    if [each.shape for each in registered] != [each.shape for each in rerun]:
        return None
    return max((float(np.abs(a - b).max()) for a, b in zip(registered, rerun, strict=True) if a.size), default=0.0)


def _metrics(registered: dict[str, Any], rerun: dict[str, Any]) -> dict[str, Pair]:
    def number(value: Any) -> float | None:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    pairs = {name: Pair(registered=number(registered.get(name)), rerun=number(rerun.get(name))) for name in registered | rerun}
    return {name: pair for name, pair in pairs.items() if (pair.registered, pair.rerun) != (None, None)}
