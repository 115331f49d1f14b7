"""`bequest import`: brings an outside model, or a solution without weights, into the registry as *inherited*.

An archive of `bequest export` is received instead: its versions stay what they are.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from flows.console import err, out, print_json, user_errors
from model_registry.errors import InputError

if TYPE_CHECKING:
    from model_registry.versions import Version

EXAMPLES = """
[bold]Examples[/]

  bequest import mobilenet.h5 --name mobilenet --source 'Keras Applications' --licence Apache-2.0

  bequest import no_top.h5 --name backbone --architecture MobileNet --set alpha=0.25 --set include_top=false --input 96,96,3

  bequest import resnet18.onnx --name resnet --preprocessing torch.yaml

  bequest import teacher.tflite --name teacher

  bequest import --recipe their_recipe.yaml --name their-way

  bequest import digits.zip          # what `bequest export` wrote elsewhere, under the names it has there
"""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("import", epilog=EXAMPLES)(bring_in)


@user_errors
def bring_in(
    path: Annotated[
        Path | None,
        typer.Argument(
            help="A model: .keras or .h5 (Keras 2 or 3), a SavedModel folder, .onnx, .tflite; or what `bequest export` wrote.",
            show_default=False,
        ),
    ] = None,
    *,
    name: Annotated[str, typer.Option(help="Name to register it under.", show_default=False)] = "",
    source: Annotated[str, typer.Option(help="Where it comes from, kept in its lineage.")] = "",
    licence: Annotated[str, typer.Option("--licence", "--license", help="Its licence, kept in its lineage.")] = "",
    architecture: Annotated[
        str, typer.Option(help="For a file with weights only: their network in tf_keras.applications, e.g. MobileNet.")
    ] = "",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="With --architecture: an argument of it; repeatable.")
    ] = None,
    input_shape: Annotated[
        str, typer.Option("--input", metavar="H,W,C", help="With --architecture: a picture's shape, e.g. 96,96,3.")
    ] = "",
    preprocessing: Annotated[
        Path | None,
        typer.Option(
            help="YAML or JSON that says how it was fed: `mode` (tf, caffe, torch), or `scale` and `offset` for pixels "
            "0 to 255; `columns` for tables. Heirs are fed alike.",
            show_default=False,
        ),
    ] = None,
    allow_layer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|MODULE:NAME",
            help="Run a layer that carries code (Lambda) or is your own; repeatable. Kept as inference-only.",
        ),
    ] = None,
    inference_only: Annotated[
        bool, typer.Option("--inference-only", help="Bring in a SavedModel's graph alone, as teacher and ensemble member.")
    ] = False,
    recipe: Annotated[
        Path | None, typer.Option(help="In place of a model: a recipe, as a solution without weights.", show_default=False)
    ] = None,
    run: Annotated[
        str, typer.Option(metavar="RUN_ID", help="In place of a model: an MLflow run whose parameters are a recipe's keys.")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print the version as JSON.")] = False,
) -> None:
    """Bring an outside model, or a solution, into the registry as an ancestor.

    It is read in safe mode (no Lambda layers, no code of its own, no pickles) and run once before it is registered.
    """
    given = [word for word, value in (("PATH", path), ("--recipe", recipe), ("--run", run)) if value]
    if len(given) != 1:
        raise InputError(f"expected one of PATH (a model), --recipe and --run. Received: {' and '.join(given) or 'none'}.")
    from model_registry import handover

    if path is not None and not name and handover.is_archive(path):
        _receive(path, as_json=json)
        return
    if not name:
        raise InputError("--name: expected the name to register it under. Received: none.")
    of_a_model = {
        "--architecture": architecture,
        "--set": settings,
        "--input": input_shape,
        "--preprocessing": preprocessing,
        "--allow-layer": allow_layer,
        "--inference-only": inference_only,
    }
    misplaced = [word for word, value in of_a_model.items() if value]
    if path is None and misplaced:
        raise InputError(f"{misplaced[0]}: expected with a model. Received: {given[0]}.")
    from flows.session import prepare_process

    prepare_process()
    from tasks import bring_in as stage

    notes: tuple[str, ...] = ()
    if path is not None:
        from tasks.importing.request import Request, settings_of, shape_of

        request = Request(
            path,
            name,
            source=source,
            licence=licence,
            architecture=architecture,
            settings=settings_of(settings or []),
            input_shape=shape_of(input_shape),
            preprocessing=preprocessing,
            allow=tuple(allow_layer or ()),
            inference_only=inference_only,
        )
        version = stage.bring_in(request)
    elif recipe is not None:
        version, notes = stage.bring_in_recipe(recipe, name, source=source, licence=licence)
    else:
        version, notes = stage.bring_in_run(run, name, source=source, licence=licence)
    told = stage.kept(version, source=source, licence=licence)
    _tell(version, str(path or recipe or f"run {run}"), [*([told] if told else []), *notes], as_json=json)


def _receive(path: Path, *, as_json: bool) -> None:
    from model_registry import handover

    received = handover.receive(path)
    if as_json:
        print_json(received.model_dump(mode="json"))
        return
    for label, here in received.made.items():
        out.print(f"[green]✓[/] {escape(label)} is {escape(here)} here", highlight=False)
    for label, here in received.standing.items():
        out.print(f"[dim]{escape(label)} stood here already, as {escape(here)}[/]", highlight=False)
    hint = f"bequest promote {received.version.replace('/', ' ')} --to staging"
    out.print(f"[dim]No stage was moved: `{escape(hint)}` does that.[/]", highlight=False)


def _tell(version: "Version", origin: str, notes: list[str], *, as_json: bool) -> None:
    for note in notes:
        err.print(f"[yellow]note:[/] {escape(note)}", highlight=False, soft_wrap=True)
    if as_json:
        print_json(version.model_dump(mode="json"))
        return
    out.print(f"[green]✓[/] {version.label} inherited from {escape(origin)}", soft_wrap=True)
    for line in _lines(version.facts):
        out.print(f"[dim]{escape(line)}[/]", highlight=False, soft_wrap=True)
    key = "train: {distil: {teachers" if version.facts.get("network") == "flatbuffer" else "inherit: {ancestors"
    hint = escape(f"{key}: [{version.uri}]}}{'}' if key.startswith('train') else ''}")
    out.print(f"[dim]Name it in a recipe: {hint}[/]", highlight=False, soft_wrap=True)


def _lines(facts: dict[str, Any]) -> list[str]:
    """What a person should know of it before building on it."""
    if facts.get("network") == "none":
        return [f"hands down {', '.join(facts['hands_down'])}; it has no weights"]
    lines = [f"{facts['form']}; takes {facts['input_shape']}, gives {facts['output_shape']} ({facts['outputs']})"]
    if facts["compared"] != "read by its own library":
        lines.append(f"compared {facts['compared']}" if not facts["compared"].startswith("not") else facts["compared"])
    if len(facts["input_shape"]) == 3 and "preprocessing" not in facts:
        lines.append("no --preprocessing given: heirs feed it pictures in [0, 1]")
    elif "preprocessing" in facts:
        lines.append(f"fed with {facts['preprocessing']}")
    if facts["network"] == "flatbuffer":
        lines.append("inference-only: usable as teacher and ensemble member, not to be trained further")
    return lines
