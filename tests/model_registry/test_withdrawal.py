from collections.abc import Callable

import pytest

from model_registry import ancestry, bulk, drawing, lineage, stages, store, versions, withdrawal
from model_registry.errors import GateRefused, InputError
from model_registry.versions import Version

Maker = Callable[..., Version]


def marks() -> dict[str, list[str]]:
    """What the tags say, by label."""
    return {version.label: version.withdrawn for version in versions.search() if version.withdrawn}


@pytest.fixture
def family(make: Maker) -> list[Version]:
    """1 and 2 have nothing above them; 3 descends from 1, 4 from both, 5 from 4; what 4 and 5 passed may be promoted."""
    first, second = make("a"), make("b")
    third = make("c", "pruned", [first])
    fourth = make("d", "fused", [third, second], bundle=True, gate="passed")
    return [first, second, third, fourth, make("e", "quantized", [fourth], bundle=True, gate="passed")]


def test_descendants_finds_every_heir_once_the_nearest_first(family: list[Version]):
    assert list(ancestry.descendants(family[0])) == ["digits/3", "digits/4", "digits/5"]
    assert list(ancestry.descendants(family[1])) == ["digits/4", "digits/5"]
    assert ancestry.descendants(family[4]) == {}


@pytest.mark.parametrize("by_pages", [False, True])
def test_descendants_reads_the_registry_once_when_there_are_many(
    family: list[Version], monkeypatch: pytest.MonkeyPatch, by_pages: bool
):
    asked_one_by_one = {each.label: list(ancestry.descendants(each)) for each in family}
    monkeypatch.setattr(ancestry, "_ASKED_FOR", 1)
    monkeypatch.setattr(versions, "_PAGE", 2)
    if by_pages:
        monkeypatch.setattr(bulk, "versions_of", lambda _: None)  # as where MLflow is a server
    assert {each.label: sorted(ancestry.descendants(each)) for each in family} == {
        label: sorted(heirs) for label, heirs in asked_one_by_one.items()
    }


@pytest.mark.parametrize(("one_by_one", "pages"), [(6, 2), (1, 100), (0, 0), (0, 1)])
def test_ancestry_is_the_same_however_it_is_read(
    family: list[Version], monkeypatch: pytest.MonkeyPatch, one_by_one: int, pages: int
):
    store.client().set_registered_model_alias("digits", "production", "2")
    store.client().delete_model_version("digits", "1")
    monkeypatch.setattr(ancestry, "_ONE_BY_ONE", one_by_one)
    monkeypatch.setattr(ancestry, "_PAGES", pages)
    monkeypatch.setattr(ancestry, "_FIRST_PAGE", 1)
    found = ancestry.ancestry(family[4])
    assert list(found) == ["digits/5", "digits/4", "digits/3", "digits/2", "digits/1"]
    assert (found["digits/2"].stage, found["digits/1"].operation) == ("Production", "deleted")


def test_versions_read_at_once_are_those_that_mlflow_gives(family: list[Version], monkeypatch: pytest.MonkeyPatch):
    store.client().set_registered_model_alias("digits", "production", "4")
    store.client().delete_model_version("digits", "2")
    for name in ("digits", None):
        assert ancestry._at_once(name, {}) == versions.search()
    assert bulk.versions_of("nobody") == []
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert bulk.versions_of("digits") is None


def test_withdraw_marks_the_version_and_every_heir_and_refuses_their_promotion(family: list[Version]):
    stages.promote("digits", 5, "production")
    done = withdrawal.withdraw(family[0], "wrong labels")
    assert [each.label for each in done.heirs] == ["digits/3", "digits/4", "digits/5"]
    assert [each.label for each in done.in_production] == ["digits/5"]
    assert marks() == {f"digits/{number}": ["digits/1"] for number in (1, 3, 4, 5)}
    for to in ("staging", "production"):
        with pytest.raises(GateRefused, match=r"digits/4: it descends from digits/1, which is withdrawn .*wrong labels"):
            stages.promote("digits", 4, to, force=True, reason="all the same")
    assert stages.champion("digits").label == "digits/5"  # what serves is taken out by people
    assert stages.promote("digits", 5, "archived").stage == "Archived"


def test_rollback_refuses_to_go_back_to_a_withdrawn_version(family: list[Version], make: Maker):
    stages.promote("digits", 5, "production")
    stages.promote("digits", make("f", bundle=True, gate="passed").version, "production")
    withdrawal.withdraw(family[1], "licence")
    with pytest.raises(GateRefused, match="digits/5: it descends from digits/2"):
        stages.rollback("digits")
    assert stages.champion("digits").label == "digits/6"


def test_heirs_made_after_the_withdrawal_are_withdrawn_too(family: list[Version], make: Maker):
    withdrawal.withdraw(family[2], "wrong labels")
    heir = make("f", "quantized", [family[4]], bundle=True, gate="passed")
    assert heir.withdrawn == []
    assert [cause.of for cause in withdrawal.of(heir)] == ["digits/3"]
    with pytest.raises(GateRefused, match="digits/6: it descends from digits/3"):
        stages.promote("digits", 6, "production")
    withdrawal.undo(family[2].model_copy(update={"withdrawn": ["digits/3"]}))
    assert stages.promote("digits", 6, "production").stage == "Production"


