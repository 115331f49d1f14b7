"""Signed versions: signed when registered or afterwards, refused by name where anything about them was changed."""

import base64
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_registry import artifacts, handover, keys, manifest, signing, stages, store, trust, versions
from model_registry.errors import InputError, IntegrityError
from model_registry.manifest import SIGNATURE
from model_registry.versions import Version


@pytest.fixture
def pair(tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`pair("ci")`: signs with this pair from here on, and trusts it alone."""

    def use(name: str) -> str:
        path = tmp_path / "keys" / f"{name}.key"
        if not path.exists():
            keys.new(path)
        monkeypatch.setenv(keys.SIGNING_KEY, str(path))
        monkeypatch.setenv(keys.TRUSTED_KEYS, f"{path}.pub")
        return keys.key_id(keys.signing_key().public_key())

    return use


@pytest.fixture
def signed(pair: Callable[[str], str], make: Callable[..., Version]) -> Version:
    """`digits/2`, with a bundle and a parent, signed when it was registered."""
    pair("ci")
    return make("child", "quantized", [make("parent")], bundle=True, gate="passed")


def rewrite(version: Version, change: Callable[[dict[str, Any]], Any]) -> None:
    path = artifacts.fetch(version) / SIGNATURE
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_version_is_signed_as_what_it_is_when_it_is_registered(signed: Version, pair: Callable[[str], str]):
    found = trust.require(signed)
    parent = versions.get("digits", 1)
    assert (found.key, signed.signed_by) == (pair("ci"), pair("ci"))
    assert (found.signed.label, found.signed.operation, found.signed.manifest_sha256) == (
        "digits/2",
        "quantized",
        signed.sha256,
    )
    assert [(each.name, each.sha256, each.role) for each in found.signed.parents] == [("digits", parent.sha256, "weights")]
    folder = artifacts.fetch(signed)  # the signature is no part of the manifest, and hurts nothing
    assert (folder / SIGNATURE).read_text() == (folder / "bundle" / SIGNATURE).read_text()
    assert stages.promote("digits", 2, "production").stage == "Production"


def test_nothing_is_signed_or_asked_for_without_keys(make: Callable[..., Version]):
    version = make("a", bundle=True, gate="passed")
    assert version.signed_by == ""
    assert trust.require(version) is None
    assert stages.promote("digits", 1, "production").stage == "Production"


def test_signing_key_that_cannot_be_used_stops_the_registration(make: Callable[..., Version], monkeypatch):
    monkeypatch.setenv(keys.SIGNING_KEY, "/nowhere/ci.key")
    with pytest.raises(InputError, match=r"BEQUEST_SIGNING_KEY: /nowhere/ci\.key: expected a key's file"):
        make("a")
    assert versions.search() == []


def test_unsigned_version_is_refused_until_it_is_signed_afterwards(make, pair):
    version = make("a", bundle=True, gate="passed")
    name = pair("ci")
    for force in (False, True):
        with pytest.raises(IntegrityError) as told:
            stages.promote("digits", 1, "production", force=force, reason="x")
        for words in ("digits/1: ", SIGNATURE, name, "ci.key.pub", "Received: none, it is not signed", "`bequest sign`"):
            assert words in str(told.value)
    signing.sign(version, artifacts.fetch(version), keys.signing_key())
    assert versions.get("digits", 1).signed_by == name
    assert stages.promote("digits", 1, "production").stage == "Production"


def test_another_keys_signature_names_both_keys_and_can_be_replaced(signed: Version, pair):
    first, second = pair("ci"), pair("second")
    with pytest.raises(IntegrityError, match=rf"{second} \(.*second\.key\.pub\)\. Received: one by the key {first}"):
        trust.require(signed)
    signing.sign(signed, artifacts.fetch(signed), keys.signing_key())
    assert trust.require(signed).key == second
    assert versions.get("digits", 2).signed_by == second


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["signed"].update(version=3),
        lambda content: content["signed"].update(manifest_sha256="0" * 64),
        lambda content: content["signed"]["parents"].clear(),
        lambda content: content.update(signature=base64.b64encode(bytes(64)).decode()),
        lambda content: content.update(signature="no base 64"),
    ],
)
def test_changed_signature_does_not_fit(signed: Version, change):
    rewrite(signed, change)
    with pytest.raises(IntegrityError, match=r"manifest\.signature\.json.*does not fit: it, or what it signs, was changed"):
        trust.require(signed)


@pytest.mark.parametrize("change", [lambda content: content.pop("key"), lambda content: content.update(format_version=2)])
def test_signature_of_another_form_is_told(signed: Version, change):
    rewrite(signed, change)
    with pytest.raises(IntegrityError, match=r"expected a signature as `bequest sign` writes it"):
        trust.require(signed)


@pytest.mark.parametrize(
    ("tag", "value", "field"),
    [
        ("operation", "trained", "operation"),
        ("parents", "[]", "parents"),
        ("recipe_sha256", "0" * 64, "recipe_sha256"),
        ("data_sha256", "0" * 64, "data_sha256"),
        ("facts", '{"validation_accuracy": 1.0}', "facts_sha256"),
        ("sha256", "0" * 64, "manifest_sha256"),
    ],
)
def test_every_tag_that_says_what_a_version_is_is_bound(signed: Version, tag: str, value: str, field: str):
    store.client().set_model_version_tag("digits", "2", tag, value)
    with pytest.raises(IntegrityError, match=rf"digits/2: .* was signed for digits/2, and does not fit .* {field}: signed"):
        trust.require(versions.get("digits", 2))


def test_changed_file_and_manifest_are_refused_where_the_registry_was_changed_along(signed: Version):
    folder = artifacts.fetch(signed)
    (folder / "bundle" / "model.tflite").write_text("other")
    sha256 = manifest.write(folder)
    store.client().set_model_version_tag("digits", "2", "sha256", sha256)
    changed = versions.get("digits", 2)
    artifacts.fetch(changed)  # the hashes agree with one another
    with pytest.raises(IntegrityError, match="manifest_sha256: signed"):
        stages.promote("digits", 2, "production")


def test_signature_and_files_moved_to_another_number_are_refused(signed: Version, tmp_path: Path, monkeypatch):
    shutil.copytree(artifacts.fetch(signed), tmp_path / "old")
    monkeypatch.delenv(keys.SIGNING_KEY)
    again = versions.register(
        "digits",
        tmp_path / "old",
        operation="quantized",
        parents=signed.parents,
        run_id=signed.run_id,
        stage_key="x",
        facts=signed.facts,
        signed_by=signed.signed_by,
    )
    assert again.sha256 == signed.sha256
    with pytest.raises(IntegrityError, match=r"digits/3: .* was signed for digits/2.*version: signed 2, received 3"):
        trust.require(again)


def test_rollback_asks_for_a_signature_too(signed: Version, make, monkeypatch):
    stages.promote("digits", 2, "production")
    make("next", "quantized", bundle=True, gate="passed")
    stages.promote("digits", 3, "production")
    (artifacts.fetch(signed) / SIGNATURE).unlink()
    with pytest.raises(IntegrityError, match=r"digits/2: .*it is not signed"):
        stages.rollback("digits")
    assert stages.champion("digits").version == 3


@pytest.fixture
def archive(signed: Version, tmp_path: Path, empty_store: Path, monkeypatch) -> Path:
    """The family's archive, seen from another registry that trusts the same key and has none to sign with."""
    handover.write(signed, tmp_path / "out.zip")
    home = tmp_path / "elsewhere"
    home.mkdir()
    shutil.copy(empty_store, home / "mlflow.db")
    monkeypatch.setenv("BEQUEST_HOME", str(home))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{home}/mlflow.db")
    monkeypatch.delenv(keys.SIGNING_KEY)
    return tmp_path / "out.zip"


def rewritten(path: Path, change: Callable[[dict[str, bytes]], Any]) -> None:
    with zipfile.ZipFile(path) as members:
        files = {name: members.read(name) for name in members.namelist()}
    change(files)
    with zipfile.ZipFile(path, "w") as members:
        for name, content in files.items():
            members.writestr(name, content)


def test_signatures_come_along_and_hold_under_other_numbers(archive: Path, make, signed: Version, tmp_path: Path):
    run_id = store.client().create_run(store.experiment("digits").experiment_id).info.run_id
    (tmp_path / "own").mkdir()
    versions.register("digits", tmp_path / "own", operation="trained", parents=[], run_id=run_id, stage_key="own")
    received = versions.resolve(handover.receive(archive).version)
    assert (received.label, received.signed_by) == ("digits/3", signed.signed_by)
    assert trust.require(received).signed.label == "digits/2"
    handover.write(received, tmp_path / "on.zip")  # and further on
    with zipfile.ZipFile(tmp_path / "on.zip") as members:
        assert f"versions/{signed.sha256}/{SIGNATURE}" in members.namelist()
    with pytest.raises(IntegrityError, match=r"digits/1: .*it is not signed"):
        trust.require(versions.get("digits", 1))


def test_archive_with_an_unsigned_ancestor_is_refused_whole(archive: Path, signed: Version):
    ancestor = signed.parents[0].sha256
    rewritten(archive, lambda files: files.pop(f"versions/{ancestor}/{SIGNATURE}"))
    with pytest.raises(IntegrityError, match=rf"digits/1: versions/{ancestor}/{SIGNATURE} in .*out\.zip.*it is not signed"):
        handover.receive(archive)
    assert versions.search() == []


def test_archive_whose_index_tells_another_story_is_refused(archive: Path, signed: Version):
    def edit(files: dict[str, bytes]) -> None:
        index = json.loads(files[handover.INDEX])
        index["versions"][1]["version"]["facts"]["validation_accuracy"] = 1.0
        files[handover.INDEX] = json.dumps(index).encode()

    rewritten(archive, edit)
    with pytest.raises(IntegrityError, match=r"digits/2: .*out\.zip was signed for digits/2.*facts_sha256"):
        handover.receive(archive)
    assert versions.search() == []
