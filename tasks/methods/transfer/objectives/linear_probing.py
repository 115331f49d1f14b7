"""Linear probing: the ancestor's features as they are, under the best linear head (Kumar et al., 2022)."""

from tasks.methods.transfer.objectives.base import Prepared, Source, Start, objective, objectives


@objectives.register("linear_probing", reference="Kumar et al., 2022, arXiv:2202.10054, section 2")
@objective()
def linear_probing(start: Start, source: Source) -> Prepared:
    """min_v CE(softmax(v^T features)) + l2/2 ||v||^2 over the head v alone, solved to its optimum.

    Args:
        start: The heir; its head is solved for in place, or made anew where it is not one Dense layer.
        source: Not read.

    Returns:
        The heir as it stays: there is no stage left.
    """
    from tasks.methods.transfer.probe import probed

    return Prepared(probed(start.model, start.train, start.validation, start.seed), ())
