"""The heirs of a loop: one for each ancestor, objective and draw."""

from typing import Any

from flows.loop import Loop
from model_registry import versions
from model_registry.reference import DataRef, ModelRef
from tasks.methods.transfer.objectives import objectives
from tasks.source_rows import stand
from tasks.transfer import transfer

_OF_ONE_HEIR = ("objectives", "strength", "draws")


def shared(section: dict[str, Any]) -> dict[str, Any]:
    """What the recipe says of transfer whatever the objective: another objective in the list changes nothing for the rest."""
    return {name: value for name, value in section.items() if name not in _OF_ONE_HEIR}


def heirs_of(loop: Loop, ancestor: ModelRef, data: DataRef, learning: dict[str, Any]) -> list[ModelRef]:
    """Leads one ancestor to the target by every objective of the recipe.

    An objective that can't be used on the ancestor makes no heir; where none can, it is fine-tuned plainly, so that what it
    knows is not lost.

    Args:
        loop: The run.
        ancestor: The version to start from.
        data: The target data set.
        learning: The sections of the recipe that all heirs depend on.
    """
    config = loop.job.recipe.transfer
    draws = range(config.draws)
    made = [_heir(loop, ancestor, data, learning, name, draw) for name in config.objectives for draw in draws]
    found = [heir for heir in made if heir is not None]
    return found or [heir for heir in [_heir(loop, ancestor, data, learning, "fine_tuning", 0)] if heir is not None]


def _heir(
    loop: Loop, ancestor: ModelRef, data: DataRef, learning: dict[str, Any], objective: str, draw: int
) -> ModelRef | None:
    own: dict[str, Any] = {"objective": objective, "strength": loop.job.recipe.transfer.strength_of(objective), "draw": draw}
    if objectives.get(objective).reads_rows:
        own["source rows"] = stand(versions.get(ancestor.name, ancestor.version))
    heir: ModelRef | None = loop.run(
        transfer,
        learning | own,
        [ancestor.sha256, ancestor.uri, data.sha256],
        ancestor=ancestor,
        data=data,
        objective=objective,
        draw=draw,
    )
    return heir
