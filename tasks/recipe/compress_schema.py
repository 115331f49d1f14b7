"""The recipe's section on compression: of ancestors before they are handed down, and of the model that is served."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.methods.pruning.budgets import budgets
from tasks.methods.pruning.criteria import criteria
from tasks.methods.pruning.schedules import schedules
from tasks.recipe.kinds import Fraction, Sparsity, one_of
from tasks.recipe.section import Section


class Prune(Section):
    """Gradual pruning (Zhu & Gupta, 2017)."""

    sparsity: Sparsity = Field(
        0.5, description="Fraction of zero weights to reach; with pattern channels: of channels to take out."
    )
    criterion: Annotated[str, one_of(criteria)] = Field("magnitude", description="Which weights go first.")
    budget: Annotated[str, one_of(budgets)] = Field("per_layer", description="How the sparsity is shared among layers.")
    schedule: Annotated[str, one_of(schedules)] = Field("polynomial", description="How sparsity rises over the epochs.")
    pattern: Literal["unstructured", "2:4", "channels"] = Field(
        "unstructured",
        description="unstructured: single weights; 2:4: two of every four (sparsity is 0.5 then); channels: whole filters, and "
        "the network is rebuilt smaller.",
    )
    epochs: int = Field(12, ge=1, description="Epochs over which the schedule runs and the rest of the weights recover.")
    learning_rate: float = Field(1e-3, gt=0, description="Adam's step while pruning.")
    max_drop: Fraction = Field(0.02, description="Largest loss of validation accuracy; beyond it the pruning is undone.")

    @model_validator(mode="after")
    def _possible(self) -> "Prune":
        if self.pattern == "2:4" and (self.sparsity != 0.5 or self.budget != "per_layer"):
            raise ValueError(
                "expected sparsity 0.5 and budget per_layer with pattern 2:4, which is what it makes. "
                f"Received: sparsity {self.sparsity}, budget {self.budget}"
            )
        return self


OneMode = Literal["float32", "float16", "dynamic", "int8", "int16x8", "weight_only_int8", "weight_only_int4"]


class Quantize(Section):
    """Conversion of the final model to the LiteRT flatbuffer that is served."""

    mode: OneMode = Field(
        "int8",
        description="int8: full-integer, calibrated on training rows; int16x8: activations of 16 bits; dynamic, "
        "weight_only_int8, weight_only_int4: small weights, float arithmetic; float16; float32.",
    )
    calibration_rows: int = Field(200, ge=1, description="Rows of the calibration set, taken from the training split.")
    max_drop: Fraction = Field(
        0.01, description="Largest loss of validation accuracy; beyond it the remedies below are tried, then float32 is served."
    )
    aware_epochs: int = Field(0, ge=0, description="Where int8 loses too much: epochs of quantization-aware training; 0: none.")
    keep_float: int = Field(
        0, ge=0, description="Where int8 loses too much: how many of the layers that it hurts most stay in float32."
    )


class Budget(Section):
    """What serving the final model may cost; one limit or several, or none."""

    size_bytes: float | None = Field(None, gt=0, description="Most bytes of the served flatbuffer.")
    latency_ms: float | None = Field(None, gt=0, description="Most milliseconds of one row on one thread of this machine.")
    ratio: float | None = Field(None, gt=1, description="Least factor by which it is smaller than the float32 model.")

    @property
    def limits(self) -> dict[str, float]:
        """The limits that are set; none: there is no budget."""
        return self.model_dump(exclude_none=True)


class CompressSearch(Section):
    """The search for ways to compress, where there is a budget."""

    trials: int = Field(12, ge=1, description="Networks tried, each in every mode.")
    timeout_s: float = Field(300.0, gt=0, description="Seconds after which no new one is begun.")
    epochs: int = Field(12, ge=1, description="Epochs in which a network recovers after each step.")
    learning_rate: float = Field(1e-3, gt=0, description="Adam's step while it recovers.")
    modes: list[OneMode] = Field(
        ["float32", "float16", "dynamic", "int8"],
        min_length=1,
        description="Conversions that each network is judged in.",
    )


class Compress(Section):
    """Smaller ancestors, and a smaller served model."""

    prune: Prune | None = Field(default_factory=Prune, description="Prune each ancestor; null leaves it whole.")
    quantize: Quantize = Field(
        default_factory=Quantize, description="How the final model is converted, where no budget is set."
    )
    budget: Budget = Field(
        default_factory=Budget,
        description="What serving may cost: ways to compress are searched, and the best within it is served.",
    )
    max_drop: Fraction = Field(0.005, description="With a budget: largest loss of validation accuracy against the float model.")
    search: CompressSearch = Field(default_factory=CompressSearch, description="With a budget: how ways are searched.")
