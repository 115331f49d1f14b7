"""What is said of a store that can't be reached, and of an address that names none."""

import logging
import socket
from pathlib import Path

import pytest
from requests.exceptions import RequestException

from model_registry import store, versions
from model_registry.errors import InputError, StoreError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A workspace without a store."""
    monkeypatch.setenv("BEQUEST_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for name in ("PREFECT_HOME", "PREFECT_LOCAL_STORAGE_PATH"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.mark.parametrize("address", ["nonsense", "foo://bar"])
def test_an_address_of_no_store_is_named_with_what_is_expected(home: None, monkeypatch: pytest.MonkeyPatch, address: str):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(InputError) as told:
        versions.search()
    assert str(told.value) == (
        "MLFLOW_TRACKING_URI: expected sqlite:///FILE, postgresql://..., or http(s)://HOST[:PORT] of an MLflow server. "
        f"Received: {address!r}. Correct it, or unset it to have a store in this workspace."
    )


def test_an_unreachable_store_is_told_by_address_and_cause_alone(
    home: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        with pytest.raises(StoreError) as told, caplog.at_level(logging.WARNING):
            versions.search()
    assert str(told.value) == (
        f"The MLflow store {address} failed while searching the registry: connection refused. "
        "Start it or correct MLFLOW_TRACKING_URI, then repeat the command."
    )
    assert caplog.records == []


@pytest.mark.parametrize(
    ("caused", "cause"),
    [
        (
            "NewConnectionError(\"HTTPConnection(host='a', port=9): Failed to establish a new connection: "
            '[Errno 111] Connection refused"))',
            "connection refused",
        ),
        (
            "NameResolutionError(\"HTTPConnection(host='a', port=80): Failed to resolve 'a' "
            '([Errno -2] Name or service not known)"))',
            "name or service not known",
        ),
        (
            "ConnectTimeoutError(<HTTPConnection(host='a', port=80) at 0x7f>, "
            "'Connection to a timed out. (connect timeout=120)'))",
            "connection to a timed out",
        ),
        (
            "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
            "self-signed certificate (_ssl.c:1006)')))",
            "certificate verify failed: self-signed certificate",
        ),
        ("ResponseError('too many 503 error responses'))", "too many 503 error responses"),
    ],
)
def test_plain_errors_leave_out_the_request_when_its_tries_are_used_up(home: None, caused: str, cause: str):
    error = RequestException(f"HTTPPool(host='a', port=9): Max retries exceeded with url: /api?x=1 (Caused by {caused}")
    with pytest.raises(StoreError, match=rf"failed while reading x: {cause}\. Start it"), store.plain_errors("reading x"):
        raise error


def test_plain_errors_leave_out_the_password_of_the_store(home: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://someone:secret@127.0.0.1:9/mlflow")
    with pytest.raises(StoreError, match=r"store postgresql://127\.0\.0\.1:9/mlflow failed"), store.plain_errors("reading x"):
        raise OSError("cut off")
