"""The challenger beside the champion: both predict the same raw rows, of which the champion has learned from none."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from model_registry import lineage
from model_registry.errors import InputError, IntegrityError
from model_registry.reference import ModelRef
from model_registry.versions import Version
from tasks.bundle import Bundle
from tasks.data.dataset import DataSet, Split
from tasks.data.held import held_splits
from tasks.data.marks import NEW, TEST
from tasks.data.raw import as_columns
from tasks.data.rowhash import label_hash
from tasks.derive import BUNDLE, opened
from tasks.methods import metrics as measures
from tasks.recipe.evaluate_schema import Champion
from tasks.stage import Job

INCOMPARABLE = "champion_comparable"  # the gate's line where the champion could not be asked


@dataclass(frozen=True)
class Contest:
    """What the comparison came to.

    Attributes:
        champion: The version in production; None without one.
        metrics: Its metrics on the rows compared.
        rows: How many rows were compared.
        rules: The gate's line on it.
        note: What a person should know of the comparison.
    """

    champion: Version | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    rows: int = 0
    rules: list[measures.Rule] = field(default_factory=list)
    note: str = ""


def against(job: Job, rule: Champion, champion: ModelRef, rows: DataSet, test: Split, challenger: np.ndarray) -> Contest:
    """Compares the challenger with the champion on the test rows that the champion's family has not learned from.

    Where the champion can't predict the rows, or has learned from all of them, the rule fails: that a version is no
    worse than the one in production must be shown, and `evaluate.gate.champion: null` says that it need not be.

    Args:
        job: The loop's run.
        rule: What the challenger must show.
        champion: The version in production.
        rows: The target data set.
        test: Its test split.
        challenger: The challenger's probabilities on it, float [n, classes].
    """
    skip = "`evaluate.gate.champion: null` in the recipe judges without it"
    try:
        version, folder, _ = opened(champion)
        reigning = Bundle.open(folder / BUNDLE)
        probabilities = reigning.predict(as_columns(test.raw))
    except (InputError, IntegrityError) as error:
        failed = measures.Rule(rule.rule, INCOMPARABLE, 0.0, 1.0, False)
        return Contest(rules=[failed], note=f"{champion.uri} can't be compared with: {error} {skip}.")
    unseen, note = unseen_rows(version, rows, test)
    if not unseen.any():
        failed = measures.Rule(rule.rule, "rows_unseen_by_champion", 0.0, 1.0, False)
        return Contest(champion=version, rules=[failed], note=f"{version.label} has learned from every test row; {skip}")
    classes = np.array(rows.card.classes)
    # By name: the champion may know other classes, in another order, and an answer the target has no class for is wrong.
    right = np.array(reigning.labels)[probabilities.argmax(axis=1)] == classes[test.y]
    comparison = measures.compare(
        (challenger.argmax(axis=1) == test.y)[unseen],
        right[unseen],
        test=rule.test,
        rule=rule.rule,
        margin=rule.margin,
        samples=job.recipe.evaluate.bootstrap_samples,
        seed=job.recipe.seed,
        confidence=job.recipe.evaluate.confidence,
    )
    found = {"accuracy": float(right[unseen].mean())}
    if reigning.labels == rows.card.classes:
        found = measures.evaluate(probabilities[unseen], test.y[unseen])
    return Contest(version, found, int(unseen.sum()), measures.judge({}, {}, {}, comparison, rule.alpha), note)


def unseen_rows(champion: Version, rows: DataSet, test: Split) -> tuple[np.ndarray, str]:
    """Which test rows neither the champion nor an ancestor of it has trained or been chosen on, and what can't be told.

    Args:
        champion: The version in production.
        rows: The target data set.
        test: Its test split.

    Returns:
        bool [n]; and a note, empty where all is told.
    """
    frame = test.raw if isinstance(test.raw, pd.DataFrame) else None
    hashes = test.row_hash ^ label_hash(np.array(rows.card.classes, dtype=object)[test.y])
    groups = rows.groups()
    if groups is not None:
        groups = groups[rows.row_splits()["split"] == "test"]
    unseen, notes = np.ones(len(test.y), dtype=bool), []
    for label, folder in _data_sets(champion):
        if folder is None:
            notes.append(f"rows that {label} learned from cannot be told: {champion.label} may be flattered")
            continue
        try:
            codes, incomparable = held_splits([folder], frame, hashes, groups)
        except InputError as error:
            notes.append(f"rows that {label} learned from cannot be told: {error}")
            continue
        unseen &= np.isin(codes, (NEW, TEST))
        notes += [f"{label}: {note.removeprefix('split: ')}" for note in incomparable]
    if left_out := int((~unseen).sum()):
        notes.insert(0, f"{left_out} test rows that {champion.label} learned from are left out of the comparison")
    return unseen, "; ".join(notes)


def _data_sets(champion: Version) -> list[tuple[str, Path | None]]:
    """Each data set of a family once, with the youngest member that learned from it; None where it is not here.

    What an outside model learned from is known to nobody, so it is not asked for.
    """
    found: dict[str, tuple[str, Path | None]] = {}
    for label, member in lineage.ancestry(champion).items():
        if member.operation != "inherited":
            folder = Path(member.data_uri) if member.data_uri else None
            found.setdefault(member.data_uri or label, (label, folder if folder and folder.is_dir() else None))
    return list(found.values())
