from collections.abc import Callable
from types import ModuleType

import pytest

from model_registry import artifacts, ledger, marks, stages, store, versions
from model_registry.errors import BequestError, GateRefused, InputError, IntegrityError
from model_registry.versions import Version

Maker = Callable[..., Version]


def test_promote_archives_the_former_production_version_with_a_pointer(make: Maker):
    first = make("a", bundle=True, gate="passed")
    second = make("b", bundle=True, gate="passed")
    stages.promote("digits", first.version, "production")
    stages.promote("digits", second.version, "production", reason="better")
    former = versions.get("digits", 1)
    assert (former.stage, former.archived["replaced_by"]) == ("Archived", 2)
    assert stages.champion("digits").label == "digits/2"
    assert [(entry.version, entry.replaced, entry.reason) for entry in ledger.read("digits")] == [
        (1, None, ""),
        (2, 1, "better"),
    ]


def test_promote_refuses_what_the_gate_refused_unless_forced_with_a_reason(make: Maker):
    version = make("a", bundle=True, gate="refused")
    with pytest.raises(GateRefused, match="the gate refused it"):
        stages.promote("digits", version.version, "production")
    with pytest.raises(InputError, match="--reason"):
        stages.promote("digits", version.version, "production", force=True)
    assert stages.champion("digits") is None
    assert stages.promote("digits", version.version, "production", force=True, reason="hot fix").stage == "Production"


def test_promote_refuses_a_version_without_a_bundle(make: Maker):
    version = make("a", "pruned", gate="passed")
    with pytest.raises(InputError, match="has no bundle"):
        stages.promote("digits", version.version, "staging")


def test_rollback_restores_the_version_before_and_a_second_one_goes_further_back(make: Maker):
    for key in ("a", "b", "c"):
        stages.promote("digits", make(key, bundle=True, gate="passed").version, "production")
    assert stages.rollback("digits").label == "digits/2"
    assert stages.rollback("digits").label == "digits/1"
    with pytest.raises(InputError, match="first version in production"):
        stages.rollback("digits")
    assert versions.get("digits", 3).stage == "Archived"


def test_rollback_leaves_production_alone_when_the_former_version_was_changed(make: Maker):
    first = make("a", bundle=True, gate="passed")
    stages.promote("digits", first.version, "production")
    stages.promote("digits", make("b", bundle=True, gate="passed").version, "production")
    (artifacts.fetch(first) / "model.keras").write_text("tampered")
    with pytest.raises(IntegrityError):
        stages.rollback("digits")
    assert stages.champion("digits").label == "digits/2"


def test_reconcile_honours_an_alias_moved_by_hand_and_notes_it(make: Maker):
    stages.promote("digits", make("a", bundle=True, gate="passed").version, "production")
    make("b", bundle=True)
    store.client().set_registered_model_alias("digits", "production", "2")
    assert "digits/2 was put into production by other means" in stages.reconcile("digits")[0]
    assert stages.champion("digits").label == "digits/2"
    assert versions.get("digits", 1).stage == "Archived"
    assert ledger.read("digits")[-1].move == "found"
    assert stages.reconcile("digits") == []


def test_archive_takes_a_version_out_of_production(make: Maker):
    stages.promote("digits", make("a", bundle=True, gate="passed").version, "production")
    assert stages.promote("digits", 1, "archived").stage == "Archived"
    assert stages.champion("digits") is None


def served(make: Maker, *keys: str) -> None:
    """Makes versions and puts one after the other into production."""
    for key in keys:
        stages.promote("digits", make(key, bundle=True, gate="passed").version, "production")


def moves() -> list[tuple[str, int, str, int | None]]:
    return [(entry.move, entry.version, entry.to, entry.replaced) for entry in ledger.read("digits")]


@pytest.mark.parametrize("to", ["staging", "production", "archived"])
def test_promote_writes_nothing_when_the_version_is_in_that_stage(make: Maker, to: stages.Target):
    served(make, "a")
    number = make("b", bundle=True, gate="passed").version
    once = stages.promote("digits", number, to)
    entries = ledger.read("digits")
    assert stages.promote("digits", number, to) == once
    assert ledger.read("digits") == entries


def test_rollback_finds_the_former_version_when_a_promotion_was_repeated(make: Maker):
    served(make, "a", "b")
    stages.promote("digits", 2, "production")
    assert stages.rollback("digits").label == "digits/1"


def test_rollback_finds_the_last_version_in_production_when_it_was_archived_before(make: Maker):
    served(make, "a")
    stages.promote("digits", 1, "archived")
    served(make, "b")
    assert moves()[-1] == ("promotion", 2, "Production", 1)
    assert stages.rollback("digits").label == "digits/1"


def test_rollback_finds_the_former_version_when_the_present_one_was_archived_and_put_back(make: Maker):
    served(make, "a", "b")
    stages.promote("digits", 2, "archived")
    stages.promote("digits", 2, "production")
    assert moves()[-1] == ("promotion", 2, "Production", 1)
    assert stages.rollback("digits").label == "digits/1"


def test_promote_refuses_staging_when_the_version_is_in_production(make: Maker):
    served(make, "a")
    with pytest.raises(InputError, match=r"is in production already\. To take it out, archive it"):
        stages.promote("digits", 1, "staging")
    assert versions.get("digits", 1).aliases == ["production"]


def test_promote_leaves_staging_to_another_version_when_one_goes_straight_to_production(make: Maker):
    served(make, "a")
    stages.promote("digits", make("b", bundle=True, gate="passed").version, "staging")
    served(make, "c")
    assert [versions.get("digits", number).stage for number in (1, 2, 3)] == ["Archived", "Staging", "Production"]


