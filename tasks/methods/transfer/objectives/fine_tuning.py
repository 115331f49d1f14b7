"""Fine-tuning: the recipe's stages as they stand, and nothing else (Yosinski et al., 2014)."""

from tasks.methods.transfer.objectives.base import Prepared, Source, Start, objective, objectives


@objectives.register("fine_tuning", reference="Yosinski et al., 2014, arXiv:1411.1792")
@objective()
def fine_tuning(start: Start, source: Source) -> Prepared:
    """min_w CE(w) from w = w_source, stage by stage.

    Args:
        start: The heir.
        source: Not read.

    Returns:
        The heir, with the recipe's stages.
    """
    return Prepared(start.model, start.stages)
