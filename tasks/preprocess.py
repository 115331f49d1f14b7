"""Stage 1, preprocess: rows are read, held to the contract, cleaned, split and described."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from model_registry.errors import IntegrityError
from model_registry.reference import DataRef
from model_registry.store import ensure
from tasks import progress
from tasks.data.card import DataCard
from tasks.data.contract_differences import contract_differences
from tasks.data.dataset import DataSet
from tasks.data.prepare import prepare
from tasks.stage import Job, stage_task
from tasks.tracking import PREPARED_WITH, stage_run

MOST_NOTES = 5  # on the terminal, one line each stage


def prepare_data(
    job: Job, base: str, contract: dict | None, other_contracts: dict[str, dict], held: list[str], unknown: list[str]
) -> DataRef:
    """Prepares the recipe's data set and logs it to MLflow with its fingerprint.

    Args:
        job: The loop's run.
        base: Folder from which the recipe's relative paths start.
        contract: The data contract handed down by the first ancestor, if any.
        other_contracts: Contracts of ancestors of other projects, by label; where the data differs is told.
        held: Data sets of the ancestors' families: their rows keep their split, so that nothing trained on is tested on.
        unknown: Members of those families whose data sets are not here, so that their rows cannot be told.
    """
    progress.report("preprocess", job.name, 0, 1, job.recipe.data.source)
    with stage_run(job.experiment_id, job.run_id, "preprocess", "1 preprocess") as run:
        run.params({"source": job.recipe.data.source, **_flat(job.recipe.preprocess.model_dump(mode="json"))})
        doubts: list[str] = []
        ref = _prepared(job, Path(base), contract or None, [Path(each) for each in held], doubts.append)
        rows = DataSet.open(ref)
        card = rows.card
        for label, suite in other_contracts.items():
            doubts += [f"unlike the rows of {label}: {line}" for line in contract_differences(rows, suite)]
        if unknown:
            doubts.append(
                f"rows that {', '.join(unknown)} learned from cannot be told, their data sets are not here: "
                "some may be in validation or test"
            )
        notes = [*_losses(card, Path(ref.uri)), *dict.fromkeys(doubts), *card.notes]
        run.reads(card, context="training")
        run.metrics(
            {
                "rows_read": card.rows_read,
                "rows_duplicate": card.rows_duplicate,
                "rows_quarantined": card.rows_quarantined,
                "rows_dropped": card.rows_dropped,
                **{f"rows_{split}": sum(counts.values()) for split, counts in card.counts.items()},
            }
        )
        run.tags({"bequest.data": ref.uri, "bequest.fingerprint": card.fingerprint})
        run.json(PREPARED_WITH, {"base": base, "contract": contract or None, "held": held})  # `bequest reproduce` reads it
        folder = Path(ref.uri)
        for name in ("dataset.json", "preprocessing.json", "contract.json", "contract_result.json", "quarantine.csv"):
            if (folder / name).is_file():
                run.file(folder / name)
        if notes:
            more = [f"and {len(notes) - MOST_NOTES} more in notes.txt of its run"] if len(notes) > MOST_NOTES else []
            run.tags({"bequest.outcome": "; ".join([*notes[:MOST_NOTES], *more])})
            run.text("notes.txt", "\n".join(notes))
    count = f"{sum(sum(counts.values()) for counts in card.counts.values())} rows"
    quarantined = f", {card.rows_quarantined} quarantined" if card.rows_quarantined else ""
    progress.report("preprocess", card.name, 1, 1, f"{count}{quarantined}")
    return ref


def _prepared(
    job: Job, base: Path, contract: dict[str, Any] | None, held: list[Path], tell: Callable[[str], object]
) -> DataRef:
    """The prepared data set; one that is damaged, or to be done again, is made anew from its source."""

    def made(*, anew: bool) -> DataRef:
        return prepare(
            job.recipe, base=base, out_root=ensure().data, inherited_contract=contract, held=held, anew=anew, tell=tell
        )

    try:
        return made(anew="preprocess" in job.refreshed)
    except IntegrityError:
        return made(anew=True)


def _losses(card: DataCard, folder: Path) -> list[str]:
    """Which of the rows read are not used, and where they can be looked at."""
    lost = []
    if card.rows_quarantined:
        lost.append(f"{card.rows_quarantined} of {card.rows_read} rows are quarantined, see {folder / 'quarantine.csv'}")
    if card.rows_duplicate:
        lost.append(f"{card.rows_duplicate} rows are left out as duplicates")
    if card.rows_dropped:
        lost.append(f"{card.rows_dropped} rows are left out by the policies on gaps and outliers")
    return lost


def _flat(section: dict, prefix: str = "") -> dict[str, str]:
    """Nested settings as dotted parameters."""
    flat: dict[str, str] = {}
    for key, value in section.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = json.dumps(value) if isinstance(value, list) else str(value)
    return flat


@stage_task
def preprocess(
    job: Job,
    key: str,
    base: str,
    contract: dict | None,
    other_contracts: dict[str, dict],
    held: list[str],
    unknown: list[str],
) -> DataRef:
    """Runs `prepare_data` as a Prefect task."""
    return prepare_data(job, base, contract, other_contracts, held, unknown)
