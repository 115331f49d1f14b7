"""A move that is killed between any two of its writes is finished, or had not begun; and the ledger calls it what it was."""

from collections.abc import Callable, Iterator

import pytest
from _faults import Faults, guarded

from model_registry import ledger, moves, promotions, stages, store, versions
from model_registry.versions import Version

Maker = Callable[..., Version]
_CUTS = (1, 2, 4)  # before the alias, the entry, the marks; the sequences try all


@pytest.fixture
def faults() -> Iterator[Faults]:
    with guarded() as controlled:
        yield controlled


def passed(make: Maker, *keys: str) -> None:
    for key in keys:
        stages.promote("digits", make(key, bundle=True, gate="passed").version, "production")


def moved() -> list[tuple[str, int, str]]:
    return [(entry.move, entry.version, entry.to) for entry in ledger.read("digits")]


@pytest.mark.parametrize("cut", _CUTS)
def test_promotion_is_the_same_however_it_was_cut_off(make: Maker, faults: Faults, cut: int):
    passed(make, "a")
    make("b", bundle=True, gate="passed")
    with faults.after(cut):
        stages.promote("digits", 2, "production", reason="better")
    assert stages.promote("digits", 2, "production", reason="better").stage == "Production"
    assert moved() == [("promotion", 1, "Production"), ("promotion", 2, "Production")]
    assert ledger.read("digits")[-1].reason == "better"
    assert versions.get("digits", 1).archived["replaced_by"] == 2
    assert moves.under_way(ledger.tags("digits")) is None


@pytest.mark.parametrize("cut", _CUTS)
def test_rollback_goes_one_step_back_however_often_it_was_cut_off(make: Maker, faults: Faults, cut: int):
    passed(make, "a", "b", "c")
    with faults.after(cut):
        stages.rollback("digits")
    assert faults.struck
    assert stages.rollback("digits").label == "digits/2"
    assert moved()[3:] == [("rollback", 2, "Production")]
    assert stages.rollback("digits").label == "digits/1"


@pytest.mark.parametrize("cut", _CUTS)
def test_archival_of_production_is_the_same_however_it_was_cut_off(make: Maker, faults: Faults, cut: int):
    passed(make, "a")
    with faults.after(cut):
        stages.promote("digits", 1, "archived", reason="old")
    assert stages.promote("digits", 1, "archived", reason="old").stage == "Archived"
    assert moved()[1:] == [("archival", 1, "Archived")]
    assert stages.champion("digits") is None


def test_a_move_by_hand_after_a_cut_is_told_as_one(make: Maker, faults: Faults):
    passed(make, "a", "b")
    make("c", bundle=True)
    with faults.after(1):
        stages.promote("digits", 3, "production", force=True, reason="because")
    store.client().set_registered_model_alias("digits", "production", "3")
    store.client().set_registered_model_alias("digits", "production", "1")
    assert "digits/1 was put into production by other means" in stages.reconcile("digits")[0]
    assert moved()[-1] == ("found", 1, "Production")


def test_ledger_dates_an_entry_after_the_last_where_a_clock_is_slow():
    last = promotions.Entry(at="2999-01-01T00:00:00.000000Z", version=1, came_from="None", to="Production")
    now = promotions.Entry(version=2, came_from="None", to="Production")
    assert promotions.dated(now, [last]).at == "2999-01-01T00:00:00.000001Z"
    assert promotions.dated(now, []).at == now.at
