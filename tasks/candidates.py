"""What each candidate for an ancestor makes of the target's rows: the evidence that selectors score."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from model_registry.errors import IntegrityError
from model_registry.reference import DataRef, ModelRef
from model_registry.versions import Version, get
from tasks.adapt import adapted
from tasks.data.dataset import DataSet, Split
from tasks.derive import KERAS_FILE, opened
from tasks.learning import Pair
from tasks.methods.selection import Evidence, selectors
from tasks.solution import Solution
from tasks.source_rows import source_rows
from tasks.stage import Job


@dataclass(frozen=True)
class Opened:
    """A candidate's network on the target's rows, which whoever races need not open again.

    Attributes:
        network: It, taking the target's rows under its own head.
        features: What its backbone makes of the sample's rows, float [n, d].
    """

    network: Any
    features: np.ndarray


@dataclass(frozen=True)
class Candidate:
    """One candidate, judged.

    Attributes:
        version: It.
        solution: What it hands down; None where it could not be opened.
        scores: Selector to score; None where the selector could not judge it.
        relevance: Minus the distance between its rows and the target's; None where its rows are not here.
        refusal: Why it is left out; empty where it is ranked.
        damaged: Whether that is because its files are not those that were registered.
        opened: Its network, as long as it may race.
    """

    version: Version
    solution: Solution | None = None
    scores: dict[str, float | None] = field(default_factory=dict)
    relevance: float | None = None
    refusal: str = ""
    damaged: bool = False
    opened: Opened | None = None


@dataclass(frozen=True)
class Sample:
    """The target's training rows that candidates are judged by.

    Attributes:
        data: The target data set.
        rows: The same, opened.
        x: float32 [n, ...].
        y: int64 [n].
    """

    data: DataRef
    rows: DataSet
    x: np.ndarray
    y: np.ndarray

    @classmethod
    def of(cls, job: Job, data: DataRef) -> "Sample":
        """Draws as many rows as the recipe's selectors look at: in the data set they may be sorted by class."""
        rows = DataSet.open(data)
        train = rows.split("train")
        most = max(selectors.get(name).rows for name in _named(job))
        return cls(data, rows, *drawn(train, most, job.recipe.seed))


def drawn(split: Split, most: int, seed: int) -> Pair:
    """Rows of a split, at random; who draws fewer with the same seed gets the first of them."""
    kept = np.random.default_rng(seed).permutation(len(split.y))[:most]
    return split.x[kept], split.y[kept]


def judged(job: Job, ref: ModelRef, sample: Sample) -> Candidate:
    """Scores one candidate by every selector of the recipe.

    Args:
        job: The loop's run.
        ref: The version.
        sample: The target's rows.

    Returns:
        The candidate; with a refusal where it can't take the rows, is damaged, or no selector can judge it.
    """
    from tasks.methods.networks import store

    solution: Solution | None = None
    try:
        version, folder, solution = opened(ref)
        network = adapted(job, version, store.load(folder / KERAS_FILE), solution, sample.rows)
        config = job.recipe.inherit
        evidence = _evidence(job, version, network, sample)
        scores, complaints = _scores(config.ranked_by, evidence)
        if not any(score is not None for score in scores.values()):
            return Candidate(version, solution, scores, refusal="; ".join(complaints))
        relevance = None
        if config.relevance is not None and evidence.source_features is not None:
            relevance = _scores([config.relevance], evidence)[0][config.relevance]
        return Candidate(version, solution, scores, relevance, opened=Opened(network, evidence.features))
    except (ValueError, IntegrityError) as error:
        damaged = isinstance(error, IntegrityError)
        return Candidate(get(ref.name, ref.version), solution, refusal=str(error), damaged=damaged)


def _evidence(job: Job, version: Version, network: Any, sample: Sample) -> Evidence:
    """What the recipe's selectors ask for, and no more: every further output is another pass through the network."""
    from tasks.methods.networks.batch_statistics import recalibrate
    from tasks.methods.networks.layer_features import LayerFeatures
    from tasks.methods.networks.predict import predict

    seed = job.recipe.seed
    if job.recipe.transfer.recalibrate:
        recalibrate(network, sample.x, seed)
    asked = {selectors.get(name).asks for name in _named(job)}
    read = LayerFeatures(network)
    layers = read(sample.x) if "layers" in asked else []
    ours = layers[0] if layers else read.top(sample.x)
    own = None
    if "source_features" in asked and version.data_sha256 == sample.data.sha256:
        own = ours
    elif "source_features" in asked:
        most = max(selectors.get(name).rows for name in _named(job) if selectors.get(name).asks == "source_features")
        theirs, _ = source_rows(version, sample.data, sample.rows, most=most, seed=seed)
        own = None if theirs is None else read.top(theirs[0])
    return Evidence(
        features=ours,
        y=sample.y,
        seed=seed,
        probabilities=_distributions(predict(network, sample.x)) if "probabilities" in asked else None,
        source_features=own,
        layers=layers,
    )


def _named(job: Job) -> list[str]:
    """The selectors that the recipe names."""
    config = job.recipe.inherit
    return [*config.ranked_by, *([config.relevance] if config.relevance else [])]


def _distributions(outputs: np.ndarray) -> np.ndarray | None:
    """Class probabilities, float [n, classes]; both of them where a network gives that of one class alone."""
    if outputs.ndim != 2 or outputs.min() < 0 or outputs.max() > 1:
        return None
    if outputs.shape[1] == 1:
        return np.concatenate([1 - outputs, outputs], axis=1)
    return outputs if np.allclose(outputs.sum(axis=1), 1, atol=0.01) else None


def _scores(names: list[str], evidence: Evidence) -> tuple[dict[str, float | None], list[str]]:
    """A score from each selector, and what those said that could not judge."""
    scores: dict[str, float | None] = {}
    complaints: list[str] = []
    for name in names:
        try:
            scores[name] = selectors.get(name)(evidence)
        except ValueError as error:
            scores[name] = None
            complaints.append(f"{name}: {error}")
    return scores, complaints
