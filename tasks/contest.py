"""The challenger beside the champion: both predict the same raw rows, of which the champion has learned from none."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from model_registry.errors import InputError, IntegrityError
from model_registry.reference import DataRef, ModelRef
from model_registry.versions import Version
from tasks.bundle import Bundle
from tasks.data.dataset import DataSet, Split
from tasks.data.raw import as_columns
from tasks.derive import BUNDLE, opened
from tasks.methods import metrics as measures
from tasks.recipe.schema import Champion
from tasks.stage import Job


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
    """Compares the challenger with the champion on the test rows that the champion has not learned from.

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
        failed = measures.Rule(rule.rule, "champion_comparable", 0.0, 1.0, False)
        return Contest(rules=[failed], note=f"{champion.uri} can't be compared with: {error} {skip}.")
    unseen, note = _unseen(version, test)
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


def _unseen(champion: Version, test: Split) -> tuple[np.ndarray, str]:
    """Which test rows, bool [n], the champion has neither trained nor been chosen on; and what can't be told."""
    here = DataRef(uri=champion.data_uri, sha256=champion.data_sha256)
    if not champion.data_uri or not Path(champion.data_uri).is_dir():
        return np.ones(len(test.y), dtype=bool), f"rows that {champion.label} learned from cannot be told: it may be flattered"
    try:
        past = DataSet.open(here).row_splits()
    except IntegrityError as error:
        return np.ones(len(test.y), dtype=bool), f"rows that {champion.label} learned from cannot be told: {error}"
    learned = past["row_hash"][np.asarray(past["split"]) != "test"]
    unseen = ~np.isin(test.row_hash, learned)
    left_out = int((~unseen).sum())
    return unseen, f"{left_out} test rows that {champion.label} learned from are left out of the comparison" if left_out else ""
