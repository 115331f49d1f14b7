"""L2-SP weighted by Fisher information: what the source's task rests on is held the most (EWC, Kirkpatrick et al., 2017)."""

from tasks.methods.transfer.objectives.base import Prepared, Source, Start, objective, objectives


@objectives.register(
    "l2_sp_fisher", reference="Li et al., 2018, arXiv:1802.01483, equation 4; Kirkpatrick et al., 2017, arXiv:1612.00796"
)
@objective(strength=0.01, rows="read")
def l2_sp_fisher(start: Start, source: Source) -> Prepared:
    """CE + alpha/2 sum_j F_jj (w_j - w_j^0)^2 + beta/2 ||w_head||^2.

    F is the diagonal of the Fisher information of the ancestor's predictions, on its own training rows; on the heir's where
    those are not here, since it needs no labels. It is scaled to mean 1, so that alpha means what it does in `l2_sp`,
    whatever the network's size.

    Args:
        start: The heir.
        source: Its network gives F.

    Returns:
        The heir, with the recipe's stages and the penalty.
    """
    from tasks.methods.transfer.fisher import importance
    from tasks.methods.transfer.lesson import TransferLesson
    from tasks.methods.transfer.start_point import FromStart

    x = (source.rows or start.train)[0]
    term = FromStart(start.model, start.head_kept, importance(source.model, start.model, start.head_kept, x, start.seed))
    return Prepared(start.model, start.stages, TransferLesson(start.model, term, start.strength))
