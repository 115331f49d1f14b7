"""Networks for rows that hold a picture beside a table's columns."""

import numpy as np
import pytest

from tasks.methods.litert import LiteRunner
from tasks.methods.networks import store
from tasks.methods.networks.architectures import build
from tasks.methods.networks.predict import predict
from tasks.methods.networks.views import View, behind_view, side_by_side
from tasks.methods.quantization.convert import convert

ROWS = np.random.default_rng(0).uniform(0, 1, (6, 5 + 48)).astype(np.float32)
TABLE, PICTURE = View(53, 0, (5,)), View(53, 5, (4, 4, 3))


@pytest.mark.parametrize(
    ("view", "architecture", "part"),
    [(TABLE, "mlp", ROWS[:, :5]), (PICTURE, "cnn", ROWS[:, 5:].reshape(-1, 4, 4, 3)), (View(53, 2, (7,)), "mlp", ROWS[:, 2:9])],
)
def test_a_network_behind_a_view_reads_its_part(view, architecture, part, tmp_path):
    model = build(architecture, view.shape, 3, [6], [4], 0.1, seed=1)
    whole = behind_view(model, view)
    np.testing.assert_array_equal(predict(whole, ROWS), predict(model, part))
    store.save(whole, tmp_path / "whole.keras")  # as users get it: loaded in safe mode, and as a flatbuffer
    np.testing.assert_allclose(predict(store.load(tmp_path / "whole.keras"), ROWS), predict(model, part), atol=1e-6)
    np.testing.assert_allclose(LiteRunner(convert(whole, "float32")).run(ROWS), predict(model, part), atol=1e-5)
    np.testing.assert_array_equal(predict(behind_view(whole, View(53, 0, (53,))), ROWS), predict(model, part))


@pytest.mark.parametrize("view", [View(53, 0, (6,)), View(4, 0, (5,)), View(53, 49, (5,))])
def test_a_view_that_does_not_fit_is_refused(view):
    with pytest.raises(ValueError, match="Invalid `view`"):
        behind_view(build("mlp", (5,), 3, [6], [], 0.0, seed=1), view)


def test_both_parts_are_read_side_by_side():
    model = side_by_side(TABLE, PICTURE, 3, hidden=[6], filters=[4], dropout=0.2, seed=1)
    said = predict(model, ROWS)
    assert said.shape == (6, 3)
    assert model.layers[-1].name == "head"
    for places in (slice(0, 5), slice(5, 53)):
        other = ROWS.copy()
        other[:, places] = 1 - other[:, places]
        assert not np.allclose(predict(model, other), said)
    again = side_by_side(TABLE, PICTURE, 3, hidden=[6], filters=[4], dropout=0.2, seed=1)
    np.testing.assert_array_equal(predict(again, ROWS), said)


def test_rows_of_pictures_alone_are_read_by_one_branch():
    model = side_by_side(View(48, 0, (0,)), View(48, 0, (4, 4, 3)), 3, hidden=[6], filters=[4], dropout=0.0, seed=1)
    assert not any(layer.name.startswith("table_") for layer in model.layers)
    assert predict(model, ROWS[:, 5:]).shape == (6, 3)
