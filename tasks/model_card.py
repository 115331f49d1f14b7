"""A version's model card (Mitchell et al., 2019, arXiv:1810.03993): what it is, how it does, where it comes from, its limits.

Everything in it is read from the registry, the version's own files and the run that judged it: nothing is written by hand, so
nothing goes stale. What is not known is left out.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markdown_it import MarkdownIt

from model_registry import artifacts, gates, lineage, reproduction
from model_registry.drawing import as_svg
from model_registry.errors import StoreError
from model_registry.gates import Verdict
from model_registry.store import client, plain_errors
from model_registry.versions import Version
from tasks.data.card import DataCard
from tasks.solution import Solution

WATTS_PER_CORE = 10.0  # of a busy core, for the estimate; what a machine draws is not measured
_FEW_ROWS = 30
_POORLY_CALIBRATED = 0.1


@dataclass(frozen=True)
class Card:
    """All that the page tells.

    Attributes:
        version: The version.
        solution: What it hands down.
        verdict: The gate's, where it was judged.
        intervals: Metric to its interval on the test split.
        classes: Class to precision, recall, f1, support on the test split.
        family: The versions it descends from, by label, itself first.
    """

    version: Version
    solution: Solution
    verdict: Verdict | None
    intervals: dict[str, tuple[float | None, float | None]]
    classes: dict[str, dict[str, float]]
    family: dict[str, Version]

    @property
    def cpu_seconds(self) -> float:
        """Processor seconds that the family took, as far as they were recorded."""
        return sum(member.figure("cpu_seconds") or 0.0 for member in self.family.values())

    @property
    def watt_hours(self) -> float:
        """What these seconds come to at `WATTS_PER_CORE`."""
        return self.cpu_seconds * WATTS_PER_CORE / 3600

    @property
    def limits(self) -> list[str]:
        """What a reader must not expect of it, in sentences."""
        return [*_of_data(self.solution.card), *_of_test(self.verdict, self.classes), *_of_origin(self)]


def card_of(version: Version) -> Card:
    """Reads what there is to tell of a version.

    Raises:
        InputError: It was not made by bequest.
        IntegrityError: Its files were changed.
    """
    folder = artifacts.fetch(version)
    verdict = gates.read(version)
    told = _json(verdict.run_id, "verdict.json") if verdict else {}
    return Card(
        version=version,
        solution=Solution.read(folder),
        verdict=verdict,
        intervals=told.get("intervals", {}),
        classes=_json(verdict.run_id, "per_class.json") if verdict else {},
        family=lineage.ancestry(version),
    )


def as_markdown(card: Card) -> str:
    """The card as Markdown, tables in GitHub's form."""
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    environment.filters["figure"] = _figure
    environment.filters["cell"] = lambda value: str(value).replace("|", "\\|").replace("\n", " ")
    data, recipe = card.solution.card, card.solution.recipe or {}
    return environment.from_string(_MARKDOWN).render(
        card=card,
        version=card.version,
        data=data,
        recipe=recipe,
        verdict=card.verdict,
        tree=lineage.as_text(card.version),
        contract=_contract(card.solution.contract),
        splits=_splits(data),
        compared=_compared(card),
        watts=WATTS_PER_CORE,
        reproduced=reproduction.told(card.version),
    )


def as_html(card: Card) -> str:
    """The card as one page that reads offline, with the family's picture."""
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(as_markdown(card))
    head, tail = body.split("<h2>Where it comes from</h2>", 1)
    return _PAGE.format(
        title=card.version.label,
        body=f'{head}<h2>Where it comes from</h2>\n<div class="picture">{as_svg(card.version)}</div>{tail}',
    )


def _json(run_id: str, name: str) -> dict[str, Any]:
    """A JSON file of a run; empty where the run or the file is gone."""
    try:
        with plain_errors(f"reading {name} of run {run_id}"):
            return dict(json.loads(Path(client().download_artifacts(run_id, name)).read_text()))
    except (StoreError, FileNotFoundError):
        return {}


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 and value == round(value) else f"{value:.4g}"


def _contract(suite: dict[str, Any] | None) -> str:
    """How many expectations the contract has, and of which columns, as a sentence."""
    found: dict[str, int] = {}
    for expectation in (suite or {}).get("expectations", []):
        column = expectation.get("kwargs", {}).get("column", "the table as a whole")
        found[column] = found.get(column, 0) + 1
    listed = ", ".join(f"{column} ({count})" for column, count in found.items())
    total = sum(found.values())
    return f"The data contract has {total} expectations, and rows that break it are refused: {listed}." if found else ""


def _splits(data: DataCard | None) -> str:
    counts = {} if data is None else data.counts
    return ", ".join(f"{sum(of_class.values()):,} rows for {split}" for split, of_class in counts.items())


def _compared(card: Card) -> list[tuple[str, float | None, str, float | None, float | None]]:
    """Metric, value, interval, champion's and the control's."""
    verdict = card.verdict
    if verdict is None:
        return []
    rows = []
    for name, value in verdict.metrics.items():
        low, high = card.intervals.get(name, (None, None))
        interval = f"{_figure(low)} to {_figure(high)}" if low is not None and high is not None else ""
        rows.append((name, value, interval, verdict.champion_metrics.get(name), verdict.control_metrics.get(name)))
    return rows


