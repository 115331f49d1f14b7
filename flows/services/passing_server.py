"""A Prefect server for the length of one command: it ends with the process that started it, even one that was killed.

Prefect starts such a server itself, but imports the server's code into the client for it, starts it only once a flow
begins, and leaves it running where its client is killed.

Usage: python -P -m flows.services.passing_server PORT PARENT_PID
"""

import os
import sys
import threading
import time


def _end_with(parent: int) -> None:
    """Ends this process once its parent is another one: the one that started it is gone."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


def main() -> None:
    """Serves Prefect's API on loopback until the parent ends or says so."""
    port, parent = int(sys.argv[1]), int(sys.argv[2])
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    # What Prefect sets for its own temporary server: the API alone, without UI, scheduler and other services.
    os.environ.update(PREFECT_UI_ENABLED="0", PREFECT__SERVER_EPHEMERAL="1", PREFECT__SERVER_FINAL="1")
    import uvicorn

    from flows.services.loopback import HOST

    uvicorn.run("prefect.server.api.server:create_app", factory=True, host=HOST, port=port, log_level="error", lifespan="on")


if __name__ == "__main__":
    main()
