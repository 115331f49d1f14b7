"""Joint training: the source's task goes on beside the target's, two heads over one backbone (Caruana, 1997)."""

from tasks.methods.transfer.objectives.base import Prepared, Source, Start, objective, objectives


@objectives.register("joint", reference="Caruana, 1997, Machine Learning 28; Ge & Yu, 2017, arXiv:1702.08690")
@objective(strength=0.3, rows="needed")
def joint(start: Start, source: Source) -> Prepared:
    """CE(target rows, target's head) + lambda CE(source rows, source's head).

    Beside each batch of the target's rows passes one of the source's, through the same weights. The source's head starts as
    the best linear head on its features, learns along, and is thrown away afterwards.

    Args:
        start: The heir.
        source: Its training rows are read, with their labels.

    Returns:
        The heir, with the recipe's stages and the source's task beside them.
    """
    from tasks.methods.transfer.lesson import TransferLesson
    from tasks.methods.transfer.source_task import SourceTask

    assert source.rows is not None
    term = SourceTask(start.model, source.rows, start.seed)
    lesson = TransferLesson(start.model, term, start.strength, source_rows=source.rows, seed=start.seed)
    return Prepared(start.model, start.stages, lesson)