def _of_data(data: DataCard | None) -> list[str]:
    if data is None:
        return []
    shape = " x ".join(map(str, data.input_shape))
    kind = f"pictures, brought to {shape}" if data.modality == "image" else f"rows with the columns {', '.join(data.features)}"
    said = [
        f"It takes {kind}, and knows these classes alone: {', '.join(data.classes)}. "
        "Whatever else it is shown is taken for one of them."
    ]
    if data.rows_quarantined:
        said.append(f"{data.rows_quarantined:,} of {data.rows_read:,} rows broke the data contract and were not learned from.")
    return said


def _of_test(verdict: Verdict | None, classes: dict[str, dict[str, float]]) -> list[str]:
    if verdict is None:
        return ["No gate has judged it: nothing is known of how it does on rows that it has not seen."]
    said = [f"It was judged on {verdict.rows:,} test rows of the same source; rows from elsewhere may differ."]
    few = sorted(name for name, score in classes.items() if score["support"] < _FEW_ROWS)
    if few:
        said.append(f"Fewer than {_FEW_ROWS} test rows stand behind the figures of {', '.join(few)}.")
    judged = {name: score["recall"] for name, score in classes.items() if score["support"]}
    if judged:
        worst = min(judged, key=judged.__getitem__)
        said.append(f"It finds {worst} least often: {judged[worst]:.0%} of its rows.")
    calibration = verdict.metrics.get("expected_calibration_error")
    if calibration is not None and calibration > _POORLY_CALIBRATED:
        said.append(f"Its probabilities are off by {calibration:.2f} on average: don't read them as chances.")
    refused = [rule.metric for rule in verdict.rules if not rule.passed]
    if refused:
        said.append(f"The gate refused it over {', '.join(refused)}.")
    return said


def _of_origin(card: Card) -> list[str]:
    outside = [member for member in card.family.values() if member.operation == "inherited"]
    licences = [f"{member.label} ({member.facts.get('licence') or 'licence not stated'})" for member in outside]
    return [f"It descends from models brought in from outside: {', '.join(licences)}."] if licences else []


_MARKDOWN = """\
# {{ version.label }}

{% if recipe.get("description") %}{{ recipe["description"] }}

{% endif %}
| | |
| --- | --- |
| operation | {{ version.operation }} |
| stage | {{ version.stage }} |
| made | {{ version.created.strftime("%Y-%m-%d %H:%M") }} UTC |
| trigger | {{ version.trigger.get("kind", "unknown") | cell }} |
| gate | {{ version.gate or "never judged" }} |
| recipe | `{{ version.recipe_sha256[:16] or "none" }}` |
| data | `{{ version.data_sha256[:16] or "none" }}` |
| files | `{{ version.sha256[:16] }}` |
{% if version.signed_by %}
| signed by | key `{{ version.signed_by | cell }}` |
{% endif %}
{% if reproduced %}
| reproduced | {{ reproduced | cell }} |
{% endif %}

{% if data %}
## Data

{{ data.source | cell }}: {{ splits }}.

| class |{% for split in data.counts %} {{ split }} |{% endfor %}

| --- |{% for split in data.counts %} --- |{% endfor %}

{% for name in data.classes %}
| {{ name | cell }} |{% for counts in data.counts.values() %} {{ counts.get(name, 0) }} |{% endfor %}

{% endfor %}

{% if contract %}
{{ contract }}

{% endif %}
{% endif %}
{% if verdict %}
## How it does

On {{ "{:,}".format(verdict.rows) }} test rows, read once.

| metric | value | interval | champion{{ " " ~ verdict.champion if verdict.champion else "" }} | from scratch |
| --- | --- | --- | --- | --- |
{% for name, value, interval, champion, control in compared %}
| {{ name }} | {{ value | figure }} | {{ interval }} | {{ champion | figure }} | {{ control | figure }} |
{% endfor %}

{% if card.classes %}
| class | precision | recall | f1 | rows |
| --- | --- | --- | --- | --- |
{% for name, score in card.classes.items() %}
| {{ name | cell }} |{% for key in ("precision", "recall", "f1", "support") %} {{ score[key] | figure }} |{% endfor %}

{% endfor %}

{% endif %}
| rule | metric | value | limit | |
| --- | --- | --- | --- | --- |
{% for rule in verdict.rules %}
| {{ rule.rule | cell }} | {{ rule.metric | cell }} | {{ rule.value | figure }} | {{ rule.limit | figure }} |
{%- if rule.passed %} pass |{% else %} **refused** |{% endif %}

{% endfor %}

{% endif %}
## Where it comes from

```
{{ tree }}
```

## What it took

{{ "{:,.0f}".format(card.cpu_seconds) }} processor seconds for the whole family, as far as they were recorded: some
{{ card.watt_hours | figure }} Wh at an assumed {{ watts | figure }} W a busy core.

## Limits

{% for limit in card.limits %}
- {{ limit }}
{% endfor %}
"""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}: model card</title>
<style>
 body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }}
 table {{ border-collapse: collapse; margin: .8rem 0 1.6rem; }}
 th, td {{ text-align: left; padding: .25rem 1.2rem .25rem 0; border-bottom: 1px solid #d8dee4; }}
 td {{ font-variant-numeric: tabular-nums; }}
 pre {{ background: #f6f8fa; padding: .8rem 1rem; overflow-x: auto; font-size: 13px; }}
 .picture {{ overflow-x: auto; }}
</style></head><body>
{body}
</body></html>
"""
