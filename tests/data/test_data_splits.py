import numpy as np
import pytest

from model_registry.errors import InputError
from tasks.data.marks import NEW, parsed
from tasks.data.splits import assign, check_splits
from tasks.recipe.data_schema import Split


def split_of(labels, strategy="stratified", *, marks=None, held=None, hashes=None, seed=0, **options):
    labels = np.array(labels, dtype=object)
    config = Split.model_validate({"strategy": strategy, "column": None if marks is None else "mark", **options})
    return assign(
        np.full(len(labels), NEW, dtype=np.int8) if held is None else np.array(held, dtype=np.int8),
        labels,
        np.arange(len(labels), dtype=np.uint64) if hashes is None else np.array(hashes, dtype=np.uint64),
        None if marks is None else np.asarray(marks),
        config,
        seed,
    )


def test_stratified_gives_each_class_its_share():
    labels = ["a"] * 100 + ["b"] * 10 + ["c"] * 3
    codes, _ = split_of(labels)
    for name, counts in {"a": [60, 20, 20], "b": [6, 2, 2], "c": [1, 1, 1]}.items():
        assert np.bincount(codes[np.array(labels) == name], minlength=3).tolist() == counts


def test_random_gives_the_rows_their_shares():
    codes, _ = split_of(["a", "b"] * 50, "random", validation=0.1, test=0.3)
    assert np.bincount(codes).tolist() == [60, 10, 30]


@pytest.mark.parametrize("strategy", ["stratified", "random"])
def test_assign_depends_on_the_seed_alone(strategy):
    labels = ["a", "b"] * 50
    np.testing.assert_array_equal(split_of(labels, strategy, seed=1)[0], split_of(labels, strategy, seed=1)[0])
    assert (split_of(labels, strategy, seed=1)[0] != split_of(labels, strategy, seed=2)[0]).any()


@pytest.mark.parametrize("strategy", ["stratified", "random"])
def test_assign_sends_equal_rows_the_same_way(strategy):
    hashes = np.repeat(np.arange(40), 3)
    codes, _ = split_of(["a"] * 120, strategy, hashes=hashes)
    assert all(len(set(codes[hashes == one])) == 1 for one in range(40))


@pytest.mark.parametrize("strategy", ["stratified", "random", "group", "time", "predefined"])
def test_assign_keeps_what_an_ancestor_held(strategy):
    rng = np.random.default_rng(0)
    held = rng.choice([NEW, 0, 1, 2], 200)
    marks = {"group": rng.integers(0, 40, 200).astype(str), "time": np.arange(200.0), "predefined": rng.integers(0, 3, 200)}
    codes, _ = split_of(rng.choice(["a", "b"], 200), strategy, marks=marks.get(strategy), held=held)
    np.testing.assert_array_equal(codes[held != NEW], held[held != NEW])
    assert set(codes) == {0, 1, 2}


def test_stratified_counts_held_rows_of_a_class():
    codes, _ = split_of(["a"] * 3 + ["b"] * 9, held=[1, 2, NEW] + [NEW] * 9)
    assert codes[2] == 0


def test_group_never_straddles_and_meets_the_shares():
    groups = np.repeat(np.arange(30), np.random.default_rng(0).integers(1, 12, 30)).astype(str)
    codes, notes = split_of(["a"] * len(groups), "group", marks=groups)
    assert all(len(set(codes[groups == group])) == 1 for group in set(groups))
    np.testing.assert_allclose(np.bincount(codes) / len(codes), [0.6, 0.2, 0.2], atol=0.05)
    assert notes == []


def test_group_fills_every_split_from_three_groups():
    codes, _ = split_of(["a"] * 12, "group", marks=np.repeat(["x", "y", "z"], 4))
    assert np.bincount(codes).tolist() == [4, 4, 4]


def test_group_joins_new_rows_to_where_an_ancestor_had_their_group():
    groups = np.array(["x", "x", "y", "y", "y", "z", "w", "v"])
    codes, notes = split_of(["a"] * 8, "group", marks=groups, held=[2, NEW, 0, 2, NEW, NEW, NEW, NEW])
    assert codes[:5].tolist() == [2, 2, 0, 2, 0]
    assert "1 group in several splits" in notes[0]


