"""Distillation: what the student learns, from whom, and what it keeps; checked on scikit-learn's digits."""

import numpy as np
import pytest

from tasks.methods.backend import keras
from tasks.methods.distillation.agreement import hard_agreement, soft_agreement
from tasks.methods.distillation.distil import DistilSettings, distil
from tasks.methods.distillation.objectives import objectives
from tasks.methods.distillation.teachers import Taught, Teachers
from tasks.methods.fusion.combiners import LinearPool
from tasks.methods.metrics.log_loss import row_losses
from tasks.methods.networks.architectures import build
from tasks.methods.networks.fit import FitSettings, fit, predict
from tasks.methods.networks.fuse import fuse_models
from tasks.methods.networks.graph import features
from tasks.methods.pruning.masks import Masks

QUICK = FitSettings(epochs=2, learning_rate=5e-3)


@pytest.fixture(scope="module")
def teacher(digits):
    model = build("mlp", (8, 8, 1), 10, [64], [], 0.1, seed=9)
    fit(model, *digits, FitSettings(epochs=15, learning_rate=5e-3))
    return model


def mlp(seed=0, dropout=0.0):
    return build("mlp", (8, 8, 1), 10, [12], [], dropout, seed)


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


def test_one_step_of_sgd_is_the_one_worked_by_hand():
    model = build("mlp", (2,), 2, [], [], 0.0, seed=0)
    kernel = np.array([[0.5, -0.5], [0.25, 0.0]], np.float32)
    model.set_weights([kernel, np.zeros(2, np.float32)])
    x, y = np.array([[1.0, 2.0]], np.float32), np.array([0])
    taught = np.array([[0.1, 0.9]])

    def softened(logits, temperature):
        powers = np.exp(logits / temperature)
        return powers / powers.sum()

    # d/dz of T^2 KL(t || s) is T (s_T - t_T).
    from_teacher = 2.0 * (softened(x @ kernel, 2.0) - softened(np.log(taught), 2.0))
    from_label = softened(x @ kernel, 1.0) - np.array([[1.0, 0.0]])
    gradient = 0.75 * from_teacher + 0.25 * from_label

    settings = FitSettings(epochs=1, batch_size=1, optimizer="sgd", learning_rate=0.1)
    chosen = DistilSettings("soft", temperature=2.0, alpha=0.75)
    # Validated on the other label, which the teacher is for: the step is a better one, and so is kept.
    distil(model, Taught(taught), (x, y), (x, 1 - y), settings, chosen)

    np.testing.assert_allclose(model.get_weights()[0], kernel - 0.1 * x.T @ gradient, atol=1e-6)
    np.testing.assert_allclose(model.get_weights()[1], -0.1 * gradient[0], atol=1e-6)


def test_a_student_of_few_labels_agrees_more_with_its_teacher_than_one_taught_by_labels_alone(few, teacher):
    settings = FitSettings(epochs=30, learning_rate=5e-3, patience=30)
    student, control = mlp(), mlp()
    fit(control, *few, settings)
    history = distil(student, Teachers([teacher]), *few, settings, DistilSettings())
    x, y = few[1]
    word = predict(teacher, x)

    assert soft_agreement(word, predict(student, x)).mean() > soft_agreement(word, predict(control, x)).mean() + 0.02
    assert row_losses(predict(student, x), y).mean() < row_losses(predict(control, x), y).mean()
    assert row_losses(predict(student, x), y).mean() == pytest.approx(history.best_validation_loss, rel=1e-3)
    assert history.best_validation_loss == min(history.validation_loss)


def test_a_student_follows_its_teacher_and_not_the_labels_when_alpha_is_1(few, teacher):
    (x, y), validation = few
    wrong = (x, (y + 1) % 10)
    student = mlp()
    distil(student, Teachers([teacher]), wrong, validation, FitSettings(epochs=30, learning_rate=5e-3), DistilSettings(alpha=1))
    assert hard_agreement(predict(teacher, validation[0]), predict(student, validation[0])).mean() > 0.5


