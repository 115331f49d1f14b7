"""The gate's rules on a version by itself: floors on slices of the test rows, and what noise costs it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from model_registry.errors import InputError
from tasks.bundle import Bundle
from tasks.data.card import DataCard
from tasks.data.columns import arrays_of
from tasks.data.dataset import DataSet, Split
from tasks.data.transform import feature_names, picture_column, picture_view
from tasks.data.values import as_number, as_text
from tasks.data.wording import listed, nearest
from tasks.methods import metrics as measures
from tasks.recipe.evaluate_schema import Robustness, Slices


def check_slices(slices: Slices, card: DataCard, preprocessing: Mapping[str, Any]) -> None:
    """Says before anything is trained that a column to slice by is none of the data set's.

    Raises:
        InputError: It is not among the features, or holds pictures.
    """
    pictures = picture_column(preprocessing)
    for column in slices.by:
        if card.modality == "image" or (pictures is not None and column == pictures[0]):
            raise InputError(
                f"evaluate.gate.slices.by: expected columns of numbers or text, not pictures. Received: {column!r}. "
                "`by_class` sets floors for each class."
            )
        if column not in card.features:
            raise InputError(
                f"evaluate.gate.slices.by: expected feature columns of {card.source}. Received: {column!r}."
                f"{nearest(column, card.features)} Features: {listed(card.features, 40)}."
            )


def slice_rules(slices: Slices, rows: DataSet, test: Split, probabilities: np.ndarray) -> list[measures.Rule]:
    """The verdict's lines on each class and each group.

    Args:
        slices: What is asked.
        rows: The data set; its training split says where numbers are cut.
        test: Its test split.
        probabilities: The candidate's on it, float [n, classes].
    """
    rules = measures.class_floors(probabilities, test.y, rows.card.classes, slices.by_class, slices.min_rows)
    if not slices.by:
        return rules
    training = rows.split("train").raw
    kinds = {column["name"]: column["kind"] for column in rows.preprocessing["columns"]}
    for column, floors in slices.by.items():
        values, known = (_cells(part, column, kinds[column]) for part in (test.raw, training))
        groups = measures.groups_of(column, values, known)
        rules += measures.group_floors(probabilities, test.y, groups, floors, slices.min_rows)
    return rules


def _cells(raw: pd.DataFrame | np.ndarray, column: str, kind: str) -> np.ndarray:
    """A column as numbers with NaN, or as text with None."""
    cells = arrays_of(pd.DataFrame(raw)[[column]])[column]
    return as_number(cells)[0] if kind == "numeric" else as_text(cells)


def robustness_rules(rule: Robustness | None, rows: DataSet, test: Split, served: Bundle, seed: int) -> list[measures.Rule]:
    """The verdict's line on noise.

    Args:
        rule: What is asked, if anything.
        rows: The data set; its training split says how far each number spreads.
        test: Its test split.
        served: The candidate, as it is served.
        seed: Of the noise.
    """
    if rule is None:
        return []
    name, metric = "robustness", f"accuracy_drop[noise {rule.noise:g}]"
    if rows.card.modality == "image":
        sigma = np.array(rule.noise)  # pictures are scaled to [0, 1]
    else:
        sigma = rule.noise * rows.split("train").x.std(axis=0) * _is_number(rows)
        if (view := picture_view(rows.preprocessing)) is not None:
            sigma[view[0] :] = rule.noise
        if not sigma.any():
            return [measures.not_judged(name, metric, rule.max_drop, "no feature is a number that varies")]
    drop = measures.drop_under_noise(served.predict_arrays, test.x, test.y, sigma, draws=rule.draws, seed=seed)
    return [measures.below(name, metric, drop, rule.max_drop, f"mean of {rule.draws} draws")]


def _is_number(rows: DataSet) -> np.ndarray:
    """Which places of the network's input are numbers, not categories: bool [features]."""
    numbers = {column["name"] for column in rows.preprocessing["columns"] if column["kind"] == "numeric"}
    return np.array([name in numbers for name in feature_names(rows.preprocessing)])
