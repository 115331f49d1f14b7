"""A family as one file: received whole under numbers of its own, once, verified, and nothing of a damaged one."""

import json
import shutil
import zipfile

import pytest

from model_registry import gates, handover, stages, versions, withdrawal
from model_registry.errors import InputError, IntegrityError
from model_registry.gates import Verdict


@pytest.fixture
def elsewhere(tmp_path, empty_store, monkeypatch):
    """Moves to another, empty registry."""

    def move():
        home = tmp_path / "elsewhere"
        home.mkdir()
        shutil.copy(empty_store, home / "mlflow.db")
        monkeypatch.setenv("BEQUEST_HOME", str(home))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{home}/mlflow.db")

    return move


@pytest.fixture
def family(make):
    """A version in production with a parent and two grandparents, one of them of another operation."""
    first, second = make("a", "inherited"), make("b")
    middle = make("c", "fused", [first, second])
    last = make("d", "quantized", [middle], bundle=True)
    verdict = Verdict(candidate=last.ref, passed=True, rules=[], metrics={"accuracy": 0.91}, rows=100, run_id="r")
    gates.record(verdict)
    stages.promote("digits", last.version, "production")
    return versions.get("digits", last.version)


def test_family_is_received_with_its_edges_facts_and_verdict_but_no_stage(family, elsewhere, make, tmp_path):
    make("unrelated")
    labels = handover.write(family, tmp_path / "out.zip")
    assert labels == ["digits/1", "digits/2", "digits/3", "digits/4"]
    elsewhere()
    received = handover.receive(tmp_path / "out.zip")
    assert received.made == {label: label for label in labels}
    assert received.standing == {}
    there = versions.resolve(received.version)
    assert (there.operation, there.sha256, there.facts) == (family.operation, family.sha256, family.facts)
    assert (there.stage, there.gate, there.test_accuracy) == ("None", "passed", 0.91)
    told = {"received_from": "out.zip", "was": "digits/4", "made_by": family.by}
    assert there.trigger == {"kind": "manual"} | told
    fused = versions.get("digits", 3)
    assert [(each.version, each.sha256) for each in fused.parents] == [
        (number, versions.get("digits", number).sha256) for number in (1, 2)
    ]
    assert gates.read(there).candidate == there.ref
    assert stages.promote("digits", there.version, "production").stage == "Production"


def test_numbers_are_given_anew_and_edges_follow_where_the_name_is_taken(family, elsewhere, tmp_path, make):
    handover.write(family, tmp_path / "out.zip")
    elsewhere()
    from model_registry import store

    run_id = store.client().create_run(store.experiment("digits").experiment_id).info.run_id
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "model.keras").write_text("own")
    versions.register("digits", tmp_path / "own", operation="trained", parents=[], run_id=run_id, stage_key="own")
    received = handover.receive(tmp_path / "out.zip")
    assert received.made == {f"digits/{number}": f"digits/{number + 1}" for number in (1, 2, 3, 4)}
    assert [each.version for each in versions.get("digits", 4).parents] == [2, 3]


def test_receiving_again_or_after_it_was_cut_off_makes_nothing_twice(family, elsewhere, tmp_path, monkeypatch):
    handover.write(family, tmp_path / "out.zip")
    assert handover.receive(tmp_path / "out.zip").made == {}  # where it came from
    elsewhere()
    whole = gates.record

    def cut_off(verdict):
        raise KeyboardInterrupt

    monkeypatch.setattr(gates, "record", cut_off)
    with pytest.raises(KeyboardInterrupt):
        handover.receive(tmp_path / "out.zip")
    monkeypatch.setattr(gates, "record", whole)
    received = handover.receive(tmp_path / "out.zip")
    assert (received.made, len(received.standing)) == ({}, 4)
    assert versions.get("digits", 4).gate == "passed"
    assert len(versions.search("name = 'digits'")) == 4


def test_heir_of_a_withdrawn_version_is_not_handed_over(family, tmp_path):
    withdrawal.withdraw(versions.get("digits", 2), "wrong labels")
    with pytest.raises(InputError, match=r"digits/4: it descends from digits/2, which is withdrawn.*--undo"):
        handover.write(family, tmp_path / "out.zip")


