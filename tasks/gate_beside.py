"""The gate's rules on a version beside the one in production, other than the paired test: cost ratios, golden rows."""

from pathlib import Path

import numpy as np

from model_registry.errors import InputError, IntegrityError
from model_registry.reference import ModelRef
from model_registry.versions import Version
from tasks.bundle import Bundle
from tasks.contest import INCOMPARABLE
from tasks.data.golden import Golden
from tasks.data.transform import output_shape
from tasks.data.wording import counted, listed
from tasks.derive import BUNDLE, opened
from tasks.methods import metrics as measures
from tasks.methods.litert import minima_ms
from tasks.recipe.evaluate_schema import Gate, Ratios

RATIO, GOLDEN, LOST = "ratio", "golden", "lost_rows"
_TURNS = 400  # of one row through each of the two models, alternately
_MODEL = "model.tflite"


def rules_beside(
    gate: Gate, candidate: Path, champion: ModelRef | None, golden: Golden | None
) -> tuple[list[measures.Rule], Version | None]:
    """Judges the ratios and the golden set.

    Where the version in production can't be opened, or can't predict the golden rows, the rule fails: as with the paired
    test, that nothing got worse must be shown.

    Args:
        gate: What is asked.
        candidate: Folder of the candidate's bundle.
        champion: The version in production; None where none stands but the candidate, which leaves the rules unapplied.
        golden: The golden set, where the recipe names one.

    Returns:
        The verdict's lines; and the version in production, where it was asked.
    """
    asked = [(RATIO, cost, limit) for cost, limit in gate.ratios.limits.items()]
    asked += [(GOLDEN, LOST, 0.0)] if golden is not None else []
    if champion is None or not asked:
        return [measures.not_judged(*each, "no other version stands in production") for each in asked], None
    try:
        version, folder, _ = opened(champion)
        reigning = Bundle.open(folder / BUNDLE)
    except (InputError, IntegrityError) as error:
        return [_incomparable(rule, f"{champion.uri}: {error}") for rule, *_ in asked], None
    rules = _ratio_rules(gate.ratios, candidate, folder / BUNDLE)
    if golden is not None:
        rules.append(_golden_rule(golden, Bundle.open(candidate), reigning, version.label))
    return rules, version


def _incomparable(rule: str, note: str) -> measures.Rule:
    return measures.Rule(rule, INCOMPARABLE, 0.0, 1.0, False, note)


def _ratio_rules(ratios: Ratios, candidate: Path, champion: Path) -> list[measures.Rule]:
    """What the candidate costs to serve, in units of the champion; measured here and now, not taken from another day."""
    ours, theirs = ((folder / _MODEL).read_bytes() for folder in (candidate, champion))
    rules = []
    if ratios.latency is not None:
        # Each takes a row of its own shape: the two may read other columns. What a network takes does not rest on the values.
        rows = [np.zeros((1, *output_shape(Bundle.open(folder).preprocessing)), np.float32) for folder in (candidate, champion)]
        mine, its = minima_ms([ours, theirs], rows, _TURNS)
        rules.append(measures.below(RATIO, "latency", mine / its, ratios.latency, f"{mine:.4g} ms to {its:.4g} ms"))
    if ratios.size_bytes is not None:
        note = f"{len(ours):,} bytes to {len(theirs):,}"
        rules.append(measures.below(RATIO, "size_bytes", len(ours) / len(theirs), ratios.size_bytes, note))
    return rules


def _golden_rule(golden: Golden, candidate: Bundle, champion: Bundle, label: str) -> measures.Rule:
    """How many golden rows the champion gets right and the candidate does not, and the first of them."""
    try:
        right = _right(golden, champion)
    except InputError as error:
        return _incomparable(GOLDEN, f"{label} can't predict {golden.name}: {error}")
    lost = measures.lost_rows(_right(golden, candidate), right)
    note = f"{label} gets {int(right.sum())} of {counted(len(right), 'row')} right"
    if len(lost):
        first = listed(golden.table.row[lost].tolist())
        note += f"; lost: rows {first} of {golden.name}, counted from 0"
    return measures.below(GOLDEN, LOST, float(len(lost)), 0.0, note)


def _right(golden: Golden, bundle: Bundle) -> np.ndarray:
    """By name: the champion may know other classes, in another order."""
    answers = bundle.predict(golden.raw_for(bundle.preprocessing)).argmax(axis=1)
    return np.asarray(np.array(bundle.labels, dtype=object)[answers] == golden.labels)