def test_undo_leaves_withdrawn_what_another_withdrawal_holds(family: list[Version]):
    withdrawal.withdraw(family[0], "wrong labels")
    withdrawal.withdraw(family[1], "licence")
    withdrawal.undo(versions.get("digits", 1), "labels mended")
    assert marks() == {f"digits/{number}": ["digits/2"] for number in (2, 4, 5)}
    assert withdrawal.of(versions.get("digits", 3)) == []
    assert [event["undone"] for event in versions.get("digits", 1).withdrawals] == [False, True]
    with pytest.raises(InputError, match=r"digits/5 is not withdrawn itself, but with digits/2.*withdraw digits/2 --undo"):
        withdrawal.undo(versions.get("digits", 5))
    with pytest.raises(InputError, match="digits/3 is not withdrawn, so there is nothing to undo"):
        withdrawal.undo(versions.get("digits", 3))


def test_withdraw_asks_for_a_reason(family: list[Version]):
    with pytest.raises(InputError, match="--reason: expected why digits/1 is withdrawn"):
        withdrawal.withdraw(family[0], " ")
    assert marks() == {}


def test_withdraw_and_undo_are_finished_by_the_same_call_when_they_were_killed_anywhere(
    family: list[Version], monkeypatch: pytest.MonkeyPatch
):
    def act(undo: bool) -> None:
        version = versions.get("digits", 1)
        withdrawal.undo(version) if undo else withdrawal.withdraw(version, "wrong labels")

    def killed_after(calls: int, undo: bool) -> None:
        left = iter(range(calls))

        def killing(call: Callable[..., None]) -> Callable[..., None]:
            def write(*arguments: str) -> None:
                if next(left, None) is None:
                    raise KeyboardInterrupt
                call(*arguments)

            return write

        with monkeypatch.context() as patch:
            for name in ("set_model_version_tag", "delete_model_version_tag"):
                patch.setattr(store.client(), name, killing(getattr(store.client(), name)))
            with pytest.raises(KeyboardInterrupt):
                act(undo)

    for calls in (1, 2, 4):  # of an event, the version's own mark, and three of heirs
        for undo in (False, True):
            killed_after(calls, undo)
            # All or none: the withdrawal is in effect on the version and every heir, or on none of them.
            in_effect = {bool(withdrawal.of(versions.get("digits", number))) for number in (1, 3, 4, 5)}
            assert in_effect == {undo or calls >= 2}
            act(undo)
            assert set(marks()) == (set() if undo else {"digits/1", "digits/3", "digits/4", "digits/5"})
    assert [event["undone"] for event in versions.get("digits", 1).withdrawals] == [False, True] * 3


def test_heirs_stay_withdrawn_when_the_withdrawn_version_is_deleted_until_that_is_undone(family: list[Version]):
    withdrawal.withdraw(family[0], "wrong labels")
    store.client().delete_model_version("digits", "1")
    assert [cause.of for cause in withdrawal.of(versions.get("digits", 5))] == ["digits/1"]
    withdrawal.undo(versions.get("digits", 3))
    assert marks() == {}


def test_marks_of_another_form_count_as_none(family: list[Version]):
    for value in ("true", '["x"]', '"digits/1"', "[1]"):
        store.client().set_model_version_tag("digits", "1", "withdrawn", value)
        assert withdrawal.of(versions.get("digits", 5)) == []
    store.client().set_model_version_tag("digits", "1", "withdrawn", '["digits/1"]')
    store.client().set_model_version_tag("digits", "1", "withdrawals", "[1]")
    assert withdrawal.of(versions.get("digits", 5))[0].reason == "unknown"


def test_candidates_leave_out_what_is_withdrawn(family: list[Version], make: Maker):
    stages.promote("digits", 5, "production")
    other = make("f", "inherited")
    assert [each.label for each in lineage.candidates()] == ["digits/5"]
    withdrawal.withdraw(family[0], "wrong labels")
    assert [each.label for each in lineage.candidates()] == [other.label]


def test_family_tree_shows_what_is_withdrawn_in_every_form(family: list[Version]):
    withdrawal.withdraw(family[2], "wrong labels")
    lines = lineage.as_text(family[4]).splitlines()
    assert [line.split("digits/")[1][0] for line in lines if "withdrawn" in line] == ["5", "4", "3"]
    assert lineage.as_mermaid(family[4]).count("withdrawn") == 3
    assert drawing.as_svg(family[4]).count("· withdrawn") == 3
    nodes = {node["label"]: [cause["of"] for cause in node["withdrawn"]] for node in lineage.as_json(family[4])["nodes"]}
    assert {label for label, causes in nodes.items() if causes == ["digits/3"]} == {"digits/3", "digits/4", "digits/5"}
