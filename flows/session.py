"""What a command does before it imports Prefect: workspace, server, a quiet terminal."""

import os
import warnings
from collections.abc import Callable

from model_registry.workspace import activate


def prepare_process() -> None:
    """Points this process at the workspace and keeps others' notes off the terminal."""
    activate()
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=FutureWarning)


def prepare_flows() -> Callable[[], None]:
    """Points this process at a Prefect server: the user's, the one `bequest up` keeps, else one for this command alone.

    Call before anything imports Prefect. A failure is told once, by the command, not by Prefect's log as well.

    Returns:
        What waits until the server answers; call it when all imports are done, right before the first flow.
    """
    prepare_process()
    if os.environ.get("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL") in (None, "WARNING"):
        os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
    from flows.services import use_server_if_up

    if use_server_if_up() is not None:
        return lambda: None
    from flows.services.passing import start

    return start(activate()).wait
