"""What a command says when something breaks that no message was written for."""

from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from flows.console import user_errors


def ended(error: BaseException) -> Result:
    """The end of a command in which `error` is raised."""

    @user_errors
    def command() -> None:
        raise error

    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(command)
    return CliRunner().invoke(app, [], env={"COLUMNS": "80"})


def test_user_errors_tell_one_line_and_keep_the_traceback_when_bequest_is_at_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("BEQUEST_HOME", str(tmp_path / "home"))
    result = ended(ZeroDivisionError("by [zero]\nand more"))
    (file,) = (tmp_path / "home" / "logs").glob("crash-*.txt")
    assert result.exit_code == 1
    assert result.stderr == (
        "error: ZeroDivisionError: by [zero] and more. This is a fault of bequest; please report it with the traceback in "
        f"{file}.\n"
    )
    assert "Traceback (most recent call last)" in file.read_text()
    assert "raise error" in file.read_text()


def test_user_errors_print_the_traceback_when_it_cannot_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "home").write_text("a file, no folder")
    monkeypatch.setenv("BEQUEST_HOME", str(tmp_path / "home"))
    result = ended(KeyError("x"))
    assert result.exit_code == 1
    assert result.stderr.startswith("Traceback (most recent call last)")
    assert result.stderr.endswith(
        "error: KeyError: 'x'. This is a fault of bequest; please report it with the traceback above.\n"
    )


def test_user_errors_name_the_machine_when_the_system_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BEQUEST_HOME", str(tmp_path / "home"))
    result = ended(OSError(28, "No space left on device"))
    assert "No space left on device. If disk, rights, memory and network are in order, this is a fault" in result.stderr


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: typer.Exit(3), 3),
        (typer.Abort, 1),
        (lambda: typer.BadParameter("no such thing"), 2),
        (KeyboardInterrupt, 130),
    ],
)
def test_user_errors_let_pass_what_ends_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[], BaseException], code: int
):
    monkeypatch.setenv("BEQUEST_HOME", str(tmp_path / "home"))
    result = ended(make())
    assert result.exit_code == code
    assert "fault of bequest" not in result.stderr
    assert not (tmp_path / "home").exists()
