"""What a retraining learns from, by policy."""

import pytest

from tasks.feedback_data import with_batches
from tasks.recipe.feedback_schema import Feedback

DATA = {"source": "a.csv", "append": ["1", "2"], "rows": {"start": 0.2, "end": 1.0, "seed": 3}}


@pytest.mark.parametrize(
    ("policy", "append", "rows"),
    [
        ({"data": "append"}, ["1", "2", "new"], DATA["rows"]),
        ({"data": "sliding", "windows": 2}, ["2", "new"], DATA["rows"]),
        ({"data": "sliding", "windows": 1}, ["new"], DATA["rows"]),
        ({"data": "weighted", "keep": 0.25}, ["1", "2", "new"], {"start": 0.2, "end": 0.4, "seed": 3}),
        ({"data": "weighted", "keep": 1e-6}, ["1", "2", "new"], {"start": 0.2, "end": 0.201, "seed": 3}),
    ],
)
def test_batch_is_added_by_policy(policy: dict[str, object], append: list[str], rows: dict[str, float]):
    found = with_batches(DATA, ["new"], Feedback.model_validate(policy))
    assert (found["append"], found["rows"], found["source"]) == (append, rows, "a.csv")
    assert DATA["append"] == ["1", "2"]


@pytest.mark.parametrize(
    ("policy", "append"),
    [
        ({"data": "append"}, ["1", "2", "3", "new"]),  # 1 is the user's own, 2 was looked at before
        ({"data": "sliding", "windows": 3}, ["2", "3", "new"]),
        ({"data": "weighted"}, ["1", "2", "3", "new"]),
    ],
)
def test_batches_that_were_looked_at_before_are_learned_from_in_their_order(policy: dict[str, object], append: list[str]):
    assert with_batches(DATA, ["2", "3", "new"], Feedback.model_validate(policy))["append"] == append
