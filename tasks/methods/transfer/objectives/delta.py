"""DELTA: the features may move, the less the more the target needs them as they were (Li et al., 2019)."""

from tasks.methods.transfer.objectives.base import Prepared, Source, Start, objective, objectives


@objectives.register("delta", reference="DELTA, Li et al., 2019, arXiv:1901.09229, equations 4 to 7")
@objective(strength=0.1)
def delta(start: Start, source: Source) -> Prepared:
    """CE + alpha mean_l sum_j W_lj mean (FM_lj(w, x) - FM_lj(w^0, x))^2 / v_l, W_l = softmax_j(loss without channel j - loss).

    FM are the outputs of up to four hidden layers, spread over the depth. W says by how much the loss on the target grows
    where a channel of the ancestor's is switched off, under the best linear head on its features. v is the mean variance of
    a layer's features, which the paper has not: so alpha means the same whatever their scale, and the distance is 1 for
    features that know no more than their mean.

    Args:
        start: The heir.
        source: Not read: the heir's features are the ancestor's still.

    Returns:
        The heir, with the recipe's stages and the penalty.
    """
    from tasks.methods.networks.graph import to_functional
    from tasks.methods.transfer.feature_maps import FeatureMaps
    from tasks.methods.transfer.lesson import TransferLesson
    from tasks.methods.transfer.probe import probed

    judge = to_functional(start.model)
    if not start.head_kept:
        judge = probed(judge, start.train, start.validation, start.seed)
    term = FeatureMaps(start.model, judge, start.train, start.seed)
    return Prepared(start.model, start.stages, TransferLesson(start.model, term, start.strength))
