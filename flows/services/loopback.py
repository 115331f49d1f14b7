"""Plain HTTP on this machine, past any proxy the environment names; nothing heavier than the standard library."""

from collections.abc import MutableMapping

HOST = "127.0.0.1"


def ask(url: str, *, timeout_s: float = 2.0) -> int:
    """GETs `url`.

    Returns:
        The status; 0 where nobody answers.
    """
    # Imported here, as most commands find no server to ask.
    from http.client import HTTPConnection, HTTPException
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or HOST, parts.port, timeout=timeout_s)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()


def past_proxies(environment: MutableMapping[str, str]) -> None:
    """Keeps clients that honour proxy settings from sending loopback calls to a proxy."""
    for key in ("NO_PROXY", "no_proxy"):
        listed = [host for host in environment.get(key, "").split(",") if host]
        environment[key] = ",".join([*listed, *(host for host in (HOST, "localhost") if host not in listed)])
