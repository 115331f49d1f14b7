"""Checks of the MLflow store, and of what the registry in it says."""

import contextlib
import sqlite3
from pathlib import Path

from flows.doctor.check import Check
from model_registry.workspace import current, sqlite_file

_LOCK_PATIENCE_S = 3.0


def databases(_: bool) -> list[Check]:
    """Whether the sqlite files of MLflow and Prefect are whole, and not locked by somebody."""
    space = current()
    files = {"Prefect database": space.prefect_home / "prefect.db"}
    own = sqlite_file(space.tracking_uri)
    checks = []
    if own is not None:
        files = {"MLflow store": own} | files
    else:
        checks.append(_remote(space.tracking_uri))
    return checks + [_sqlite(name, file) for name, file in files.items()]


def _sqlite(name: str, file: Path) -> Check:
    if not file.exists():
        return Check(name, "ok", f"{file}, not made yet")
    try:
        with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=_LOCK_PATIENCE_S)) as base:
            # Takes the lock that a writer needs, and gives it back without writing.
            base.execute("BEGIN IMMEDIATE").close()
            base.rollback()
            answers = [row[0] for row in base.execute("PRAGMA quick_check(5)")]
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            remedy = f"Wait for it to finish, or end it. Held by: {_holders(file)}."
            return Check(name, "fail", f"{file} has been locked for {_LOCK_PATIENCE_S:.0f} s", remedy)
        remedy = "Give yourself the right to read and write the file and its folder."
        return Check(name, "fail", f"{file} can't be opened: {error}", remedy)
    except sqlite3.DatabaseError as error:
        answers = [str(error)]
    if answers == ["ok"]:
        return Check(name, "ok", f"{file}, {file.stat().st_size / 1e6:.1f} MB")
    remedy = f"Stop what uses it and restore it from a backup; `sqlite3 {file} .recover` saves what can be read."
    return Check(name, "fail", f"{file} is damaged: {'; '.join(answers)}", remedy)


def _holders(file: Path) -> str:
    """The processes of this user that have a file open."""
    import psutil

    holders = []
    for process in psutil.process_iter(["cmdline"]):
        with contextlib.suppress(psutil.Error):
            if any(opened.path == str(file.resolve()) for opened in process.open_files()):
                holders.append(f"process {process.pid} ({' '.join(process.info['cmdline'] or [])[:80]})")
    return ", ".join(holders) or "a process of another user"


def _remote(uri: str) -> Check:
    """Whether a store that is no sqlite file can be reached."""
    shown = uri.rsplit("@", 1)[-1]
    remedy = "Start it, or correct MLFLOW_TRACKING_URI."
    if uri.startswith("http"):
        from urllib.request import urlopen

        try:
            with urlopen(f"{uri.rstrip('/')}/health", timeout=5):
                return Check("MLflow store", "ok", f"{shown} answers")
        except (OSError, ValueError) as error:
            return Check("MLflow store", "fail", f"{shown} does not answer: {error}", remedy)
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_engine(uri).connect() as connection:
            connection.execute(text("SELECT 1"))
    except (SQLAlchemyError, ImportError) as error:
        return Check("MLflow store", "fail", f"{shown} can't be reached: {str(error).splitlines()[0]}", remedy)
    return Check("MLflow store", "ok", f"{shown} answers")
