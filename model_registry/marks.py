"""What follows from a version's stage: leftover aliases, the archived tag, and MLflow's deprecated stage field."""

import json
import warnings
from contextlib import suppress

from model_registry import acting
from model_registry.errors import StoreError
from model_registry.store import client, plain_errors
from model_registry.versions import Version


def clear(version: Version, stage: str) -> None:
    """Takes off a version what contradicts the stage it now stands in: the staging alias, the archived tag."""
    with plain_errors(f"moving {version.label} to {stage}"):
        if stage == "Production" and "staging" in version.aliases:
            client().delete_registered_model_alias(version.name, "staging")
        if version.archived:
            client().delete_model_version_tag(version.name, str(version.version), "archived")


def mark_archived(version: Version, *, by: int | None) -> None:
    """Tags a version as archived, with a pointer to the one that took its place; None where none did."""
    pointer = json.dumps({"at": acting.now(), "replaced_by": by})
    with plain_errors(f"archiving {version.label}"):
        client().set_model_version_tag(version.name, str(version.version), "archived", pointer)
    mirror(version, "Archived")


def mirror(version: Version, stage: str) -> None:
    """Sets MLflow's deprecated stage field, where the client still has it; a mirror that fails is no fault."""
    move = getattr(client(), "transition_model_version_stage", None)
    if move is None:
        return
    with suppress(StoreError), plain_errors(f"mirroring the stage of {version.label}"), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        move(version.name, str(version.version), stage)
