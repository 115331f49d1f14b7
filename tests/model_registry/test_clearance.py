"""What stands in production by hand alone is honoured, and does not serve."""

from collections.abc import Callable

import pytest

from model_registry import clearance, ledger, stages, store, versions
from model_registry.errors import GateRefused, InputError
from model_registry.versions import Version

Maker = Callable[..., Version]


def put(number: int) -> Version:
    """Moves the alias as a person does in MLflow's UI."""
    store.client().set_registered_model_alias("digits", "production", str(number))
    stages.reconcile("digits")
    return versions.get("digits", number)


@pytest.mark.parametrize(("gate", "clear"), [("passed", True), ("refused", False), ("", False)])
def test_moved_by_hand_is_cleared_by_the_gate_alone(make: Maker, gate: str, clear: bool):
    moved = put(make("a", bundle=True, gate=gate).version)
    assert moved.stage == "Production"
    assert (clearance.fault(moved) == "") is clear
    if not clear:
        with pytest.raises(GateRefused, match="bequest promote digits 1 --to production --force"):
            clearance.require(moved)


def test_require_asks_production_alone(make: Maker):
    clearance.require(make("a", bundle=True, gate="refused"))


def test_promote_clears_what_stands_there_by_hand_with_a_kept_reason(make: Maker):
    stages.promote("digits", make("a", bundle=True, gate="passed").version, "production")
    put(make("b", bundle=True, gate="refused").version)
    with pytest.raises(GateRefused):
        stages.promote("digits", 2, "production")
    with pytest.raises(InputError, match="--reason"):
        stages.promote("digits", 2, "production", force=True)
    assert stages.promote("digits", 2, "production", force=True, reason="seen by two").stage == "Production"
    clearance.require(versions.get("digits", 2))
    entries = ledger.read("digits")
    assert [(entry.move, entry.version) for entry in entries[1:]] == [("found", 2), ("promotion", 2)]
    assert entries[-1].reason == "seen by two"
    stages.promote("digits", 2, "production", force=True, reason="again")
    assert ledger.read("digits") == entries
    assert stages.rollback("digits").label == "digits/1"  # the ledger still knows whom it replaced


def test_rollback_does_not_put_back_what_stood_there_by_hand_alone(make: Maker):
    put(make("a", bundle=True, gate="refused").version)
    stages.promote("digits", make("b", bundle=True, gate="passed").version, "production")
    with pytest.raises(GateRefused, match="digits/1 stood in production by hand alone"):
        stages.rollback("digits")
    assert stages.champion("digits").label == "digits/2"
    stages.promote("digits", 1, "production", force=True, reason="needed")
    stages.promote("digits", 2, "production")
    assert stages.rollback("digits", to="1").label == "digits/1"
