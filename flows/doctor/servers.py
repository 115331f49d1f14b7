"""Checks of what `bequest up` keeps running."""

import os

from flows.doctor.check import Check
from flows.services import record
from flows.services.loopback import ask
from model_registry.workspace import current

_SIGNS = {"prefect": "/api/health", "mlflow": "/health"}


def services(repair: bool) -> list[Check]:
    """Whether each service that was started still runs and answers."""
    return [_service(name, repair) for name in record.NAMES]


def named_server(_: bool) -> list[Check]:
    """Whether the Prefect server that the user's PREFECT_API_URL names can be reached."""
    api = os.environ.get("PREFECT_API_URL")
    own = record.read(current(), "prefect")
    if not api or (own is not None and api == f"{own.url}/api"):
        return []
    from urllib.error import HTTPError, URLError
    from urllib.request import urlopen

    try:
        with urlopen(f"{api.rstrip('/')}/health", timeout=5):
            return [Check("PREFECT_API_URL", "ok", f"{api} answers")]
    except HTTPError as error:
        # It answers, though not to a caller without its key.
        return [Check("PREFECT_API_URL", "ok", f"{api} answers ({error.code})")]
    except (URLError, OSError, ValueError) as error:
        remedy = "Start that server, correct the variable, or unset it: then each run starts a passing server of its own."
        return [Check("PREFECT_API_URL", "fail", f"{api} does not answer: {error}", remedy)]


def _service(name: str, repair: bool) -> Check:
    space = current()
    file, service = record.path(space, name), record.read(space, name)
    title = f"service {name}"
    if service is None and not file.exists():
        needs = {"prefect": "each run starts a passing one", "mlflow": "runs write to the store themselves", "worker": ""}[name]
        return Check(title, "ok", f"not running; {needs}" if needs else "not running; schedules and events wait for it")
    if service is None or not service.alive:
        found = f"{file.name}: " + ("can't be read" if service is None else f"process {service.pid} is gone")
        if not repair:
            return Check(title, "warn", found, "`bequest up` starts it again; `bequest doctor --repair` removes the record.")
        if service is None:
            file.unlink(missing_ok=True)
        else:
            from flows.services.ending import end

            # What the dead service had started may be running still.
            end(space, service)
            file.unlink(missing_ok=True)
        return Check(title, "ok", f"{found}; record removed")
    if name in _SIGNS and ask(f"{service.url}{_SIGNS[name]}", timeout_s=5) != 200:
        remedy = f"`bequest down`, then `bequest up`. Its log: {service.log}"
        return Check(title, "fail", f"process {service.pid} runs, but {service.url} does not answer", remedy)
    return Check(title, "ok", f"process {service.pid}, {service.url}")
