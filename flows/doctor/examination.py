"""All checks, in the order in which one rests on another."""

from collections.abc import Callable, Iterator

from flows.doctor import installation, registry, servers, store, workspace
from flows.doctor.check import Check
from model_registry.errors import BequestError

CHECKS: tuple[Callable[[bool], list[Check]], ...] = (
    installation.python,
    installation.packages,
    installation.legacy_keras,
    installation.telemetry,
    workspace.writable,
    workspace.room,
    store.databases,
    servers.services,
    servers.named_server,
    workspace.leftovers,
    registry.registry,
)


def examine(*, repair: bool = False) -> Iterator[Check]:
    """Looks at everything; a check that breaks is a finding, not the end of the examination.

    Args:
        repair: Also mend what can be mended without a loss: records of dead services, half-finished folders, the ledger.
    """
    broken = False
    for check in CHECKS:
        if check is registry.registry and broken:
            yield Check("registry", "warn", "not looked at", "Mend the MLflow store first.")
            continue
        try:
            found = check(repair)
        except BequestError as error:
            found = [Check(check.__name__.replace("_", " "), "fail", str(error))]
        except Exception as error:
            found = [
                Check(check.__name__.replace("_", " "), "fail", f"the check itself broke: {type(error).__name__}: {error}")
            ]
        broken = broken or any(each.name == "MLflow store" and each.state == "fail" for each in found)
        yield from found
