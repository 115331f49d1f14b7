"""L2-SP: the weights may move, at a price that grows with the way from where they started (Li et al., 2018)."""

from tasks.methods.transfer.objectives.base import Prepared, Source, Start, objective, objectives


@objectives.register("l2_sp", reference="Li et al., 2018, arXiv:1802.01483, equation 3")
@objective(strength=0.01)
def l2_sp(start: Start, source: Source) -> Prepared:
    """CE + alpha/2 ||w_S - w_S^0||^2 + beta/2 ||w_head||^2.

    w_S are the weights that come from the ancestor, w_S^0 their values before training; a head that is kept is among them.
    alpha is the strength, beta a tenth of it.

    Args:
        start: The heir.
        source: Not read: the heir's weights are the ancestor's still.

    Returns:
        The heir, with the recipe's stages and the penalty.
    """
    from tasks.methods.transfer.lesson import TransferLesson
    from tasks.methods.transfer.start_point import FromStart

    term = FromStart(start.model, start.head_kept)
    return Prepared(start.model, start.stages, TransferLesson(start.model, term, start.strength))
