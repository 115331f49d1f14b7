"""What a step did to the served network: drops, intervals and bytes, by hand and off real flatbuffers."""

import numpy as np
import pytest

from tasks.methods.backend import keras
from tasks.methods.coding.flatbuffer import pack
from tasks.methods.networks.architectures import build
from tasks.methods.planning.served import Change, Served, accuracy_interval, first_served
from tasks.methods.quantization.convert import convert

ROWS = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)
LABELS = (ROWS[:, 0] > 0).astype(np.int64)


def served(right):
    return Served(b"", np.empty(0), np.array(right, bool))


def test_a_drop_is_told_with_its_paired_interval():
    before = served([True] * 90 + [False] * 10)
    after = served([False] * 8 + [True] * 82 + [True] * 3 + [False] * 7)  # 8 rows lost, 3 gained
    change = Change(before, after, seed=1)
    draws = np.random.default_rng(0).multinomial(100, [0.08, 0.03, 0.89], 20_000)

    assert change.drop == pytest.approx(0.05)
    np.testing.assert_allclose(change.drop_interval, np.quantile((draws[:, 0] - draws[:, 1]) / 100, [0.025, 0.975]), atol=0.011)
    assert str(change).startswith("validation accuracy from 0.9000 to 0.8500 (drop 0.0500, 95 % interval ")


def test_the_interval_of_equal_answers_is_a_point_however_few_rows_are_right():
    some = served([True, False] * 20)
    assert Change(some, some).drop_interval == (0, 0)
    assert Change(some, some).drop == 0


def test_a_drop_of_exactly_what_is_allowed_is_allowed():
    change = Change(served([True] * 9 + [False]), served([True] * 8 + [False] * 2))  # 0.9 - 0.8 is a little more than 0.1
    assert change.keeps_within(0.1)
    assert not change.keeps_within(0.09)
    assert Change(change.after, change.before).keeps_within(0.0)  # what was gained is no drop


def test_first_served_takes_the_first_mode_that_litert_has():
    inputs = keras.Input((6,))
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(inputs))
    assert first_served(model, ["int8", "float32"], ROWS, (ROWS, LABELS))[0] == "int8"
    mode, found = first_served(model, ["int8", "float32"], ROWS[:0], (ROWS, LABELS))  # no rows to calibrate on

    assert mode == "float32"
    assert found.right.shape == (60,)
    with pytest.raises(ValueError, match="at least one row of training data for mode 'int8'"):
        first_served(model, ["int8"], ROWS[:0], (ROWS, LABELS))


def test_facts_are_read_off_the_flatbuffers():
    model = build("mlp", (6,), 2, [32], [], 0.0, seed=0)
    flatbuffers = [convert(model, mode, ROWS) for mode in ("float32", "int8")]
    before, after = (Served.of(flatbuffer, (ROWS, LABELS)) for flatbuffer in flatbuffers)
    facts = Change(before, after).facts

    assert facts["validation_accuracy_before"] - facts["validation_accuracy"] == pytest.approx(facts["accuracy_drop"])
    for kind in ("", "_before"):
        low, high = (facts[f"validation_accuracy{kind}_{end}"] for end in ("low", "high"))
        assert low <= facts[f"validation_accuracy{kind}"] <= high
    assert facts["accuracy_drop_low"] <= facts["accuracy_drop"] <= facts["accuracy_drop_high"]
    assert (facts["size_bytes_before"], facts["size_bytes"]) == tuple(map(len, flatbuffers))
    assert (facts["packed_bytes_before"], facts["packed_bytes"]) == tuple(len(pack(each)) for each in flatbuffers)


def test_accuracy_interval_is_that_of_resampled_rows():
    right = np.random.default_rng(0).random(400) < 0.9
    accuracy = right.mean()
    draws = np.random.default_rng(1).choice(right, (4000, 400)).mean(axis=1)
    np.testing.assert_allclose(accuracy_interval(accuracy, 400), np.quantile(draws, [0.025, 0.975]), atol=0.005)
