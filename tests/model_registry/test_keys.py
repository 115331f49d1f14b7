"""Key pairs on disk: made once, private, outside the workspace; settings that trust nobody are mistakes."""

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from model_registry import keys
from model_registry.errors import InputError


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BEQUEST_HOME", str(tmp_path / "home"))
    keys.new(tmp_path / "keys" / "ci.key")
    return tmp_path / "keys" / "ci.key"


def test_new_pair_is_private_and_fits_together(pair: Path):
    assert stat.S_IMODE(pair.stat().st_mode) == 0o600
    private = keys.signing_key({keys.SIGNING_KEY: str(pair)})
    trusted = keys.trusted_keys({keys.TRUSTED_KEYS: f"{pair}.pub"})
    (name,) = trusted
    assert name == keys.key_id(private.public_key())
    assert len(name) == 16
    trusted[name].public.verify(private.sign(b"x"), b"x")


def test_new_pair_overwrites_nothing_and_stays_out_of_the_workspace(pair: Path, tmp_path: Path):
    content = pair.read_bytes()
    for taken in (pair, pair.with_name("ci")):
        pair.with_name("ci.pub").write_text("")
        with pytest.raises(InputError, match="a key is never overwritten"):
            keys.new(taken)
    assert pair.read_bytes() == content
    with pytest.raises(InputError, match="expected a file outside the workspace"):
        keys.new(tmp_path / "home" / "x" / "ci.key")


def test_nothing_signs_and_nobody_is_asked_for_where_nothing_is_set():
    assert keys.signing_key({}) is None
    assert keys.signing_key({keys.SIGNING_KEY: ""}) is None
    assert keys.trusted_keys({}) == {}


def test_private_key_that_others_can_read_is_refused(pair: Path):
    pair.chmod(0o640)
    with pytest.raises(InputError, match=r"its owner alone can read.*Received: mode 0640.*chmod 600"):
        keys.signing_key({keys.SIGNING_KEY: str(pair)})


def test_other_private_keys_are_refused(tmp_path: Path):
    path = tmp_path / "other.key"
    encrypted = serialization.BestAvailableEncryption(b"x")
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    for content in (
        b"no key",
        generate_private_key(SECP256R1()).private_bytes(*form, serialization.NoEncryption()),
        Ed25519PrivateKey.generate().private_bytes(*form, encrypted),
    ):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(InputError, match=r"BEQUEST_SIGNING_KEY: .*other\.key: expected an Ed25519 private key in PEM"):
            keys.signing_key({keys.SIGNING_KEY: str(path)})


def test_trusted_keys_come_from_files_and_folders(pair: Path, tmp_path: Path):
    keys.new(pair.with_name("second.key"))
    keys.new(tmp_path / "alone.key")
    found = keys.trusted_keys({keys.TRUSTED_KEYS: os.pathsep.join([str(pair.parent), str(tmp_path / "alone.key.pub")])})
    assert sorted(each.path.name for each in found.values()) == ["alone.key.pub", "ci.key.pub", "second.key.pub"]


def test_setting_that_trusts_nobody_is_refused(pair: Path, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.pub").write_text("x")
    for place, said in (
        (tmp_path / "empty", "expected public keys"),
        (tmp_path / "absent.pub", "expected a key's file"),
        (tmp_path / "text.pub", "expected an Ed25519 public key"),
        (pair, "expected an Ed25519 public key"),  # the private one
    ):
        with pytest.raises(InputError, match=rf"BEQUEST_TRUSTED_KEYS: .*{place.name}: {said}"):
            keys.trusted_keys({keys.TRUSTED_KEYS: str(place)})
