"""Hard labels: the teachers' likeliest class stands beside the true one (Touvron et al., 2021)."""

from typing import Any

from tasks.methods.distillation.objectives.base import Batch, cross_entropy, objective, objectives


@objectives.register("hard", reference="Touvron et al., 2021, arXiv:2012.12877, equation 3")
@objective()
def hard(batch: Batch) -> Any:
    """alpha CE(argmax teacher, student) + (1 - alpha) CE(label, student); DeiT has alpha = 1/2.

    No temperature moves an argmax: it is not read. Of equal probabilities the first class counts.

    Args:
        batch: One step's rows.

    Returns:
        Each row's loss, float32 [b], nats.
    """
    from tasks.methods.backend import tf

    taught = cross_entropy(tf.argmax(batch.teacher, axis=-1), batch.student)
    return batch.alpha * taught + (1 - batch.alpha) * cross_entropy(batch.labels, batch.student)
