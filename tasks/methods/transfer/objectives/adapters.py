"""Adapters: the ancestor stays as it is, and small layers between its own learn the target (Houlsby et al., 2019)."""

from dataclasses import replace

from tasks.methods.transfer.objectives.base import Prepared, Source, Start, objective, objectives


@objectives.register("adapters", reference="Houlsby et al., 2019, arXiv:1902.00751; Rebuffi et al., 2017, arXiv:1705.08045")
@objective()
def adapters(start: Start, source: Source) -> Prepared:
    """min_a CE(w_source, a), h' = h + up_a(relu(down_a(h))) after every hidden layer.

    The adapters, the normalisations and the head learn in every stage of the recipe that trains more than the head. The
    adapters are built-in layers and stay in the network.

    Args:
        start: The heir.
        source: Not read.

    Returns:
        The heir with adapters, with the recipe's stages.
    """
    from tasks.methods.transfer.adapters import adapter_layers, with_adapters

    model = with_adapters(start.model, start.seed)
    learning = adapter_layers(model)
    stages = tuple(stage if stage.trainable == "head" else replace(stage, trainable=learning) for stage in start.stages)
    return Prepared(model, stages)
