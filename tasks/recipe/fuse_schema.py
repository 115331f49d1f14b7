"""The recipe's section on fusion: by which ways heirs may become one model, and what serving it may cost."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from tasks.methods.fusion.choice import Limits
from tasks.methods.fusion.ways import AUTO, kind_of, names
from tasks.recipe.kinds import OneOf
from tasks.recipe.section import Section

Way = Annotated[str, OneOf(names)]


class FuseBudget(Section):
    """What serving the fused model may cost, against the heirs themselves. Both null: anything."""

    latency_ratio: float | None = Field(
        None, ge=1, description="Most times the latency of the fastest heir, both in float32, measured in one run."
    )
    size_bytes: int | None = Field(None, ge=1, description="Most bytes of the float32 flatbuffer.")

    @property
    def limits(self) -> Limits:
        """As the choice takes them."""
        return Limits(self.latency_ratio, self.size_bytes)


class Fuse(Section):
    """Several heirs to one model. A bare name, list or `auto` is read as `method`."""

    method: Annotated[str, OneOf(lambda: ["auto", *names()])] | Annotated[list[Way], Field(min_length=1)] = Field(
        "weighted_average",
        description="How heirs become one model: a way, a list of them to choose from, or `auto` for "
        f"{', '.join(AUTO)}. Whatever is chosen gains more than chance over the best heir on validation.",
    )
    min_gain: float = Field(
        0.005,
        ge=0,
        description="Validation log loss a fused model must gain over the best heir; else the best heir goes on alone.",
    )
    budget: FuseBudget = Field(default_factory=FuseBudget, description="What serving the fused model may cost.")
    distil: bool | None = Field(
        None,
        description="Teach the best heir by the best ensemble, and let it compete: one model's cost to serve. "
        "null: where an ensemble gains and none that does is within the budget.",
    )
    epochs: int = Field(15, ge=1, description="Most epochs of what is trained here: joint heads, grown members, students.")
    tune: bool = Field(False, description="With concatenation, addition, gated, attention: train the heirs' own layers, too.")
    members: int = Field(3, ge=2, le=32, description="With bagging, boosting, snapshots: networks to grow.")

    @model_validator(mode="after")
    def _possible(self) -> "Fuse":
        twice = sorted({name for name in self.ways if self.ways.count(name) > 1})
        if twice:
            raise ValueError(f"expected each method once. Received twice: {', '.join(twice)}")
        if "snapshots" in self.ways and self.epochs < self.members:
            raise ValueError(
                f"expected with snapshots at least as many epochs as members. Received: {self.epochs} and {self.members}"
            )
        return self

    @property
    def ways(self) -> list[str]:
        """The ways that compete."""
        if self.method == "auto":
            return list(AUTO)
        return [self.method] if isinstance(self.method, str) else self.method

    @property
    def needs_origins(self) -> bool:
        """Whether a way asks what the heirs started from."""
        return any(kind_of(name) in ("merge", "grow") for name in self.ways)


def as_fuse(value: Any) -> Any:
    """A bare name, list or `auto` is short for `method`."""
    return {"method": value} if isinstance(value, str | list) else {} if value is None else value
