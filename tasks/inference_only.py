"""Versions without a network to train further: a flatbuffer from outside, or a solution alone."""

import json
from pathlib import Path
from typing import Any

from model_registry.errors import InputError
from model_registry.versions import Version

FLATBUFFER = "model.tflite"
MARKER = "without_network.json"  # as `tasks.methods.networks.store` looks for it in a network's place
KIND = "network"  # the fact that says which of these a version is: flatbuffer, or none
FLATBUFFER_ONLY, SOLUTION_ONLY = "flatbuffer", "none"

_REASONS = {
    FLATBUFFER_ONLY: "{} is inference-only: usable as teacher and ensemble member, not to be trained further or pruned.",
    SOLUTION_ONLY: "{} is a solution alone: it hands down its recipe, and has no weights to train further.",
}


def flatbuffer_of(folder: Path) -> Path | None:
    """The flatbuffer that a version brought in as inference-only runs as.

    It takes rows as the network was fed when it was trained: where the version's solution states `expects`,
    `PictureInput.from_json(solution.expects).apply(x)` makes them of pictures in [0, 1]. The version's facts `input_shape`,
    `output_shape` and `outputs` (probabilities, scores or features) say what goes in and comes out.

    Args:
        folder: The version's verified files.

    Returns:
        The file, for `tasks.methods.litert.LiteRunner`; None where the version has a network, or a solution alone.
    """
    path = folder / FLATBUFFER
    return path if path.is_file() else None


def mark(folder: Path, name: str, kind: str) -> None:
    """Writes into a version's folder why it has no network, for whoever looks for one there."""
    (folder / MARKER).write_text(json.dumps({"reason": reason(name, kind)}))


def reason(label: str, kind: Any) -> str:
    """Why a version cannot be an ancestor to train further; empty where it can."""
    words = _REASONS.get(kind)
    return words.format(label) if words else ""


def require_network(version: Version, *, named_in: str) -> None:
    """Refuses a flatbuffer where a network is needed.

    Args:
        version: The version.
        named_in: The recipe's key that names it.

    Raises:
        InputError: It has no network.
    """
    found = reason(version.label, version.facts.get(KIND))
    if found:
        raise InputError(f"{named_in}: {found} Leave it out of `{named_in}`.")


def is_solution_only(version: Version) -> bool:
    """Whether a version hands down its recipe, and nothing to train."""
    return version.facts.get(KIND) == SOLUTION_ONLY
