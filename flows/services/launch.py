"""What a service's process does first: it writes its own pid file, then becomes the service.

Were the pid file written by `bequest up`, a kill between the start and the writing would leave a service that
nobody knows of. Here the record stands before the service does; process id and creation time survive `exec`.

Usage: python -P -m flows.services.launch PIDFILE RECORD, where RECORD is the service as JSON without pid and times.
"""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from flows.services.record import TAKEN, Service, claim


def main() -> None:
    """Records this process as the service, and becomes it."""
    import psutil

    file, fields = Path(sys.argv[1]), json.loads(sys.argv[2])
    service = Service(
        **fields,
        pid=os.getpid(),
        create_time=psutil.Process().create_time(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    if not claim(file, service):
        sys.exit(TAKEN)
    os.execv(service.command[0], service.command)


if __name__ == "__main__":
    main()
