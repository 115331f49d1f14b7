"""The access log: one line of JSON a request, on standard output. No body, no query, no token is ever in it."""

import sys
import time
from datetime import UTC, datetime
from typing import Any

import orjson

_LONGEST = 200  # characters of a path: a hostile one must not fill the disk


def write(**facts: Any) -> None:
    """Writes one line; the time in UTC comes first, facts that are None are left out."""
    stamp = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
    line = {"time": stamp} | {key: value for key, value in facts.items() if value is not None}
    sys.stdout.buffer.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()


def request(
    *,
    request_id: str,
    method: str,
    path: str,
    status: int,
    seconds: float,
    client: str | None,
    version: str | None,
    rows: int | None,
) -> None:
    """Writes the line of one request.

    Args:
        request_id: Its id.
        method: GET, POST, ...
        path: Its path, without the query.
        status: Of the answer.
        seconds: Until the answer was sent.
        client: Address it came from.
        version: Which version made the answer, where one did.
        rows: How many rows were predicted, where any were.
    """
    write(
        event="request",
        request_id=request_id,
        method=method,
        path=path[:_LONGEST],
        status=status,
        ms=round(1e3 * seconds, 3),
        client=client,
        version=version,
        rows=rows,
    )
