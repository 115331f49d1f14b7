"""`bequest run`: one or several recipes, from data to deployment."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from flows.console import err, out, print_json, print_table, user_errors

if TYPE_CHECKING:
    from flows.outcome import Outcome

_MARKS = {"pass": "green", "refused": "red", "not judged": "yellow"}


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("run", epilog="Example: [bold]bequest run deployments/recipes/digits.yaml[/]")(run)


@user_errors
def run(
    recipes: Annotated[list[Path], typer.Argument(metavar="RECIPE...", help="Recipe files, run in this order.")],
    refresh: Annotated[
        str | None, typer.Option(help="Do this stage again, and all that follow, although nothing has changed.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the outcomes as JSON and nothing else.")] = False,
) -> None:
    """Run the loop: inherit, compress, transfer, fuse, train, judge and deploy.

    Unchanged stages are skipped, and a run that was cut off carries on where it stopped.
    Exit codes: 0 done, 1 the run failed, 2 the input is wrong, 3 the gate refused.
    """
    outcomes = []
    try:
        for outcome in run_recipes(recipes, refresh=refresh, quiet=json):
            outcomes.append(outcome)
    finally:  # a recipe that failed takes nothing back from those before it
        if json:
            print_json([outcome.model_dump(mode="json") for outcome in outcomes])
    if any(outcome.gate == "refused" for outcome in outcomes):
        raise typer.Exit(3)


def run_recipes(recipes: list[Path], *, refresh: str | None = None, quiet: bool = False) -> "Iterator[Outcome]":
    """Runs recipes one after the other, showing progress and a summary of each; yields each outcome as it comes."""
    from flows.session import prepare_flows
    from tasks.recipe.load import load

    for recipe in recipes:  # every mistake in every file before anything runs
        load(recipe)
    ready = prepare_flows()
    with err.status("Starting...") if not quiet else nullcontext():
        from flows.inherit import inherit
        from flows.progress_bar import shown

        ready()
    for recipe in recipes:
        with shown(err, quiet=quiet):
            outcome = inherit(str(recipe), refresh=refresh)
        if not quiet:
            summarise(outcome)
        yield outcome


def summarise(outcome: "Outcome") -> None:
    """Prints what was inherited, what was derived from what, the verdict, and what stands in production."""
    from flows.outcome import figure

    version = escape(outcome.version)
    out.rule(f"[bold]{version}")
    if outcome.unchanged:
        out.print("Nothing has changed since this version was made: every stage was skipped.")
    elif outcome.reused:
        out.print(f"Unchanged and skipped: {escape(', '.join(outcome.reused))}.")
    keys = f", and {len(outcome.inherited_keys)} settings of its recipe" if outcome.inherited_keys else ""
    _line("Inherited", f"{_ancestors(outcome)}{keys}")
    for position, line in enumerate(outcome.tree.splitlines()):
        _line("" if position else "Family", line)
    for note in outcome.notes:
        _line("Note", note)
    colour = "green" if outcome.gate == "passed" else "red"
    verdict = outcome.verdict
    against = f" beside {escape(verdict.champion)}" if verdict.champion else ""
    out.print(f"[bold]Gate[/]       [{colour}]{outcome.gate}[/] on {verdict.rows} test rows{against}")
    table = Table("rule", "metric", "value", "limit", "", "", box=None, pad_edge=False)
    for rule in verdict.rules:
        figures = (figure(rule.value), figure(rule.limit))
        mark = f"[{_MARKS[rule.outcome]}]{rule.outcome}[/]"
        table.add_row(escape(rule.rule), escape(rule.metric), *figures, mark, f"[dim]{escape(rule.note)}[/]")
    if verdict.rules:
        print_table(table)
    out.print(_scores(outcome))
    where = escape(outcome.production or "nothing")
    note = " (an heir of this version)" if outcome.superseded else ""
    out.print(f"[bold]Production[/] {where}{note}; {version} is in stage {outcome.deployment.stage}")
    more = (f"bequest lineage {outcome.version}", "bequest status", f"bequest serve {outcome.name}@production", "bequest up")
    out.print(f"[dim]More: {escape(' · '.join(more))}[/]", highlight=False, soft_wrap=True)


def _line(title: str, text: str) -> None:
    out.print(f"[bold]{title:<10}[/] {escape(text)}", highlight=False, soft_wrap=True)


def _ancestors(outcome: "Outcome") -> str:
    """The ancestors the version descends from, beside those that took part where they are more."""
    inherited, considered = ", ".join(outcome.inherited), ", ".join(outcome.considered)
    if outcome.inherited:
        return inherited if len(outcome.inherited) >= len(outcome.considered) else f"{inherited} (of {considered})"
    if outcome.considered:
        return f"nothing: none of {considered} survived; the model was trained from scratch"
    return "nothing: trained from scratch"


def _scores(outcome: "Outcome") -> Tree:
    from flows.outcome import figure

    verdict = outcome.verdict
    tree = Tree("[bold]Test split[/]")
    low, high = verdict.intervals.get("accuracy", (None, None))
    interval = f" ({figure(low)} to {figure(high)})" if low is not None else ""
    tree.add(f"accuracy {figure(verdict.metrics.get('accuracy'))}{interval}")
    for title, values in (("champion", verdict.champion_metrics), ("from scratch", verdict.control_metrics)):
        if values:
            tree.add(f"{title}: accuracy {figure(values.get('accuracy'))}")
    size, latency = verdict.metrics.get("size_bytes"), verdict.metrics.get("latency_ms")
    tree.add(f"{figure(size)} bytes, {figure(latency)} ms a row on one thread")
    return tree
