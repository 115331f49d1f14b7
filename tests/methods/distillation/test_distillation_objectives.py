"""Hand-worked losses, then what holds for every objective."""

import numpy as np
import pytest

from tasks.methods.backend import tf
from tasks.methods.distillation.objectives import Batch, objectives
from tasks.methods.distillation.objectives.base import log_softened


def batch(student, teacher, labels, temperature=1.0, alpha=1.0, student_features=None, teacher_features=None):
    arrays = [np.asarray(rows, np.float32) for rows in (student, teacher)]
    features = [None if rows is None else tf.constant(rows, tf.float32) for rows in (student_features, teacher_features)]
    return Batch(tf.constant(labels, tf.int64), *map(tf.constant, arrays), temperature, alpha, *features)


def loss(name, *args, **kwargs):
    return objectives.get(name)(batch(*args, **kwargs)).numpy()


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def rows(n=12, k=4, seed=0):
    """A student, a teacher, labels, and their features."""
    rng = np.random.default_rng(seed)
    student, teacher = softmax(rng.normal(size=(2, n, k)))
    return student, teacher, rng.integers(0, k, n), rng.normal(size=(n, 3)), rng.normal(size=(n, 3))


def test_log_softened_divides_the_logits_by_the_temperature():
    logits = np.random.default_rng(0).normal(0, 3, (5, 4))
    softened = np.exp(log_softened(softmax(logits).astype(np.float32), 2.5).numpy())
    np.testing.assert_allclose(softened, softmax(logits / 2.5), rtol=1e-4)


def test_soft_matches_the_hand_worked_divergence_at_temperature_2():
    # Halved logits are square roots: student 0.64 : 0.36 becomes 4/7 : 3/7, teacher 0.9 : 0.1 becomes 3/4 : 1/4.
    divergence = 0.75 * np.log((3 / 4) / (4 / 7)) + 0.25 * np.log((1 / 4) / (3 / 7))
    expected = 0.3 * 2**2 * divergence + 0.7 * -np.log(0.36)
    np.testing.assert_allclose(loss("soft", [[0.64, 0.36]], [[0.9, 0.1]], [1], 2.0, 0.3), [expected], rtol=1e-5)


def test_soft_gradient_keeps_its_size_at_high_temperature():
    # Hinton et al., equation 4: T^2 times the gradient tends to (z_s - z_t) / k for logits of mean 0.
    student, teacher = np.array([[1.0, -1.0, 0.0]], np.float32), np.array([[-2.0, 1.0, 1.0]], np.float32)
    logits = tf.Variable(student)
    with tf.GradientTape() as tape:
        taught = objectives.get("soft")(Batch(tf.constant([0]), tf.nn.softmax(logits), tf.nn.softmax(teacher), 300.0, 1.0))
    np.testing.assert_allclose(tape.gradient(taught, logits), (student - teacher) / 3, atol=0.02)


@pytest.mark.parametrize("temperature", [1.0, 4.0, 20.0])
def test_soft_is_finite_when_probabilities_are_exactly_zero(temperature):
    logits = tf.Variable([[200.0, 0.0, 0.0]])  # float32 gives exact zeros
    with tf.GradientTape() as tape:
        probabilities = tf.nn.softmax(logits)
        taught = objectives.get("soft")(
            Batch(tf.constant([1]), probabilities, tf.constant([[0.0, 1.0, 0.0]]), temperature, 1.0)
        )
    assert probabilities.numpy()[0, 1] == 0
    assert np.isfinite(taught.numpy()).all()
    assert taught.numpy()[0] > 10
    assert np.isfinite(tape.gradient(taught, logits).numpy()).all()


def test_hard_matches_the_hand_worked_mix_of_two_labels():
    expected = 0.25 * -np.log(0.2) + 0.75 * -np.log(0.5)
    np.testing.assert_allclose(loss("hard", [[0.5, 0.2, 0.3]], [[0.3, 0.4, 0.3]], [0], alpha=0.25), [expected], rtol=1e-5)


def test_hint_matches_the_hand_worked_distance_beside_the_soft_loss():
    # Features differ by 1 and 3: (1 + 9) / 2 = 5; the divergence is that of `soft` above.
    divergence = 0.75 * np.log((3 / 4) / (4 / 7)) + 0.25 * np.log((1 / 4) / (3 / 7))
    expected = 0.3 * (5 + 2**2 * divergence) + 0.7 * -np.log(0.36)
    found = loss("hint", [[0.64, 0.36]], [[0.9, 0.1]], [1], 2.0, 0.3, [[1.0, 2.0]], [[2.0, 5.0]])
    np.testing.assert_allclose(found, [expected], rtol=1e-5)


@pytest.mark.parametrize("name", objectives.names())
def test_every_objective_is_cross_entropy_when_alpha_is_0(name):
    student, teacher, labels, *features = rows()
    found = loss(name, student, teacher, labels, 3.0, 0.0, *features)
    np.testing.assert_allclose(found, -np.log(student[np.arange(12), labels]), rtol=1e-4)


@pytest.mark.parametrize("name", objectives.names())
@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_every_objective_falls_when_the_student_comes_nearer_to_the_teacher(name, temperature):
    student, teacher, labels, mine, theirs = rows()
    teacher = np.eye(4)[teacher.argmax(axis=1)] * 0.9 + 0.025  # sure, so that its likeliest class tells the way, too
    far, near = (
        loss(name, share * teacher + (1 - share) * student, teacher, labels, temperature, 1.0, (1 - share) * mine, 0 * theirs)
        for share in (0.0, 0.7)
    )
    assert far.shape == (12,)
    assert (far >= 0).all()
    assert (near < far).all()


@pytest.mark.parametrize("name", objectives.names())
def test_every_objective_mixes_teacher_and_labels_by_alpha(name):
    student, teacher, labels, *features = rows()
    ends = [loss(name, student, teacher, labels, 2.0, alpha, *features) for alpha in (0.0, 0.3, 1.0)]
    np.testing.assert_allclose(ends[1], 0.7 * ends[0] + 0.3 * ends[2], rtol=1e-4)


def test_every_objective_names_its_source():
    assert all(objectives.references[name] for name in objectives)
    assert {name for name in objectives if objectives.get(name).needs_features} == {"hint"}
