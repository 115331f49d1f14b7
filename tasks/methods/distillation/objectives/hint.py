"""Hints: the student's features are led to the teachers', through a linear map that is thrown away (Romero et al., 2015)."""

from typing import Any

from tasks.methods.distillation.objectives.base import Batch, cross_entropy, objective, objectives
from tasks.methods.distillation.objectives.soft import divergence


@objectives.register("hint", reference="FitNets, Romero et al., 2015, arXiv:1412.6550, sections 2.1 and 2.2")
@objective(needs_features=True)
def hint(batch: Batch) -> Any:
    """alpha (mean_j (u_j - r_j)^2 + T^2 KL(teacher_T || student_T)) + (1 - alpha) CE(label, student).

    u are the teachers' features and r the student's after the linear map. FitNets trains on the first term, then on the
    others; here they are one loss, so that one budget of epochs compares with the other objectives'. The distance is in
    units of the variance of u, so it is 1 for a student that knows no more than the mean, whatever the teachers' scale.

    Args:
        batch: One step's rows, features included.

    Returns:
        Each row's loss, float32 [b]; the first term is unitless, the others are nats.
    """
    from tasks.methods.backend import tf

    distance = tf.reduce_mean(tf.math.squared_difference(batch.teacher_features, batch.student_features), axis=-1)
    taught = distance + divergence(batch.teacher, batch.student, batch.temperature)
    return batch.alpha * taught + (1 - batch.alpha) * cross_entropy(batch.labels, batch.student)
