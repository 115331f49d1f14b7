import numpy as np

from tasks.data.rowhash import halves, label_hash, picture_hash, values_hash


def columns(**values):
    return {name: np.array(cells, dtype=object if isinstance(cells[0], str) else float) for name, cells in values.items()}


def test_values_hash_is_stored_with_data_sets_and_never_changes():
    hashes = values_hash(columns(a=[1.0, 2.0], b=["x", "y"]))
    assert hashes.tolist() == [2190811101974130601, 9582214508149445530]
    assert label_hash(["old"]).tolist() == [8630642901500979812]
    assert picture_hash(np.arange(4).reshape(2, 2, 1)) == 4750891682930599527


def test_values_hash_tells_values_columns_and_gaps_apart():
    frames = [columns(a=[1.0], b=["x"]), columns(a=[2.0], b=["x"]), columns(a=[1.0], b=["y"]), columns(b=[1.0], a=["x"])]
    frames += [columns(a=[np.nan], b=["x"]), {"a": np.array([1.0]), "b": np.array([None], dtype=object)}]
    assert len({int(values_hash(frame)[0]) for frame in frames}) == len(frames)


def test_values_hash_is_equal_for_any_order_of_columns_and_any_zero_or_nan():
    one = values_hash(columns(a=[0.0, np.nan], b=["x", "y"]))
    other = values_hash({"b": np.array(["x", "y"], dtype=object), "a": np.array([-0.0, -np.nan])})
    np.testing.assert_array_equal(one, other)


def test_values_hash_is_equal_for_numbers_rounded_to_float32_when_asked():
    exact = np.array([0.1, 1_700_000_001.0, 3.0, np.nan])
    half = exact.astype(np.float32).astype(np.float64)
    np.testing.assert_array_equal(values_hash({"a": exact}, ["a"]), values_hash({"a": half}))
    np.testing.assert_array_equal(values_hash({"a": exact}) == values_hash({"a": half}), [False, False, True, True])
    huge = np.array([1e300, 1e301, np.inf])
    assert len(np.unique(values_hash({"a": huge}, ["a"]))) == 3
    text = {"a": np.array(["x", None], dtype=object)}
    np.testing.assert_array_equal(values_hash(text, ["a"]), values_hash(text))


def test_halves_are_the_columns_that_one_part_holds_as_float32():
    exact = np.array([0.1, 0.2, 0.3])
    half = np.array([0.1, *exact[1:].astype(np.float32)])
    frame = {"exact": exact, "half": half, "whole": np.arange(3.0), "text": np.array(["x"] * 3, dtype=object)}
    assert halves(frame, np.array([0, 1, 1])) == ["half", "whole"]
    assert halves(frame, np.zeros(3, dtype=np.int64)) == ["whole"]


def test_values_hash_has_no_collision_in_a_large_table():
    rng = np.random.default_rng(0)
    frame = {"a": rng.integers(0, 1000, 100_000).astype(float), "b": np.arange(100_000).astype(float)}
    assert len(np.unique(values_hash(frame))) == 100_000


def test_picture_hash_is_equal_for_bytes_and_floats_and_tells_shapes_apart():
    pixels = np.arange(6, dtype=np.uint8)
    assert picture_hash(pixels.reshape(2, 3, 1)) == picture_hash(pixels.reshape(2, 3, 1).astype(np.float64))
    assert picture_hash(pixels.reshape(2, 3, 1)) != picture_hash(pixels.reshape(3, 2, 1))
