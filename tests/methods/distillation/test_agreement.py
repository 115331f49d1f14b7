"""Agreement ratios, worked by hand."""

import numpy as np
import pytest

from tasks.methods.distillation.agreement import agreement_weights, hard_agreement, soft_agreement

TEACHER = np.array([[0.5, 0.3, 0.2], [1.0, 0.0, 0.0], [0.1, 0.8, 0.1]])
STUDENT = np.array([[0.2, 0.5, 0.3], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


def test_soft_agreement_matches_the_hand_worked_ratios():
    # 0.5 * 0.2 + 0.3 * 0.5 + 0.2 * 0.3 = 0.31
    np.testing.assert_allclose(soft_agreement(TEACHER, STUDENT), [0.31, 1.0, 0.1])
    assert soft_agreement(TEACHER, STUDENT).mean() == pytest.approx(0.47)


def test_soft_agreement_divides_by_the_students_sum():
    np.testing.assert_allclose(soft_agreement(TEACHER, 3 * STUDENT), soft_agreement(TEACHER, STUDENT))


def test_soft_agreement_cannot_exceed_what_the_teacher_is_sure_of():
    np.testing.assert_allclose(soft_agreement(TEACHER, np.eye(3)[[0, 0, 1]]), TEACHER.max(axis=1))


def test_hard_agreement_is_the_soft_ratio_of_one_hot_words():
    one_hot = [np.eye(3)[rows.argmax(axis=1)] for rows in (TEACHER, STUDENT)]
    np.testing.assert_array_equal(hard_agreement(TEACHER, STUDENT), [0, 1, 0])
    np.testing.assert_array_equal(hard_agreement(TEACHER, STUDENT), soft_agreement(*one_hot))


def test_agreement_weights_keep_the_ratios_and_have_mean_1():
    weights = agreement_weights(np.array([0.1, 0.3, 0.2]))
    np.testing.assert_allclose(weights, [0.5, 1.5, 1.0], rtol=1e-6)
    assert weights.dtype == np.float32


@pytest.mark.parametrize("agreement", [soft_agreement, hard_agreement])
@pytest.mark.parametrize(
    ("teacher", "student", "message"),
    [
        (TEACHER, STUDENT[:2], r"shapes \(3, 3\) and \(2, 3\)"),
        (TEACHER[0], STUDENT[0], "of one shape"),
        (TEACHER[:0], STUDENT[:0], "n and k >= 1"),
        (TEACHER - 0.5, STUDENT, "Invalid `teacher`.*softmax of logits"),
        (TEACHER, STUDENT * [[1], [0], [1]], "Invalid `student`.*1 of 3 rows otherwise, the first is row 1"),
        (TEACHER, np.where(STUDENT == 1, np.nan, STUDENT), "Invalid `student`.*2 of 3"),
    ],
)
def test_agreement_says_what_is_wrong_when_arguments_do_not_fit(agreement, teacher, student, message):
    with pytest.raises(ValueError, match=message):
        agreement(teacher, student)


@pytest.mark.parametrize("ratios", [[0.0, 0.0], [-0.1, 0.5], [np.nan, 1.0], []])
def test_agreement_weights_refuse_what_weighs_nothing(ratios):
    with pytest.raises(ValueError, match="Invalid `agreement`"):
        agreement_weights(np.array(ratios))
