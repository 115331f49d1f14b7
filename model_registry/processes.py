"""Which process on which machine: what a lock, a ticket or a run is signed with, so that others can tell a dead one's."""

import os
import socket
from functools import lru_cache
from pathlib import Path

import psutil

_TOLERANCE_S = 2.0  # a process's start is told to hundredths; what is this much younger has the same number only


@lru_cache(maxsize=1)
def machine() -> str:
    """This machine's name; in a container, with what tells its process numbers from those of its host."""
    space = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()}/{space.stat().st_ino}" if space.exists() else socket.gethostname()


def signature() -> str:
    """This process: machine, number, start."""
    return f"{machine()}:{os.getpid()}:{psutil.Process().create_time():.2f}"


def host(signed: str) -> str:
    """The name of the machine that a signature's process ran on, whatever container it ran in."""
    return signed.partition(":")[0].partition("/")[0]


def gone(signed: str) -> bool:
    """Whether the process of a signature ran on this machine and runs no more; of other machines nothing is known."""
    host, _, rest = signed.partition(":")
    number, _, started = rest.partition(":")
    if host not in (machine(), socket.gethostname()) or not number.isdecimal():
        return False
    try:
        process = psutil.Process(int(number))
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        return bool(started) and abs(process.create_time() - float(started)) > _TOLERANCE_S
    except psutil.NoSuchProcess:
        return True
    except (psutil.Error, ValueError):
        return False
