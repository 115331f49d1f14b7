"""The recipe's section on pruning ancestors, and which of its settings contradict each other."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.methods.pruning.budgets import budgets
from tasks.methods.pruning.channel_scores import scores
from tasks.methods.pruning.criteria import criteria
from tasks.methods.pruning.schedules import schedules
from tasks.recipe.kinds import Fraction, OneOf, Sparsity, one_of
from tasks.recipe.section import Section


def _channel_scores() -> list[str]:
    return sorted([*scores.names(), "taylor"])  # taylor is read off the loss, not off a kernel


def _budgets() -> list[str]:
    return sorted([*budgets.names(), "scan"])


class Prune(Section):
    """Gradual pruning (Zhu & Gupta, 2017)."""

    sparsity: Sparsity = Field(
        0.5, description="Fraction of zero weights to reach; with pattern channels: of channels to take out."
    )
    layers: dict[str, Sparsity] | None = Field(
        None, description="Layers of the ancestor, by name, that get a sparsity of their own; the others get the one above."
    )
    criterion: Annotated[str, one_of(criteria)] = Field("magnitude", description="Which weights go first.")
    score: Annotated[str, OneOf(_channel_scores)] | None = Field(
        None,
        description="With pattern channels: which channels go first. l1, l2 (null stands for it): those of small weights; "
        "taylor: those without which the loss changes least.",
    )
    budget: Annotated[str, OneOf(_budgets)] = Field(
        "per_layer",
        description="per_layer: the same in each layer; global: one threshold for all; scan: in each layer as much, up to "
        "`sparsity`, as costs no more than `max_drop` before anything is trained.",
    )
    schedule: Annotated[str, one_of(schedules)] = Field("polynomial", description="How sparsity rises over the epochs.")
    pattern: Literal["unstructured", "2:4", "channels"] = Field(
        "unstructured",
        description="unstructured: single weights; 2:4: two of every four (sparsity is 0.5 then); channels: whole filters, and "
        "the network is rebuilt smaller.",
    )
    epochs: int = Field(12, ge=1, description="Epochs over which the schedule runs and the rest of the weights recover.")
    learning_rate: float = Field(1e-3, gt=0, description="Adam's step while pruning.")
    max_drop: Fraction = Field(
        0.02, description="Largest loss of validation accuracy, as served; beyond it the pruning is undone."
    )

    @model_validator(mode="after")
    def _possible(self) -> "Prune":
        mistakes = list(_contradictions(self))
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return self


def _contradictions(prune: Prune) -> Iterator[str]:
    if prune.pattern == "2:4" and (prune.sparsity != 0.5 or prune.budget != "per_layer" or prune.layers):
        own = f", layers {prune.layers}" if prune.layers else ""
        yield (
            "expected sparsity 0.5 and budget per_layer with pattern 2:4, which is what it makes. "
            f"Received: sparsity {prune.sparsity}, budget {prune.budget}{own}"
        )
    if prune.layers and prune.budget != "per_layer":
        yield f"expected budget per_layer with layers, which share out the sparsity already. Received: budget {prune.budget}"
    if prune.pattern != "channels" and prune.score is not None:
        yield (
            f"expected no score with pattern {prune.pattern}, whose weights go by criterion; score is for pattern channels. "
            f"Received: score {prune.score}"
        )
    if prune.pattern == "channels" and prune.criterion != "magnitude":
        yield (
            "expected score instead of criterion with pattern channels; leave criterion at magnitude. "
            f"Received: criterion {prune.criterion}"
        )
    if prune.pattern == "channels" and prune.schedule != "polynomial":
        yield (
            "expected schedule polynomial, its default, with pattern channels, which go at once. "
            f"Received: schedule {prune.schedule}"
        )
    if prune.pattern == "channels" and prune.budget == "scan":
        yield "expected budget per_layer or global with pattern channels. Received: budget scan"
