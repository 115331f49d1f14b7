"""Linear probing, then fine-tuning: no random head pulls the features out of place (Kumar et al., 2022)."""

from dataclasses import replace

from tasks.methods.transfer.objectives.base import Prepared, Source, Start, objective, objectives


@objectives.register("lp_ft", reference="Kumar et al., 2022, arXiv:2202.10054, section 3.4")
@objective()
def lp_ft(start: Start, source: Source) -> Prepared:
    """min_w CE(w) from w = (w_source, v*), v* the solution of linear probing.

    The recipe's stages that train the head alone have nothing left to do and are left out; where no other stands, the last
    one trains all layers.

    Args:
        start: The heir; its head is solved for first.
        source: Not read.

    Returns:
        The heir under its solved head, with what is left of the recipe's stages.
    """
    from tasks.methods.transfer.probe import probed

    left = tuple(stage for stage in start.stages if stage.trainable != "head")
    model = probed(start.model, start.train, start.validation, start.seed)
    return Prepared(model, left or (replace(start.stages[-1], trainable="all"),))
