"""`bequest serve`: a version's bundle behind MLflow's scoring protocol."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.console import user_errors
from model_registry.errors import InputError

EXAMPLES = """
[bold]Examples[/]

  bequest serve digits@production

  bequest serve digits/7 --port 8080

  bequest serve path/to/bundle --max-rows 100

  bequest serve digits@production --canary 0.1 --capture -- --trial-requests 1000

  curl localhost:5001/invocations -H 'Content-Type: text/csv' --data-binary @rows.csv

  docker build --build-context bundle=$(bequest serve digits@production --print-bundle) ...
"""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("serve", epilog=EXAMPLES)(serve)


@user_errors
def serve(
    model: Annotated[
        str, typer.Argument(metavar="NAME[@stage|/version]|FOLDER", help="A registered version, or a bundle's folder.")
    ],
    further: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- OPTIONS]", help="More of the server's own; `python -m deployments.serving -h` has all."),
    ] = None,
    *,
    host: Annotated[str, typer.Option(help="Address to bind to; any but loopback needs a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to bind to; 0 takes a free one.", min=0, max=65535)] = 5001,
    token_file: Annotated[
        Path | None,
        typer.Option(help="File with the token that clients must send as `Authorization: Bearer`; else BEQUEST_SERVE_TOKEN."),
    ] = None,
    max_rows: Annotated[int | None, typer.Option(help="Most rows in a request; else 10000.", min=1, show_default=False)] = None,
    max_body_mb: Annotated[
        float | None, typer.Option(help="Largest request body in MiB; else 16.", min=0.001, show_default=False)
    ] = None,
    access_log: Annotated[bool, typer.Option("--access-log", help="Log every request as a line of JSON.")] = False,
    follow: Annotated[
        bool,
        typer.Option("--follow/--no-follow", help="Swap when NAME@production moves; no request is lost."),
    ] = True,
    poll_interval: Annotated[float, typer.Option(help="Seconds between two looks at the registry.", min=0.1)] = 2.0,
    canary: Annotated[
        float | None,
        typer.Option(help="Share of the requests that the version in staging answers.", show_default=False),
    ] = None,
    canary_header: Annotated[
        str | None, typer.Option(help="Requests with one value of this header meet one version.", show_default=False)
    ] = None,
    canary_column: Annotated[
        str | None, typer.Option(help="The same for a column, by a request's first row.", show_default=False)
    ] = None,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Let the version in staging answer too: recorded, never returned.")
    ] = False,
    capture: Annotated[bool, typer.Option("--capture", help="Keep predictions and labels in the workspace.")] = False,
    capture_sample: Annotated[float, typer.Option(help="Share of the requests that is kept.")] = 1.0,
    capture_days: Annotated[int | None, typer.Option(help="Days that are kept; else all.", min=1, show_default=False)] = None,
    capture_drop: Annotated[str, typer.Option(help="Columns that are not kept, with commas between.")] = "",
    capture_hash: Annotated[str, typer.Option(help="Columns kept as a hash, keyed by BEQUEST_CAPTURE_KEY.")] = "",
    print_bundle: Annotated[
        bool, typer.Option("--print-bundle", help="Verify the bundle, print its folder and end, for a script or an image.")
    ] = False,
) -> None:
    """Answer prediction requests from a version's bundle, without TensorFlow, until Ctrl-C or SIGTERM.

    The address is MLflow's: POST /invocations with JSON (dataframe_split, dataframe_records, inputs, instances) or CSV.
    """
    folder, identity = find_bundle(model)
    if print_bundle:
        from tasks import bundle

        bundle.verify(folder)
        sys.stdout.write(f"{folder}\n")
        return
    if follow and (name := _followed(model, identity)):
        from model_registry.store import ensure

        store = ensure().tracking_uri
        identity = [*identity[2:], "--follow", name, "--store", store, "--poll-interval", str(poll_interval)]
    command = [str(folder), *identity, "--host", host, "--port", str(port)]
    command += ["--token-file", str(token_file)] if token_file else []
    command += ["--max-rows", str(max_rows)] if max_rows else []
    command += ["--max-body-mb", str(max_body_mb)] if max_body_mb else []
    command += ["--access-log"] if access_log else []
    command += ["--canary", str(canary)] if canary is not None else []
    command += ["--canary-header", canary_header] if canary_header else []
    command += ["--canary-column", canary_column] if canary_column else []
    command += ["--shadow"] if shadow else []
    if capture:
        from model_registry.workspace import current

        command += ["--capture", str(current().captured), "--capture-sample", str(capture_sample)]
        command += ["--capture-days", str(capture_days)] if capture_days else []
        command += ["--capture-drop", capture_drop, "--capture-hash", capture_hash]
    command += further or []
    # The server takes this process's place, so nothing of MLflow stays in memory and signals reach it directly.
    # -P: a folder `deployments` where the command is run must not stand in for ours.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "deployments.serving", *command])


def _followed(model: str, identity: list[str]) -> str | None:
    """The model whose production stage is followed: where that was asked for, not one version."""
    return identity[1] if identity and model.removesuffix("@production").removeprefix("models:/") == identity[1] else None


def find_bundle(model: str) -> tuple[Path, list[str]]:
    """The bundle's folder, and what it answers as; what has no clearance, or is not trusted, is refused."""
    path = Path(model).expanduser()
    if model.startswith((".", "/", "~")) or (path / "manifest.json").is_file():
        if (path / "manifest.json").is_file():
            from model_registry.signature import require_bundle

            require_bundle(path.absolute())
        return path.absolute(), []
    from model_registry import clearance, trust
    from model_registry.artifacts import fetch, place_signature
    from model_registry.versions import resolve

    version = resolve(model)
    clearance.require(version)
    files = fetch(version)
    if trust.require(version) is not None:
        place_signature(version, files)  # the server verifies it once more, with the bundle alone
    folder = files / "bundle"
    if not folder.is_dir():
        raise InputError(
            f"{version.label} has no bundle, so it can't be served: it was made by the operation {version.operation!r}, "
            "and only the last step of a run, 'quantized' or 'converted', makes one. "
            f"Serve {version.name}@staging or {version.name}@production, or make one with `bequest run RECIPE`; "
            f"`bequest status {version.name}` lists what stands."
        )
    return folder, ["--name", version.name, "--version", str(version.version)]
