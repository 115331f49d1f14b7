"""Stage by stage on the terminal: a line for each piece of work, a bar while it is long."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from tasks import progress


class _Yielding(TextColumn):
    """Text on one line, shortened where the terminal is narrow: rich takes room from columns that may wrap first."""

    def render(self, task: Task) -> Text:
        text = super().render(task)
        text.no_wrap = True
        return text


@contextmanager
def shown(console: Console, *, quiet: bool = False) -> Iterator[None]:
    """Shows the stages' progress on `console` until the block ends; `quiet` shows nothing, for scripts."""
    if quiet:
        yield
        return
    bar = Progress(
        SpinnerColumn(finished_text="[green]✓[/]", table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[stage]:<10}", markup=False),
        _Yielding("{task.description}", style="cyan", markup=False, table_column=Column(overflow="ellipsis", max_width=28)),
        BarColumn(bar_width=12, table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[note]}", style="dim", markup=False, table_column=Column(no_wrap=True, max_width=28)),
        TimeElapsedColumn(table_column=Column(no_wrap=True, min_width=len("0:00:00"))),
        console=console,
    )
    lines: dict[tuple[str, str], TaskID] = {}

    def watch(step: progress.Progress) -> None:
        key = (step.stage, step.what)
        current = lines.get(key)
        if current is None or bar.tasks[current].finished:
            _finish(bar, lines.values())
            lines[key] = current = bar.add_task(step.what, total=step.total, stage=step.stage, note="")
        bar.update(current, completed=step.done, total=step.total, note=step.note)

    end = progress.watch(watch)
    try:
        with bar:
            yield
            _finish(bar, lines.values())
    finally:
        end()


def _finish(bar: Progress, lines: object) -> None:
    """Early stopping ends a piece of work before its last epoch: what comes next tells that it is done."""
    for line in list(lines):  # type: ignore[call-overload]
        task = bar.tasks[line]
        if not task.finished:
            bar.update(line, completed=task.total)
