"""The command line of `python -m deployments.serving`, and what it makes of it."""

import argparse
import os
from pathlib import Path

from deployments.serving import access_log
from deployments.serving.capture import Capture
from deployments.serving.follow import Follower
from deployments.serving.lineup import Lineup, Trial
from deployments.serving.metrics import Metrics
from deployments.serving.privacy import make_policy
from deployments.serving.rollout import Rule
from deployments.serving.served import Served
from deployments.serving.service import Companion, Service
from deployments.serving.settings import MIB, TOKEN_VARIABLE, Settings
from deployments.serving.trial import TrialWatch, move_by_process
from model_registry import glance
from model_registry.errors import InputError
from model_registry.signature import require_bundle
from tasks.bundle import Bundle


def parser() -> argparse.ArgumentParser:
    """Every option with its default."""
    made = argparse.ArgumentParser(prog="python -m deployments.serving", description="Serves a bundle over HTTP.")
    made.add_argument("bundle", type=Path, nargs="?", metavar="BUNDLE_FOLDER", help="folder of the bundle")
    made.add_argument("--host", default="127.0.0.1", help="address to bind to; any but loopback needs a token")
    made.add_argument("--port", type=int, default=5001, help="port to bind to; 0 takes a free one")
    made.add_argument("--name", help="model name to answer as; default: the bundle's")
    made.add_argument("--version", help="version to answer as; default: the bundle's")
    made.add_argument("--token-file", type=Path, help=f"file with the token clients must send; else {TOKEN_VARIABLE}")
    made.add_argument("--access-log", action="store_true", help="log every request as a line of JSON on standard output")
    _add_limits(made.add_argument_group("limits"))
    _add_following(made.add_argument_group("following the registry"))
    _add_trial(made.add_argument_group("trying the version in staging; needs --follow"))
    _add_capture(made.add_argument_group("capture"))
    return made


