"""Holds back what native libraries write to standard error; standard library only.

TensorFlow, MLIR and LiteRT log notes (no CUDA drivers, XNNPACK delegate created) past every log level they offer.
A user can act on none of them, so they are dropped; where the block raises they are shown, for they may say why.
"""

import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

_lock = threading.Lock()
_depth = 0
_saved = -1
_held: BinaryIO


@contextmanager
def quiet() -> Iterator[None]:
    """Standard error of native code is held back inside the block.

    The file descriptor belongs to the whole process: the first block of any thread redirects it, the last one puts it
    back. Keep blocks short.
    """
    try:
        _redirect()
    except OSError:  # standard error is closed: there is nothing to hold back
        yield
        return
    try:
        yield
    except BaseException:
        _restore(show=True)
        raise
    _restore(show=False)


def _redirect() -> None:
    global _depth, _saved, _held
    with _lock:
        if _depth == 0:
            sys.stderr.flush()
            _saved = os.dup(2)
            _held = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 (closed by the last block)
            os.dup2(_held.fileno(), 2)
        _depth += 1


def _restore(*, show: bool) -> None:
    global _depth
    with _lock:
        _depth -= 1
        if _depth == 0:
            sys.stderr.flush()
            os.dup2(_saved, 2)
            os.close(_saved)
            if show:
                _held.seek(0)
                with open(os.dup(2), "wb") as out:
                    shutil.copyfileobj(_held, out)
            _held.close()
