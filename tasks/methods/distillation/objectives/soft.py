"""Soft labels: what the teachers think of the wrong classes, too (Hinton et al., 2015)."""

from typing import Any

from tasks.methods.distillation.objectives.base import Batch, cross_entropy, log_softened, objective, objectives


def divergence(teacher: Any, student: Any, temperature: float) -> Any:
    """T^2 KL(t || s) = T^2 sum_j t_j (log t_j - log s_j), with t and s softened by T.

    T^2 makes up for gradients that shrink with 1 / T^2, so that alpha means the same at every temperature.

    Args:
        teacher: Class probabilities, float32 [b, k].
        student: Likewise.
        temperature: T > 0.

    Returns:
        float32 [b], nats; 0 where they agree.
    """
    from tasks.methods.backend import tf

    log_t, log_s = log_softened(teacher, temperature), log_softened(student, temperature)
    return temperature**2 * tf.reduce_sum(tf.exp(log_t) * (log_t - log_s), axis=-1)


@objectives.register("soft", reference="Hinton et al., 2015, arXiv:1503.02531, section 2")
@objective()
def soft(batch: Batch) -> Any:
    """alpha T^2 KL(teacher_T || student_T) + (1 - alpha) CE(label, student).

    Args:
        batch: One step's rows.

    Returns:
        Each row's loss, float32 [b], nats.
    """
    taught = divergence(batch.teacher, batch.student, batch.temperature)
    return batch.alpha * taught + (1 - batch.alpha) * cross_entropy(batch.labels, batch.student)
