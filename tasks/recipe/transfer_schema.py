"""The recipe's section on transfer: by which objectives ancestors meet the new data, and in which stages."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.methods.transfer.objectives import objectives
from tasks.recipe.kinds import Count, one_of
from tasks.recipe.section import Section

ObjectiveName = Annotated[str, one_of(objectives)]
Strength = Annotated[float, Field(ge=0)]
_DEFAULTS = ", ".join(f"{name} {objectives.get(name).strength:g}" for name in objectives if objectives.get(name).strength)


class Stage(Section):
    """One stage of staged unfreezing."""

    unfreeze: Literal["head", "all"] | Count = Field(
        description="head: the new head alone; a number: the last N layers with weights; all: every layer."
    )
    epochs: int = Field(10, ge=1, description="Most epochs; early stopping may end sooner.")
    learning_rate: float = Field(1e-3, gt=0, description="Adam's step in this stage.")
    decay: float = Field(
        1.0, gt=0, le=1, description="A layer's learning rate as a share of that of the layer above; 1: alike."
    )


class Transfer(Section):
    """Ancestors meet the new data: new head, staged unfreezing, early stopping on validation."""

    objectives: list[ObjectiveName] = Field(
        default_factory=lambda: ["fine_tuning"],
        min_length=1,
        description="What training holds on to of the ancestor; one heir an ancestor and objective.",
    )
    draws: int = Field(
        1,
        ge=1,
        le=16,
        description="Heirs of each ancestor and objective that differ in the order of rows alone: something to merge (`fuse`).",
    )
    strength: Strength | dict[ObjectiveName, Strength] | None = Field(
        None,
        description="Lambda of the objectives that have one: a number for all of them, or one by name; "
        f"null, and those not named: {_DEFAULTS}.",
    )
    stages: list[Stage] = Field(
        default_factory=lambda: [
            Stage(unfreeze="head", epochs=8, learning_rate=3e-3),
            Stage(unfreeze="all", epochs=20, learning_rate=1e-3),
        ],
        min_length=1,
        description="Stages in order.",
    )
    batch_size: int = Field(32, ge=1, description="Rows in a step.")
    patience: int = Field(4, ge=1, description="Epochs without better validation loss before a stage ends.")
    recalibrate: bool = Field(
        False,
        description="Measure the ancestor's BatchNormalization statistics anew on the training rows, before it is trained.",
    )
    control: bool = Field(True, description="Also train a network from scratch at the same budget, and let it compete.")

    @model_validator(mode="after")
    def _possible(self) -> "Transfer":
        twice = sorted({name for name in self.objectives if self.objectives.count(name) > 1})
        if twice:
            raise ValueError(f"expected each of the objectives once. Received twice: {', '.join(twice)}")
        weighed = [name for name in self.objectives if objectives.get(name).strength is not None]
        if isinstance(self.strength, dict):
            idle = sorted(set(self.strength) - set(weighed))
            if idle:
                raise ValueError(
                    "expected under strength only objectives that are listed and have one: "
                    f"{', '.join(weighed) or 'none here'}. Received: {', '.join(idle)}"
                )
        elif self.strength is not None and not weighed:
            raise ValueError(
                f"expected null for strength, none of the objectives {self.objectives} has one. Received: {self.strength:g}"
            )
        return self

    def strength_of(self, objective: str) -> float | None:
        """The lambda of one objective; None where it has none, or its default is meant."""
        if objectives.get(objective).strength is None:
            return None
        return self.strength.get(objective) if isinstance(self.strength, dict) else self.strength