def _add_limits(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--max-rows", type=int, default=Settings.max_rows, help="most rows in a request")
    group.add_argument("--max-body-mb", type=float, default=Settings.max_body_bytes / MIB, help="largest body, in MiB")
    group.add_argument("--threads", type=int, help="threads that predict, one interpreter each; default: one a processor")
    group.add_argument("--batch-rows", type=int, default=Settings.batch_rows, help="rows put through the network together")
    group.add_argument("--batch-wait-ms", type=float, default=0.0, help="longest time a batch is held back for more rows")
    group.add_argument("--max-waiting", type=int, default=Settings.max_waiting, help="requests under way, 429 past it")
    group.add_argument("--timeout", type=float, default=Settings.timeout_s, help="seconds for a body, and for a prediction")


def _add_following(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--follow", metavar="NAME", help="serve this model's production version, and swap when it moves")
    group.add_argument("--store", default=os.environ.get("MLFLOW_TRACKING_URI"), help="the MLflow store that --follow reads")
    group.add_argument("--poll-interval", type=float, default=2.0, help="seconds between two looks at the store")


def _add_trial(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--canary", type=float, metavar="SHARE", help="share of the requests that it answers, in (0, 1]")
    group.add_argument("--shadow", action="store_true", help="let it answer as well, recorded and never returned")
    group.add_argument("--canary-header", metavar="NAME", help="requests with one value of this header meet one version")
    group.add_argument("--canary-column", metavar="NAME", help="the same for a column, by a request's first row")
    group.add_argument("--trial-requests", type=int, default=Rule.min_requests, help="its answers before it can be promoted")
    group.add_argument("--trial-seconds", type=float, default=Rule.min_seconds, help="the trial's shortest time")
    group.add_argument(
        "--trial-latency-ratio", type=float, default=Rule.latency_ratio, help="most times production's median time"
    )
    group.add_argument("--trial-labels", type=int, default=Rule.min_labels, help="labelled rows to wait for before a promotion")
    group.add_argument("--trial-margin", type=float, default=Rule.margin, help="loss of accuracy that counts as equal")
    group.add_argument("--no-decide", action="store_true", help="never promote nor roll back; figures are told all the same")


def _add_capture(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--capture", type=Path, metavar="FOLDER", help="keep predictions and labels there, as Parquet")
    group.add_argument("--capture-sample", type=float, default=1.0, help="share of the requests that is kept")
    group.add_argument("--capture-days", type=int, help="days that are kept; default: all")
    group.add_argument("--capture-drop", default="", metavar="COLUMNS", help="columns that are not kept, with commas between")
    group.add_argument("--capture-hash", default="", metavar="COLUMNS", help="columns of which a keyed hash is kept")


def settings_of(options: argparse.Namespace, token: str | None) -> Settings:
    """The settings that were asked for.

    Raises:
        InputError: An option is out of range, or two exclude one another.
    """
    for name in ("threads", "batch_rows", "max_waiting", "max_rows"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise InputError(f"--{name.replace('_', '-')}: expected at least 1. Received: {value}.")
    return Settings(
        token=token,
        max_body_bytes=int(options.max_body_mb * MIB),
        max_rows=options.max_rows,
        threads=options.threads,
        batch_rows=options.batch_rows,
        batch_wait_s=options.batch_wait_ms / 1000,
        max_waiting=options.max_waiting,
        timeout_s=options.timeout,
        access_log=options.access_log,
        trial=_trial(options),
    )


def service_of(options: argparse.Namespace, settings: Settings) -> Service:
    """The service that was asked for.

    Raises:
        BequestError: The bundle or the store is not as it must be, or an option is wrong.
    """
    lineup, companions = _lineup(options, settings)
    metrics, capture = Metrics(), None
    if options.capture is not None:
        _share("--capture-sample", options.capture_sample)
        columns = [each["name"] for each in lineup.champion.inputs]
        policy = make_policy(_names(options.capture_drop), _names(options.capture_hash), columns)
        try:
            options.capture.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"--capture {options.capture}: expected a folder to write to. Received: {error}.") from error
        capture = Capture(options.capture, policy, metrics, sample=options.capture_sample, keep_days=options.capture_days)
        companions.append(capture)
    return Service(lineup, settings, metrics, companions, capture)


def _lineup(options: argparse.Namespace, settings: Settings) -> tuple[Lineup, list[Companion]]:
    """Who answers first, and what follows the registry."""
    if options.follow is None:
        if options.bundle is None:
            raise InputError("expected BUNDLE_FOLDER, or --follow NAME with --store. Received: neither.")
        return Lineup(_opened(options.bundle, options.name, options.version)), []
    if options.store is None:
        raise InputError("--follow: expected --store (or MLFLOW_TRACKING_URI), the MLflow store to follow. Received: none.")
    trial = settings.trial
    follower = Follower(
        glance.open_store(options.store),
        options.follow,
        interval_s=options.poll_interval,
        tell=access_log.write,
        tried=trial is not None,
        judged_first=trial is None or trial.mode == "canary",
    )
    companions: list[Companion] = [follower]
    if trial is not None:
        rule = Rule(
            options.trial_requests,
            options.trial_seconds,
            options.trial_latency_ratio,
            options.trial_labels,
            options.trial_margin,
        )
        move = None if options.no_decide else move_by_process(options.store)
        companions.append(
            TrialWatch(rule, interval_s=options.poll_interval, move=move, ban=follower.ban, tell=access_log.write)
        )
    if options.bundle is None:
        return follower.first(), companions
    return Lineup(_opened(options.bundle, options.follow, options.version)), companions


def _opened(folder: Path, name: str | None, version: str | None) -> Served:
    bundle = Bundle.open(folder)
    signature = require_bundle(folder, name=name or bundle.manifest["name"], sha256=bundle.sha256)
    return Served(bundle, name, version, signature)


def _trial(options: argparse.Namespace) -> Trial | None:
    if options.canary is None and not options.shadow:
        return None
    if options.canary is not None and options.shadow:
        raise InputError("--canary, --shadow: expected one of them. Received: both.")
    if options.follow is None:
        raise InputError("--canary, --shadow: expected --follow NAME, whose version in staging is tried. Received: none.")
    if options.shadow:
        return Trial("shadow")
    _share("--canary", options.canary)
    return Trial("canary", options.canary, options.canary_header, options.canary_column)


def _share(option: str, value: float) -> None:
    if not 0 < value <= 1:
        raise InputError(f"{option}: expected a share in (0, 1], not a percentage. Received: {value:g}.")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
