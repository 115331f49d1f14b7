"""Follows the registry: when a stage moves, the new version is fetched, verified, warmed, and takes its place in one step.

What can't be served is refused, and whoever served before stays. A thread looks on its own; requests never wait for it.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from deployments.serving.lineup import Lineup
from deployments.serving.periodic import Periodic
from deployments.serving.served import Served
from deployments.serving.service import Service
from model_registry import glance
from model_registry.errors import BequestError, GateRefused, InputError, IntegrityError, StoreError
from model_registry.glance_signature import require_signed
from tasks.bundle import Bundle

RETRY_S = 30.0  # until a version that was refused is tried again: somebody may have mended it
_log = logging.getLogger("bequest.serving")
# What a client may know of a refusal; the log has the whole of it, with paths.
_TOLD: tuple[tuple[type[Exception], str], ...] = (
    (IntegrityError, "its files are not those that were registered, don't fit one another, or are not signed"),
    (GateRefused, "it stands there without the gate's word"),
    (InputError, "it is no version that can be served"),
    (StoreError, "the store can't be read"),
)


@dataclass(frozen=True)
class Refusal:
    """A version that a stage points at and that is not served."""

    version: str
    reason: str
    at: float


class Follower:
    """Looks at the registry every few seconds.

    Args:
        store: The registry.
        name: The model.
        interval_s: Seconds between two looks.
        tell: Writes an event to the log.
        tried: Whether the version in staging is loaded as challenger.
        judged_first: Whether a challenger must have passed the gate: one that answers clients must.
    """

    def __init__(
        self,
        store: glance.Store,
        name: str,
        *,
        interval_s: float,
        tell: Callable[..., None],
        tried: bool = False,
        judged_first: bool = True,
    ) -> None:
        self._store, self._name, self._tell = store, name, tell
        self._tried, self._judged_first = tried, judged_first
        self._refused: dict[str, Refusal] = {}
        self._banned: set[str] = set()
        self._state = "not looked yet"
        self._periodic = Periodic("follow", interval_s)

    def first(self) -> Lineup:
        """Who answers when the server starts.

        Raises:
            BequestError: Nothing stands in production, or what stands there can't be served.
        """
        number = self._store.number_at(self._name, "production")
        if number is None:
            raise InputError(f"--follow {self._name}: expected a version in production. Received: none stands there.")
        return Lineup(self._load(number, "production"))

    def ban(self, version: str) -> None:
        """Never loads a version as challenger again: it was tried, and rolled back."""
        self._banned.add(version)

    def facts(self) -> dict[str, Any]:
        """What `/version` tells of following."""
        refusals = dict(self._refused)  # a copy: the thread that looks changes it
        refused = {stage: {"version": each.version, "reason": each.reason} for stage, each in refusals.items()}
        return {"follows": f"{self._name}@production", "registry": self._state, "refused": refused}

    def start(self, service: Service) -> None:
        """Begins to look."""
        self._periodic.start(partial(self.look, service))

    def stop(self) -> None:
        """Ends it."""
        self._periodic.stop()

    def look(self, service: Service) -> None:
        """One look: swaps what has moved and can be served."""
        try:
            present = self._store.number_at(self._name, "production")
            tried = self._store.number_at(self._name, "staging") if self._tried else None
        except StoreError as error:
            self._miss(service, error)
            return
        self._state = "read" if present is not None else "nothing stands in production"
        lineup = service.lineup
        champion, challenger = lineup.champion, lineup.challenger
        if present is not None and str(present) != champion.version:
            warm = challenger if challenger is not None and challenger.version == str(present) else None
            champion = self._try(service, present, "production", warm) or champion
        else:
            self._refused.pop("production", None)
        if tried is None or str(tried) == champion.version or str(tried) in self._banned:
            challenger = None
            self._refused.pop("staging", None)
        elif challenger is None or challenger.version != str(tried):
            challenger = self._try(service, tried, "staging")
        if (champion, challenger) == (lineup.champion, lineup.challenger):
            return
        service.lineup = Lineup(champion, challenger)
        for stage, now, before in (("production", champion, lineup.champion), ("staging", challenger, lineup.challenger)):
            if now is not before:
                self._refused.pop(stage, None)
                service.metrics.swaps.labels("done").inc()
                versions = {"version": now and now.version, "replaced": before and before.version}
                self._tell(event="swap", name=self._name, stage=stage, **versions)

    def _miss(self, service: Service, error: StoreError) -> None:
        service.metrics.polls_failed.inc()
        if self._state != "can't be read":  # once, not at every look
            self._tell(event="registry_unreadable", name=self._name, error=str(error))
        self._state = "can't be read"

    def _try(self, service: Service, number: int, stage: str, warm: Served | None = None) -> Served | None:
        """The version, ready; None where it is refused, now or a moment ago."""
        known = self._refused.get(stage)
        if known is not None and known.version == str(number) and time.monotonic() - known.at < RETRY_S:
            return None
        try:
            return self._load(number, stage, warm)
        except Exception as error:
            reason = next((told for kind, told in _TOLD if isinstance(error, kind)), "it can't be loaded")
            self._refused[stage] = Refusal(str(number), reason, time.monotonic())
            service.metrics.swaps.labels("refused").inc()
            self._tell(event="refused", name=self._name, version=str(number), stage=stage, reason=str(error))
            if not isinstance(error, BequestError):
                _log.exception("%s/%s can't be loaded", self._name, number)
            return None

    def _load(self, number: int, stage: str, warm: Served | None = None) -> Served:
        """The version, once it may serve there; `warm` is it already, as the challenger: a shadow needed no clearance."""
        seen = self._store.version(self._name, number)
        if seen is None:
            raise InputError(f"{self._name}/{number}: no such version")
        if stage == "production":
            glance.require_clearance(self._store, seen)
        elif not seen.ready or (self._judged_first and seen.tags.get("gate") != "passed"):
            raise GateRefused(f"{seen.label}: expected a version that passed the gate, because clients would meet it")
        signature = require_signed(self._store, seen)
        if warm is not None:
            return warm
        bundle = Bundle.of_files(glance.fetch_bundle(self._store, seen), seen.label)
        return Served(bundle, self._name, str(number), signature)
