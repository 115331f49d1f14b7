"""Watches a challenger's trial and acts on its outcome: the registry moves, and the follower does the rest.

Moving a version needs MLflow, which this process does not load: a process of its own does it. Where MLflow is not installed,
the decision is told (log, `/metrics`, `/version`) and left to a person; what is rolled back answers no more at once.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from deployments.serving.lineup import Lineup
from deployments.serving.periodic import Periodic
from deployments.serving.rollout import Decision, Rule, decide
from deployments.serving.service import Service
from deployments.serving.tally import Tally

_MOVE_TIMEOUT_S = 300.0
Move = Callable[[str, str, str, Decision], str]


class TrialWatch:
    """Decides on the challenger every few seconds.

    Args:
        rule: Limits.
        interval_s: Seconds between two looks at the figures.
        move: Moves the registry, see `move_by_process`; None: nothing is decided, figures are told.
        ban: Tells the follower not to load a version again.
        tell: Writes an event to the log.
    """

    def __init__(
        self, rule: Rule, *, interval_s: float, move: Move | None, ban: Callable[[str], None], tell: Callable[..., None]
    ) -> None:
        self._rule, self._move, self._ban, self._tell = rule, move, ban, tell
        self._challenger: str | None = None
        self._since = 0.0
        self._state: dict[str, Any] = {}
        self._decided: set[str] = set()
        self._periodic = Periodic("trial", interval_s)

    def facts(self) -> dict[str, Any]:
        """What `/version` tells of the trial."""
        return {"trial": self._state}

    def start(self, service: Service) -> None:
        """Begins to watch."""
        self._periodic.start(partial(self.look, service))

    def stop(self) -> None:
        """Ends it."""
        self._periodic.stop()

    def look(self, service: Service) -> None:
        """One look at the figures; acts where they say so."""
        lineup = service.lineup
        challenger = lineup.challenger
        if challenger is None:
            self._challenger, self._state = None, {}
            return
        if challenger.version != self._challenger:
            self._challenger, self._since = challenger.version, time.monotonic()
            service.tally = Tally()
            return
        if challenger.version in self._decided:
            return
        decision = decide(service.tally, self._rule, time.monotonic() - self._since)
        self._state = {"challenger": challenger.version, "verdict": decision.verdict, "why": decision.why}
        if decision.verdict == "wait" or self._move is None:
            return
        self._decided.add(challenger.version)
        service.metrics.decisions.labels(decision.verdict).inc()
        self._tell(event="trial", name=challenger.name, version=challenger.version, decision=decision.verdict, why=decision.why)
        if decision.verdict == "rollback":
            self._ban(challenger.version)
            service.lineup = Lineup(service.lineup.champion)
        problem = self._move(challenger.name, challenger.version, lineup.champion.version, decision)
        if problem:
            self._tell(event="trial_not_moved", name=challenger.name, version=challenger.version, reason=problem)


def move_by_process(store: str) -> Move:
    """Moves versions of a store by `deployments.move`, in a process of its own."""

    def move(name: str, version: str, champion: str, decision: Decision) -> str:
        command = [sys.executable, "-P", "-m", "deployments.move", name, version, decision.verdict]
        command += ["--champion", champion, "--reason", decision.why]
        environment = {**os.environ, "MLFLOW_TRACKING_URI": store}
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=_MOVE_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]

    return move
