"""The control: same start, same budget, no teacher; the better of the two stays."""

import numpy as np
import pytest

from tasks.methods.backend import keras
from tasks.methods.distillation.control import distil_with_control
from tasks.methods.distillation.distil import DistilSettings, distil
from tasks.methods.distillation.teachers import Teachers
from tasks.methods.networks.architectures import build
from tasks.methods.networks.fit import FitSettings, fit, predict
from tasks.methods.pruning.masks import Masks

SETTINGS = FitSettings(epochs=12, learning_rate=5e-3, patience=12)


def taught(rows, validation):
    model = build("mlp", (8, 8, 1), 10, [64], [], 0.0, seed=9)
    fit(model, rows, validation, FitSettings(epochs=12, learning_rate=5e-3))
    return model


@pytest.fixture(scope="module")
def good(digits):
    return taught(*digits)


@pytest.fixture(scope="module")
def misleading(digits):
    """A teacher that is sure of the wrong digit."""
    (x, y), (known_x, known_y) = digits
    return taught((x, (y + 1) % 10), (known_x, (known_y + 1) % 10))


def mlp():
    """A student with dropout and zeros to keep."""
    model = build("mlp", (8, 8, 1), 10, [12], [], 0.1, seed=0)
    layer = model.get_layer("dense_1")
    kernel, bias = layer.get_weights()
    layer.set_weights([np.where(np.abs(kernel) < 0.1, 0, kernel), bias])
    return model


def equal(one: keras.Model, other: keras.Model):
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


def test_a_good_teachers_student_is_kept_and_both_are_what_they_are_alone(few, good):
    student, alone, control = mlp(), mlp(), mlp()
    masks, epochs = Masks.of(student), []
    contest = distil_with_control(
        student,
        Teachers([good]),
        *few,
        SETTINGS,
        DistilSettings(),
        masks=masks,
        on_epoch=lambda name, epoch, log: epochs.append((name, epoch, log["validation_loss"])),
    )
    distilled = distil(alone, Teachers([good]), *few, SETTINGS, DistilSettings(), masks=masks)
    plain = fit(control, *few, SETTINGS, masks=masks)

    assert contest.kept == "distilled"
    assert equal(student, alone)
    assert (contest.distilled.history, contest.control.history) == (distilled, plain)
    assert contest.distilled.validation_loss < contest.control.validation_loss
    assert contest.distilled.soft_agreement > contest.control.soft_agreement
    assert (student.get_layer("dense_1").get_weights()[0][~masks.keep["dense_1"]] == 0).all()
    expected = [("control", number, loss) for number, loss in enumerate(plain.validation_loss, 1)]
    expected += [("distilled", number, loss) for number, loss in enumerate(distilled.validation_loss, 1)]
    assert epochs == expected


def test_a_misleading_teachers_student_is_dropped_for_the_control(few, misleading):
    student, control = mlp(), mlp()
    contest = distil_with_control(student, Teachers([misleading]), *few, SETTINGS, DistilSettings(alpha=0.9))
    fit(control, *few, SETTINGS)
    x, y = few[1]

    assert contest.kept == "control"
    assert equal(student, control)
    assert contest.control.validation_accuracy == pytest.approx((predict(control, x).argmax(axis=1) == y).mean())
    word, own = predict(misleading, x), predict(control, x)
    assert contest.control.hard_agreement == pytest.approx((word.argmax(axis=1) == own.argmax(axis=1)).mean())
    assert contest.control.soft_agreement == pytest.approx((word * own).sum(axis=1).mean(), rel=1e-4)


def test_the_control_is_kept_when_the_teacher_changes_nothing(few, good):
    contest = distil_with_control(mlp(), Teachers([good]), *few, FitSettings(epochs=1), DistilSettings("hard", alpha=0.0))
    assert contest.distilled == contest.control
    assert contest.kept == "control"
