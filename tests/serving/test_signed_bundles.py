"""A bundle that is served, packed or loaded where trusted keys are set: verified with the bundle alone."""

import json
import shutil
from pathlib import Path

import pytest

from deployments.serving import pyfunc
from deployments.serving.__main__ import main
from flows.commands.serve import find_bundle
from model_registry import keys
from model_registry.errors import IntegrityError
from model_registry.manifest import SIGNATURE, sha256_of
from model_registry.signature import Signed, require_bundle, signed_by
from tasks import bundle_archive
from tasks.bundle import Bundle


@pytest.fixture
def signed(tmp_path: Path, table_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The bundle of `health/7`, signed by a key that is trusted."""
    monkeypatch.setenv("BEQUEST_HOME", str(tmp_path / "home"))
    _, public = keys.new(tmp_path / "ci.key")
    monkeypatch.setenv(keys.TRUSTED_KEYS, str(public))
    folder = Path(shutil.copytree(table_bundle, tmp_path / "bundle"))
    told = Signed(
        name="health",
        version=7,
        operation="quantized",
        manifest_sha256="0" * 64,
        bundle_sha256=sha256_of(folder / "manifest.json"),
        parents=[],
        recipe_sha256="",
        data_sha256="",
        facts_sha256="",
        at="now",
        by="me",
    )
    key = keys.signing_key({keys.SIGNING_KEY: str(tmp_path / "ci.key")})
    (folder / SIGNATURE).write_text(signed_by(told, key).text())
    return folder


def test_signed_bundle_opens_wherever_bundles_are_opened(signed: Path):
    bundle = Bundle.open(signed)
    assert require_bundle(signed, name="health", sha256=bundle.sha256).signed.label == "health/7"
    assert find_bundle(str(signed)) == (signed, [])
    assert pyfunc._load_pyfunc(str(signed)).predict({"age": [50], "dose": [0.5], "job": ["cook"]})


def test_server_says_as_what_it_was_signed(signed: Path, serving):
    with serving(signed) as server:
        assert "signed as health/7 by " in server.line


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / SIGNATURE).unlink(), "Received: none, it is not signed"),
        (
            lambda folder: edit(folder, "signature", "AAAA", SIGNATURE),
            "does not fit: it, or what it signs, was changed",
        ),
        (lambda folder: edit(folder, "created", "yesterday"), "is for a bundle with sha256"),
        (lambda folder: edit(folder, "name", "other"), "is for a bundle with sha256"),
        (lambda folder: (folder / "model.tflite").write_bytes(b"x"), "model.tflite: the file was changed"),
    ],
)
def test_each_piece_that_was_tampered_with_stops_the_server(signed: Path, capsys, damage, said: str):
    damage(signed)
    assert main([str(signed), "--port", "0"]) == 1
    assert said in capsys.readouterr().err
    with pytest.raises(IntegrityError):
        pyfunc._load_pyfunc(str(signed))


def edit(folder: Path, key: str, value: str, file: str = "manifest.json") -> None:
    """Changes a JSON file as who knows its form would."""
    content = json.loads((folder / file).read_text()) | {key: value}
    (folder / file).write_text(json.dumps(content, indent=1, sort_keys=True))


def test_signature_of_one_model_does_not_do_for_another_name(signed: Path, capsys):
    assert main([str(signed), "--port", "0", "--name", "digits"]) == 1
    assert "is for health/7. Received: a bundle that shall answer as digits" in capsys.readouterr().err


def test_key_that_is_not_trusted_is_named_with_those_that_are(signed: Path, capsys, tmp_path: Path, monkeypatch):
    theirs = json.loads((signed / SIGNATURE).read_text())["key"]
    ours, public = keys.new(tmp_path / "other.key")
    monkeypatch.setenv(keys.TRUSTED_KEYS, str(public))
    assert main([str(signed), "--port", "0"]) == 1
    told = capsys.readouterr().err
    assert f"{ours} ({public})" in told
    assert f"Received: one by the key {theirs}" in told
    assert str(signed / SIGNATURE) in told


def test_unsigned_folder_is_not_packed_and_a_packed_one_keeps_its_signature(signed: Path, tmp_path: Path):
    bundle_archive.write(signed, tmp_path / "health.bundle")
    bundle_archive.extract(tmp_path / "health.bundle", tmp_path / "again")
    assert (tmp_path / "again" / SIGNATURE).read_bytes() == (signed / SIGNATURE).read_bytes()
    assert require_bundle(tmp_path / "again").signed.label == "health/7"
    (signed / SIGNATURE).unlink()
    with pytest.raises(IntegrityError, match="it is not signed"):
        find_bundle(str(signed))