def test_equal_families_give_equal_archives(family, tmp_path):
    handover.write(family, tmp_path / "a.zip")
    handover.write(family, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def rewritten(path, change):
    """The archive with its files changed."""
    with zipfile.ZipFile(path) as members:
        files = {name: members.read(name) for name in members.namelist()}
    change(files)
    with zipfile.ZipFile(path, "w") as members:
        for name, content in files.items():
            members.writestr(name, content)


def test_tampered_file_is_named_and_its_version_is_not_registered(family, elsewhere, tmp_path):
    handover.write(family, tmp_path / "out.zip")
    name = f"versions/{family.sha256}/bundle/model.tflite"
    rewritten(tmp_path / "out.zip", lambda files: files.update({name: b"other"}))
    elsewhere()
    with pytest.raises(IntegrityError, match=r"digits/4 in .*out\.zip: .*model\.tflite was changed"):
        handover.receive(tmp_path / "out.zip")
    assert {each.version for each in versions.search()} == {1, 2, 3}


def test_file_that_the_manifest_does_not_list_is_refused(family, elsewhere, tmp_path):
    handover.write(family, tmp_path / "out.zip")
    rewritten(tmp_path / "out.zip", lambda files: files.update({f"versions/{family.sha256}/slipped_in.py": b"x"}))
    elsewhere()
    with pytest.raises(IntegrityError, match="digits/4 has files that its manifest does not list"):
        handover.receive(tmp_path / "out.zip")


def test_name_that_leads_out_of_the_folder_is_refused(family, elsewhere, tmp_path):
    handover.write(family, tmp_path / "out.zip")
    first = versions.get("digits", 1).sha256
    rewritten(tmp_path / "out.zip", lambda files: files.update({f"versions/{first}/../../evil": b"x"}))
    elsewhere()
    with pytest.raises(InputError, match="leads out of its folder"):
        handover.receive(tmp_path / "out.zip")
    assert versions.search() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda index: index.update(format_version=2), "of format 2; a newer bequest wrote it"),
        (lambda index: index["versions"].pop(0), "digits/3 without its parent digits/1"),
        (lambda index: index.update(version="digits/9"), "without the version it is for, digits/9"),
        (lambda index: index["versions"][0]["version"].update(operation="conjured"), "by the operation 'conjured'"),
        (lambda index: index["versions"][0]["version"].update(version="x"), "versions.0.version.version"),
    ],
)
def test_index_of_another_form_is_refused(family, tmp_path, change, said):
    handover.write(family, tmp_path / "out.zip")

    def edit(files):
        index = json.loads(files[handover.INDEX])
        change(index)
        files[handover.INDEX] = json.dumps(index).encode()

    rewritten(tmp_path / "out.zip", edit)
    with pytest.raises(InputError, match="expected an archive as `bequest export` writes it") as error:
        handover.receive(tmp_path / "out.zip")
    assert said in str(error.value)


def test_other_files_are_no_archives(family, tmp_path):
    (tmp_path / "text").write_text("x")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as members:
        members.writestr("a", "b")
    for name in ("text", "other.zip", "absent"):
        assert not handover.is_archive(tmp_path / name)
        with pytest.raises(InputError, match="expected an archive as `bequest export` writes it"):
            handover.receive(tmp_path / name)
    with pytest.raises(InputError, match="can be written"):
        handover.write(family, tmp_path / "no" / "folder.zip")


def test_family_with_a_damaged_or_deleted_member_is_not_handed_over(family, tmp_path):
    from model_registry import artifacts, store

    path = artifacts.fetch(versions.get("digits", 2)) / "model.keras"
    before = path.read_bytes()
    path.write_bytes(b"damaged")
    with pytest.raises(IntegrityError, match="digits/2"):
        handover.write(family, tmp_path / "out.zip")
    path.write_bytes(before)
    store.client().delete_model_version("digits", "2")
    with pytest.raises(IntegrityError, match="its ancestor digits/2 was deleted"):
        handover.write(family, tmp_path / "out.zip")
    assert not (tmp_path / "out.zip").exists()
