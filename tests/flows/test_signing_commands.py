"""`bequest keys`, `bequest sign`, `bequest verify`, and what `bequest doctor` says of signatures."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli import app
from flows.doctor.signatures import signatures
from model_registry import keys, store, versions

Call = Callable[..., Result]


@pytest.fixture
def bequest() -> Call:
    return lambda *words: CliRunner().invoke(app, list(map(str, words)), env={"COLUMNS": "300"})


@pytest.fixture
def pair(workspace: Path, tmp_path: Path, bequest: Call) -> Path:
    """A private key, made by the command; `digits/1` and `digits/2` are registered unsigned."""
    run_id = store.client().create_run(store.experiment("digits").experiment_id).info.run_id
    for key in ("a", "b"):
        (tmp_path / key / "bundle").mkdir(parents=True)
        (tmp_path / key / "bundle" / "model.tflite").write_text(key)
        versions.register("digits", tmp_path / key, operation="quantized", parents=[], run_id=run_id, stage_key=key)
    assert bequest("keys", "new", tmp_path / "ci.key").exit_code == 0
    return tmp_path / "ci.key"


def test_sign_and_verify_a_version_from_a_new_pair_on(pair: Path, bequest: Call, monkeypatch: pytest.MonkeyPatch):
    assert "BEQUEST_SIGNING_KEY: expected the file of a private key" in bequest("sign", "digits/1").stderr
    assert "no signature was asked for" in bequest("verify", "digits/1").stdout
    monkeypatch.setenv(keys.TRUSTED_KEYS, f"{pair}.pub")
    refused = bequest("verify", "digits/1")
    assert (refused.exit_code, "it is not signed" in refused.stderr) == (1, True)
    monkeypatch.setenv(keys.SIGNING_KEY, str(pair))
    shown = json.loads(bequest("keys", "show", "--json").stdout)
    assert shown == {"signs": shown["signs"], "trusted": {shown["signs"]: f"{pair}.pub"}}
    assert bequest("sign", "digits/1").exit_code == 0
    found = json.loads(bequest("verify", "digits/1", "--json").stdout)
    assert (found["signature"]["key"], found["signature"]["signed"]["version"]) == (shown["signs"], 1)
    assert shown["signs"] in bequest("verify", "digits/1").stdout


def test_another_keys_signature_is_replaced_on_demand_alone(pair: Path, bequest: Call, monkeypatch: pytest.MonkeyPatch):
    other = json.loads(bequest("keys", "new", pair.with_name("other.key"), "--json").stdout)
    monkeypatch.setenv(keys.SIGNING_KEY, str(pair))
    assert bequest("sign", "digits/1").exit_code == 0
    assert bequest("sign", "digits/1").exit_code == 0  # its own again
    monkeypatch.setenv(keys.SIGNING_KEY, other["private"])
    refused = bequest("sign", "digits/1")
    assert (refused.exit_code, "a version has one signature. --replace" in refused.stderr) == (2, True)
    assert json.loads(bequest("sign", "digits/1", "--replace", "--json").stdout)["key"] == other["key"]


def test_doctor_names_what_is_not_signed_and_keys_that_cannot_be_used(
    pair: Path, bequest: Call, monkeypatch: pytest.MonkeyPatch
):
    assert [(each.state, each.found) for each in signatures(versions.search())] == [
        ("ok", "not asked for, BEQUEST_TRUSTED_KEYS is not set")
    ]
    monkeypatch.setenv(keys.SIGNING_KEY, str(pair))
    monkeypatch.setenv(keys.TRUSTED_KEYS, f"{pair}.pub")
    assert bequest("sign", "digits/1").exit_code == 0
    key, found = signatures(versions.search())
    assert (key.state, found.state) == ("ok", "warn")
    assert found.found.startswith("1 of 2 versions can't be trusted: digits/2. digits/2: ")
    store.client().set_registered_model_alias("digits", "production", "2")  # by hand
    assert [each.state for each in signatures(versions.search())] == ["ok", "fail"]
    assert bequest("sign", "digits/2").exit_code == 0
    assert [each.state for each in signatures(versions.search())] == ["ok", "ok"]
    pair.chmod(0o644)
    Path(f"{pair}.pub").write_text("x")
    assert [(each.name, each.state) for each in signatures([])] == [("signing key", "fail"), ("trusted keys", "fail")]
