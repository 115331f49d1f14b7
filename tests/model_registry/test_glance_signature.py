"""A version's signature, seen by a server that has no MLflow."""

import json

import pytest

from model_registry import keys
from model_registry.errors import IntegrityError
from model_registry.glance import Seen
from model_registry.glance_signature import require_signed
from model_registry.manifest import SIGNATURE
from model_registry.signature import Signed, signed_by

SHA256 = "a" * 64


class OneFile:
    """A store whose versions have a signature, or nothing."""

    def __init__(self, content):
        self.content = content

    def read(self, seen, path):
        if path != SIGNATURE or self.content is None:
            raise IntegrityError(f"{path} is missing")
        return self.content.encode()


@pytest.fixture
def key(tmp_path, monkeypatch):
    monkeypatch.setenv("BEQUEST_HOME", str(tmp_path / "home"))
    _, public = keys.new(tmp_path / "ci.key")
    monkeypatch.setenv(keys.TRUSTED_KEYS, str(public))
    return keys.signing_key({keys.SIGNING_KEY: str(tmp_path / "ci.key")})


def seen(number=7, **tags):
    return Seen("health", number, {"sha256": SHA256, **tags}, True, "")


def signature(key, version=7, manifest_sha256=SHA256):
    told = Signed(
        name="health",
        version=version,
        operation="quantized",
        manifest_sha256=manifest_sha256,
        bundle_sha256="",
        parents=[],
        recipe_sha256="",
        data_sha256="",
        facts_sha256="",
        at="now",
        by="me",
    )
    return OneFile(signed_by(told, key).text())


def test_signed_version_passes(key):
    found = require_signed(signature(key), seen())
    assert found is not None
    assert found.signed.label == "health/7"


def test_any_version_passes_where_no_keys_are_trusted(key, monkeypatch):
    monkeypatch.delenv(keys.TRUSTED_KEYS)
    assert require_signed(OneFile(None), seen()) is None


@pytest.mark.parametrize(("version", "sha256"), [(6, SHA256), (7, "b" * 64)])
def test_signature_of_another_version_is_refused(key, version, sha256):
    with pytest.raises(IntegrityError, match="was moved"):
        require_signed(signature(key, version, sha256), seen())


def test_version_without_a_signature_is_refused(key):
    with pytest.raises(IntegrityError, match="it is not signed"):
        require_signed(OneFile(None), seen())


def test_received_version_is_held_to_what_it_was_called_where_it_was_signed(key):
    received = {"stage_key": f"handover-{SHA256}", "trigger": json.dumps({"signed_as": "health/3"})}
    assert require_signed(signature(key, version=3), seen(**received)) is not None
    with pytest.raises(IntegrityError, match="was moved"):
        require_signed(signature(key, version=2), seen(**received))