def test_time_puts_the_latest_rows_in_the_test_and_ties_together():
    times = np.random.default_rng(0).permutation(np.repeat(np.arange(50.0), 4))
    codes, _ = split_of(["a"] * 200, "time", marks=times)
    assert times[codes == 0].max() < times[codes == 1].min()
    assert times[codes == 1].max() < times[codes == 2].min()
    assert np.bincount(codes).tolist() == [120, 40, 40]


def test_predefined_takes_the_source_split_and_cuts_validation_where_there_is_none():
    given = np.array([0, 1, 2, 0])
    assert split_of(["a"] * 4, "predefined", marks=given)[0].tolist() == [0, 1, 2, 0]
    marks = np.array([0] * 20 + [2] * 10)
    codes, notes = split_of(["a", "b"] * 15, "predefined", marks=marks)
    assert np.bincount(codes).tolist() == [16, 4, 10]
    assert (codes[20:] == 2).all()
    assert "no validation rows; 20% of its training rows" in notes[0]


def test_predefined_splits_appended_rows_without_a_split_by_class():
    codes, notes = split_of(["a"] * 20, "predefined", marks=np.array([0, 1, 2, 0, 0, 0, 0, 0, 0, 0] + [NEW] * 10))
    assert codes[:3].tolist() == [0, 1, 2]
    assert np.bincount(codes[10:]).tolist() == [6, 2, 2]
    assert "10 appended rows" in notes[0]


def test_predefined_without_a_split_is_refused():
    with pytest.raises(InputError, match="the source has no split of its own"):
        split_of(["a"] * 4, "predefined")


def test_check_splits_names_the_split_and_the_class():
    labels = np.array(["a", "a", "a", "b", "b"], dtype=object)
    with pytest.raises(InputError, match="class 'b' has no row in the test split, of 2 rows"):
        check_splits(np.array([0, 1, 2, 0, 1]), labels, ["a", "b"], Split())
    with pytest.raises(InputError, match=r"rows in the validation split, of each of the classes \['a', 'b'\]. Received: none"):
        check_splits(np.array([0, 0, 2, 0, 2]), labels, ["a", "b"], Split())
    random = Split(strategy="random")
    with pytest.raises(InputError, match="class 'b' has no row in the train split"):
        check_splits(np.array([0, 1, 2, 1, 2]), labels, ["a", "b"], random)
    assert check_splits(np.array([0, 1, 2, 0, 1]), labels, ["a", "b"], random) == [
        "split: class 'b' has no row in the test split, of 2 rows"
    ]


def test_stratified_leaves_a_class_of_two_rows_for_check_splits_to_report():
    codes, _ = split_of(["a"] * 10 + ["b"] * 2)
    assert sorted(codes[10:].tolist()) == [0, 1]


def test_parsed_reads_groups_times_and_splits():
    groups, broken = parsed(np.array([1, 1.0, "x", None], dtype=object), "group")
    assert groups.tolist() == ["1", "1", "x", None]
    assert broken.tolist() == [False, False, False, True]
    times, broken = parsed(np.array([3, "4.5", None, np.inf], dtype=object), "time")
    np.testing.assert_array_equal(times, [3, 4.5, np.nan, np.nan])
    splits, broken = parsed(np.array(["train", " Val", "TEST", "holdout", None], dtype=object), "predefined")
    assert splits.tolist() == [0, 1, 2, NEW, NEW]
    assert broken.tolist() == [False, False, False, True, True]


def test_parsed_reads_time_stamps_of_several_forms():
    times, broken = parsed(np.array(["2024-01-02", "2024-01-01T12:00:00+02:00", "soon", None], dtype=object), "time")
    assert times[0] - times[1] == 14 * 3600
    assert broken.tolist() == [False, False, True, True]


@pytest.mark.parametrize(
    ("strategy", "expected"), [("time", "a number or a time stamp"), ("predefined", "train, validation or test")]
)
def test_parsed_refuses_a_column_of_something_else(strategy, expected):
    with pytest.raises(InputError, match=f"expected {expected} in its cells. Received: 'red'"):
        parsed(np.array(["red", "blue"], dtype=object), strategy)