@pytest.mark.parametrize("objective", objectives.names())
def test_every_objective_gives_equal_weights_from_equal_seeds_and_keeps_zeros(few, teacher, objective):
    students = [mlp(dropout=0.2) for _ in range(2)]
    for student in students:
        kernel, bias = student.get_layer("dense_1").get_weights()
        student.get_layer("dense_1").set_weights([np.where(np.abs(kernel) < np.median(np.abs(kernel)), 0, kernel), bias])
    start, masks = students[0].get_weights(), Masks.of(students[0])
    for student in students:
        distil(student, Teachers([teacher]), *few, QUICK, DistilSettings(objective), masks=masks)

    assert equal(*students)
    assert not np.array_equal(start[0], students[0].get_weights()[0])
    assert (students[0].get_layer("dense_1").get_weights()[0][start[0] == 0] == 0).all()
    assert [weight.shape for weight in students[0].get_weights()] == [weight.shape for weight in start]


def test_words_given_as_arrays_teach_what_the_teachers_themselves_do(few, teacher):
    students = [mlp() for _ in range(2)]
    taught = Taught(predict(teacher, few[0][0]), features(teacher, few[0][0]))
    for student, teachers in zip(students, (Teachers([teacher]), taught), strict=True):
        distil(student, teachers, *few, QUICK, DistilSettings("hint"))
    assert equal(*students)


def test_teachers_see_the_rows_as_augmentation_changed_them(few, teacher, monkeypatch):
    (x, y), validation = few
    online, flipped, stale = mlp(), mlp(), mlp()
    monkeypatch.setattr("tasks.methods.networks.loop._CHUNK_BYTES", 64 * 4 * 32 * 2)  # two batches a graph call
    distil(online, Teachers([teacher]), *few, QUICK, DistilSettings(), augment=lambda rows, _: rows[:, ::-1])
    distil(flipped, Teachers([teacher]), (x[:, ::-1], y), validation, QUICK, DistilSettings())
    distil(stale, Taught(predict(teacher, x)), (x[:, ::-1], y), validation, QUICK, DistilSettings())

    def apart(one, other):
        return max(np.abs(a - b).max() for a, b in zip(one.get_weights(), other.get_weights(), strict=True))

    assert apart(online, flipped) < 1e-4  # the teacher was asked in batches of another size
    assert apart(online, stale) > 1e-2


def test_hint_leads_the_students_features_to_the_teachers(few, teacher):
    x = few[0][0]
    wanted = features(teacher, x)
    taught = Taught(np.full((100, 10), 0.1), wanted)  # classes tell nothing: what is learned comes from the features

    def unexplained(student):
        """What the best linear map leaves of the teacher's features, as a share of their variance."""
        mine = np.column_stack([features(student, x), np.ones(len(x))])
        left = wanted - mine @ np.linalg.lstsq(mine, wanted, rcond=None)[0]
        return float(left.var(axis=0).mean() / wanted.var(axis=0).mean())

    left = {}
    for objective in ("soft", "hint"):
        student = mlp()
        settings = FitSettings(epochs=40, learning_rate=1e-2, patience=40)
        distil(student, taught, *few, settings, DistilSettings(objective, alpha=0.9))
        left[objective] = unexplained(student)
    assert left["hint"] < 0.6 * left["soft"]


def test_hint_takes_students_with_maps_dropout_and_several_heads(few, teacher):
    cnn = build("cnn", (8, 8, 1), 10, [], [4], 0.3, seed=0)
    inputs = keras.Input((8, 8, 1))
    maps = keras.layers.Conv2D(10, 3, name="maps")(keras.layers.Conv2D(4, 3)(inputs))
    pooled = keras.Model(inputs, keras.layers.Softmax()(keras.layers.GlobalAveragePooling2D()(maps)))
    for student in (cnn, pooled, fuse_models([mlp(1), mlp(2)], LinearPool([1, 1]))):
        before = student.get_weights()
        distil(student, Teachers([teacher]), *few, FitSettings(epochs=1), DistilSettings("hint"))
        assert not any(np.array_equal(a, b) for a, b in zip(before, student.get_weights(), strict=True))


def test_teachers_average_by_weight_and_lay_features_side_by_side(few, teacher):
    x, other = few[0][0], mlp(5)
    taught = Teachers([teacher, other], [3, 1])(x, features=True)
    np.testing.assert_allclose(taught.probabilities, 0.75 * predict(teacher, x) + 0.25 * predict(other, x), atol=1e-6)
    np.testing.assert_array_equal(taught.features, np.hstack([features(teacher, x), features(other, x)]))
    np.testing.assert_allclose(
        Teachers([teacher, other])(x).probabilities, (predict(teacher, x) + predict(other, x)) / 2, atol=1e-6
    )


