"""Something that is looked at every few seconds, by a thread of its own: requests never wait for it."""

import logging
import threading
from collections.abc import Callable

_log = logging.getLogger("bequest.serving")


class Periodic:
    """A thread that looks again and again until it is stopped.

    Args:
        name: The thread's name.
        interval_s: Seconds between two looks.
    """

    def __init__(self, name: str, interval_s: float) -> None:
        self._name, self._interval_s = name, interval_s
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, look: Callable[[], None]) -> None:
        """Begins; a look that fails is logged, and the next one comes all the same."""

        def run() -> None:
            while not self._stop.wait(self._interval_s):
                try:
                    look()
                except Exception:  # whatever it is, requests are answered by whoever answered before
                    _log.exception("a look (%s) failed", self._name)

        self._thread = threading.Thread(target=run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(10)
