"""The recipe's section on ancestors: who hands down, and how the registry ranks candidates where it is left to it."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tasks.methods.selection import relevance_names, selectors
from tasks.recipe.kinds import Ancestor, OneOf, one_of
from tasks.recipe.section import Section

SelectorName = Annotated[str, one_of(selectors)]


class InheritRace(Section):
    """Successive halving (Jamieson & Talwalkar, 2016) among the best candidates and a network from scratch."""

    contestants: int = Field(
        2, ge=1, le=16, description="How many of the best candidates take part; as many as are taken, at least."
    )
    epochs: int = Field(2, ge=1, description="Epochs of whoever stays to the end; each round before it is half as long.")
    rows: int = Field(500, ge=1, description="Most training rows, and most validation rows.")


class Inherit(Section):
    """Who to inherit from. A bare string or list is read as `ancestors`."""

    ancestors: Literal["auto"] | list[Ancestor] = Field(
        default_factory=list,
        description="Registry URIs such as models:/digits@production, or `auto` to let the registry rank what it has.",
    )
    solution: bool = Field(
        True,
        description="Fill keys this file does not state from the first ancestor's recipe; `auto` hands down weights alone.",
    )
    max_ancestors: int = Field(2, ge=1, le=8, description="With `auto`: how many of the best candidates to take.")
    selector: SelectorName | Annotated[list[SelectorName], Field(min_length=1)] = Field(
        "all_layers",
        description="With `auto`: how candidates are ranked, by one selector, or by their mean rank over several.",
    )
    relevance: Annotated[str, OneOf(relevance_names)] | None = Field(
        "proxy_a",
        description="How far the rows a candidate has learned from are from these, told beside the ranking; null: not told.",
    )
    race: InheritRace | None = Field(
        default_factory=InheritRace,
        description="Short trainings of the best candidates and of a network from scratch: whoever is clearly worse than "
        "that one is not inherited from. null: none, whatever ranks first is taken.",
    )
    prepare: list[str] = Field(
        default_factory=list,
        description="Recipes to run first where a named ancestor does not stand in the registry yet.",
    )

    @model_validator(mode="after")
    def _each_once(self) -> "Inherit":
        if len(set(self.ranked_by)) < len(self.ranked_by):
            raise ValueError(f"expected each selector once. Received: {self.ranked_by}")
        return self

    @property
    def ranked_by(self) -> list[str]:
        """The selectors, one or several."""
        return [self.selector] if isinstance(self.selector, str) else self.selector


def as_inherit(value: Any) -> Any:
    """A bare URI, list or `auto` is short for `ancestors`."""
    if value == "auto":
        return {"ancestors": "auto"}
    if isinstance(value, str):
        return {"ancestors": [value]}
    if isinstance(value, list):
        return {"ancestors": value}
    return {} if value is None else value
