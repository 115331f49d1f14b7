import numpy as np
import pytest

from tasks.methods.drift import picture_features, report


def test_picture_features_match_hand_worked_numbers():
    picture = np.array([[0, 0, 0, 8], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 8]], np.uint8)
    found = {name: float(value[0]) for name, value in picture_features(picture[None]).items()}
    assert found["mean"] == 1.0
    assert found["std"] == pytest.approx(np.sqrt(7))
    assert (found["min"], found["max"]) == (0.0, 8.0)
    assert found["centre_row"] == 0.5
    assert found["centre_column"] == 1.0
    assert found["edges_vertical"] == pytest.approx(16 / 12)
    assert found["edges_horizontal"] == pytest.approx(16 / 12)
    assert (found["top_left"], found["top_right"]) == (0.0, 2.0)
    assert (found["bottom_left"], found["bottom_right"]) == (0.0, 2.0)
    assert "channel_0" not in found


def test_picture_features_tell_the_channels_apart_when_there_are_several():
    x = np.zeros((2, 3, 3, 3))
    x[1, :, :, 2] = 0.6
    found = picture_features(x)
    np.testing.assert_allclose(found["channel_2"], [0, 0.6])
    np.testing.assert_allclose(found["channel_0"], [0, 0])
    np.testing.assert_allclose(found["mean"], [0, 0.2])


def test_picture_features_are_finite_when_a_picture_is_flat_or_one_pixel():
    for x in (np.full((2, 4, 4, 1), 7.0), np.ones((2, 1, 1, 1)), np.ones((2, 1, 5, 1))):
        found = picture_features(x)
        assert all(np.isfinite(values).all() for values in found.values())
        np.testing.assert_array_equal(found["centre_row"], [0.5, 0.5])


def test_picture_features_do_not_overflow_bytes():
    assert picture_features(np.full((1, 2, 2, 3), 255, np.uint8))["mean"][0] == 255.0


def test_picture_features_are_the_same_in_small_steps(monkeypatch):
    x = np.random.default_rng(0).integers(0, 255, (7, 5, 4, 3), dtype=np.uint8)
    whole = picture_features(x)
    monkeypatch.setattr("tasks.methods.drift.pictures._VALUES", 2 * 5 * 4 * 3)
    for name, values in picture_features(x).items():
        np.testing.assert_array_equal(values, whole[name])


def test_picture_features_of_no_pictures_are_empty():
    found = picture_features(np.zeros((0, 8, 8, 1)))
    assert {values.shape for values in found.values()} == {(0,)}


@pytest.mark.parametrize("shape", [(4,), (4, 4), (2, 0, 4, 1), (1, 2, 3, 4, 5)])
def test_picture_features_say_what_is_wrong_with_the_shape(shape):
    with pytest.raises(ValueError, match="Expected pictures of shape"):
        picture_features(np.zeros(shape))


@pytest.mark.parametrize(
    "change",
    [
        lambda x, rng: x * 0.6,
        lambda x, rng: x + rng.normal(0, 0.3, x.shape),
        lambda x, rng: np.roll(x, 2, axis=2),
    ],
    ids=["darker", "noise", "shifted"],
)
def test_picture_features_let_a_report_see_what_happened_to_the_camera(change):
    rng = np.random.default_rng(0)

    def pictures(n: int) -> np.ndarray:
        x = rng.random((n, 8, 8, 1)) * 0.2
        x[:, 2:6, 2:6] += rng.random((n, 1, 1, 1))
        return x

    reference = picture_features(pictures(200))
    kinds = dict.fromkeys(reference, "numeric")
    assert report(reference, picture_features(change(pictures(80), rng)), kinds).drifted
    assert not report(reference, picture_features(pictures(80)), kinds).drifted