def test_rows_of_weight_0_teach_nothing(few, teacher):
    word = predict(teacher, few[0][0])
    counts = np.ones(100)
    counts[:30] = 0
    students = [mlp() for _ in range(2)]
    for student, shift in zip(students, (0, 1), strict=True):
        changed = np.concatenate([np.roll(word[:30], shift, axis=1), word[30:]])
        distil(student, Taught(changed), *few, QUICK, DistilSettings(), row_weights=counts)
    assert equal(*students)


def test_only_the_trainable_layers_change(few, teacher):
    student = mlp()
    before = student.get_weights()
    settings = FitSettings(epochs=1, learning_rate=5e-3, trainable="head")
    distil(student, Teachers([teacher]), *few, settings, DistilSettings())
    assert [np.array_equal(a, b) for a, b in zip(before, student.get_weights(), strict=True)] == [True, True, False, False]


@pytest.mark.parametrize(
    ("taught", "objective", "message"),
    [
        (Taught(np.full((99, 10), 0.1)), "soft", r"shape \(100, 10\).*Received: shape \(99, 10\)"),
        (Taught(np.full((100, 9), 0.1)), "soft", r"Received: shape \(100, 9\)"),
        (Taught(np.full((100, 10), -0.1)), "soft", "softmax of logits first.*100 of 100"),
        (Taught(np.full((100, 10), 0.1)), "hint", "Expected features.*Received: none"),
        (Taught(np.full((100, 10), 0.1), np.ones((100, 3))), "hint", "differ from row to row"),
        (Taught(np.full((100, 10), 0.1), np.ones((99, 3))), "hint", r"shape \(100, d\)"),
    ],
)
def test_distil_says_what_is_wrong_when_the_teachers_word_does_not_fit(few, taught, objective, message):
    with pytest.raises(ValueError, match=message):
        distil(mlp(), taught, *few, QUICK, DistilSettings(objective))


def test_distil_refuses_words_of_other_rows_the_student_itself_and_nested_students(few, teacher):
    student = mlp()
    with pytest.raises(ValueError, match="Expected networks where `augment`"):
        distil(student, Taught(predict(teacher, few[0][0])), *few, QUICK, DistilSettings(), augment=lambda rows, _: rows)
    with pytest.raises(ValueError, match="other than the student"):
        distil(student, Teachers([student]), *few, QUICK, DistilSettings())
    with pytest.raises(ValueError, match="to_functional"):
        distil(keras.Sequential([student]), Teachers([teacher]), *few, QUICK, DistilSettings("hint"))


@pytest.mark.parametrize("counts", [np.ones(99), np.full(100, -1.0), np.full(100, np.nan)])
def test_distil_refuses_row_weights_that_do_not_fit(few, teacher, counts):
    with pytest.raises(ValueError, match=r"Invalid `row_weights`\. Expected 100 finite numbers"):
        distil(mlp(), Teachers([teacher]), *few, QUICK, DistilSettings(), row_weights=counts)


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [0.0, 0.0], [np.nan, 1.0]])
def test_teachers_refuse_weights_that_do_not_fit(weights):
    with pytest.raises(ValueError, match=r"Invalid `weights`\. Expected 2 finite numbers"):
        Teachers([mlp(1), mlp(2)], weights)


def test_teachers_refuse_to_be_none_or_of_different_classes():
    for models in ([], [mlp(), build("mlp", (8, 8, 1), 9, [4], [], 0.0, seed=0)]):
        with pytest.raises(ValueError, match=r"Invalid `models`\. Expected at least one teacher"):
            Teachers(models)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"objective": "sotf"}, "Invalid `objective`.*Did you mean 'soft'"),
        ({"temperature": 0.0}, "Invalid `temperature`"),
        ({"temperature": float("inf")}, "Invalid `temperature`"),
        ({"alpha": 50}, "Invalid `alpha`. Expected a fraction"),
        ({"alpha": float("nan")}, "Invalid `alpha`"),
    ],
)
def test_settings_refuse_what_cannot_be_learned(wrong, message):
    with pytest.raises(ValueError, match=message):
        DistilSettings(**wrong)