@pytest.mark.parametrize(("expected", "judged_beside"), [(1, "digits/1"), (None, "nothing")])
@pytest.mark.parametrize("to", ["staging", "production"])
def test_promote_refuses_when_production_is_not_what_the_version_was_judged_beside(
    make: Maker, expected: int | None, judged_beside: str, to: stages.Target
):
    served(make, "a", "b")
    number = make("c", bundle=True, gate="passed").version
    entries = ledger.read("digits")
    with pytest.raises(BequestError, match=rf"judged beside {judged_beside}\..*Received: digits/2; production moved") as caught:
        stages.promote("digits", number, to, expected=expected)
    assert caught.value.exit_code == 1
    assert (versions.get("digits", 3).stage, versions.get("digits", 2).stage) == ("None", "Production")
    assert ledger.read("digits") == entries
    assert stages.promote("digits", number, to, expected=2).stage == to.capitalize()


def test_promote_refuses_when_the_version_judged_beside_was_taken_out(make: Maker):
    served(make, "a")
    number = make("b", bundle=True, gate="passed").version
    store.client().delete_registered_model_alias("digits", "production")
    with pytest.raises(BequestError, match="Received: nothing; production moved"):
        stages.promote("digits", number, "production", expected=1)
    assert stages.promote("digits", number, "production", expected=None).stage == "Production"
    assert stages.promote("digits", number, "production", expected=1).stage == "Production"  # it stands there already


def test_reconcile_notes_the_move_when_the_former_version_was_deleted(make: Maker):
    served(make, "a")
    make("b", bundle=True)
    store.client().set_registered_model_alias("digits", "production", "2")
    store.client().delete_model_version("digits", "1")
    assert len(stages.reconcile("digits")) == 1
    assert moves()[-1] == ("found", 2, "Production", 1)
    assert stages.reconcile("digits") == []
    with pytest.raises(InputError, match="digits/1: no such version"):
        stages.rollback("digits")


@pytest.mark.parametrize(
    ("deleted", "note", "to"), [(False, "was taken out of production", "Archived"), (True, "was deleted", "None")]
)
def test_reconcile_notes_once_when_production_was_emptied_by_hand(make: Maker, deleted: bool, note: str, to: str):
    served(make, "a")
    if deleted:
        store.client().delete_model_version("digits", "1")
    else:
        store.client().delete_registered_model_alias("digits", "production")
    assert note in stages.reconcile("digits")[0]
    assert stages.reconcile("digits") == []
    assert moves()[1:] == [("found", 1, to, None)]
    if not deleted:
        assert versions.get("digits", 1).stage == "Archived"
        store.client().set_registered_model_alias("digits", "production", "1")
        assert "was put into production" in stages.reconcile("digits")[0]
        assert versions.get("digits", 1).archived == {}


def test_reconcile_leaves_a_version_in_staging_when_it_was_moved_there_by_hand(make: Maker):
    served(make, "a")
    store.client().set_registered_model_alias("digits", "staging", "1")
    store.client().delete_registered_model_alias("digits", "production")
    stages.reconcile("digits")
    assert moves()[-1] == ("found", 1, "Staging", None)
    assert (versions.get("digits", 1).stage, versions.get("digits", 1).archived) == ("Staging", {})


@pytest.mark.parametrize(("room", "step"), [(ledger, "add"), (marks, "mirror"), (marks, "mark_archived")])
def test_reconcile_finishes_a_promotion_that_was_killed_midway(
    make: Maker, monkeypatch: pytest.MonkeyPatch, room: ModuleType, step: str
):
    served(make, "a", "b")
    stages.promote("digits", make("c", bundle=True, gate="passed").version, "staging")

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(room, step, killed)
        with pytest.raises(KeyboardInterrupt):
            stages.promote("digits", 3, "production")
    stages.reconcile("digits")
    former, present = versions.get("digits", 2), versions.get("digits", 3)
    assert (former.stage, former.archived["replaced_by"], former.mirrored) == ("Archived", 3, "Archived")
    assert (present.aliases, present.archived, present.mirrored) == (["production"], {}, "Production")
    entries = ledger.read("digits")
    assert stages.reconcile("digits") == []
    assert (ledger.read("digits"), versions.get("digits", 2)) == (entries, former)
    assert stages.rollback("digits").label == "digits/2"


def test_reconcile_takes_off_production_what_contradicts_it(make: Maker):
    served(make, "a")
    client = store.client()
    client.set_registered_model_alias("digits", "staging", "1")
    client.set_model_version_tag("digits", "1", "archived", '{"replaced_by": null}')
    client.transition_model_version_stage("digits", "1", "None")
    assert stages.reconcile("digits") == []
    version = versions.get("digits", 1)
    assert (version.aliases, version.archived, version.mirrored) == (["production"], {}, "Production")


def test_reconcile_leaves_versions_alone_that_others_made(make: Maker):
    make("a")
    client = store.client()
    client.create_model_version("digits", source="/nowhere", run_id=None)
    client.transition_model_version_stage("digits", "2", "Staging")
    assert stages.reconcile("digits") == []
    assert versions.get("digits", 2).mirrored == "Staging"


def test_ledger_leaves_out_tags_of_another_form(make: Maker):
    served(make, "a")
    for number, value in enumerate(["x", "[]", '{"version": "y"}']):
        store.client().set_registered_model_tag("digits", f"promotion.{number}", value)
    assert moves() == [("promotion", 1, "Production", None)]
