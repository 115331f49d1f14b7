"""How a service ends: it and all it started, and nobody else."""

import contextlib
import os
from typing import Any

from flows.services.plans import marker
from flows.services.record import Service
from model_registry.workspace import Workspace

_GRACE_S = 15.0
_LAST_GRACE_S = 3.0


def end(space: Workspace, service: Service) -> bool:
    """Ends a service's process tree: it is asked first, and killed after a grace.

    Returns:
        Whether anything was running.
    """
    import psutil

    root = service.process()
    tree = _tree(space, service, root)
    if root is not None:
        # The service alone is asked first, so that it can end what it started in good order.
        with contextlib.suppress(psutil.NoSuchProcess):
            root.terminate()
        psutil.wait_procs([root], timeout=_GRACE_S)
        tree = list({*tree, *_orphans(space, service)})
    left = [process for process in tree if process.is_running()]
    for sign in ("terminate", "kill"):
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                getattr(process, sign)()
        _, left = psutil.wait_procs(left, timeout=_LAST_GRACE_S)
    return bool(tree)


def _tree(space: Workspace, service: Service, root: Any) -> list[Any]:
    import psutil

    if root is None:
        return _orphans(space, service)
    with contextlib.suppress(psutil.NoSuchProcess):
        return [root, *root.children(recursive=True)]
    return [root]


def _orphans(space: Workspace, service: Service) -> list[Any]:
    """What a service that is gone has left running: members of its session that carry its mark.

    A session's id is not given to a new process while the session has members, but it may be once they are gone;
    the mark in the environment tells our own from those of such a later session.
    """
    import psutil

    left, mark = [], marker(space, service.name)
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == service.pid and process.environ().get("BEQUEST_SERVICE") == mark:
                left.append(process)
        except (psutil.Error, OSError):
            continue
    return left
