"""The recipe's section on compression: of ancestors before they are handed down, and of the model that is served."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.methods.clustering.initial import initials
from tasks.recipe.kinds import Fraction, one_of
from tasks.recipe.prune_schema import Prune
from tasks.recipe.section import Section


class Cluster(Section):
    """Few different weights in every kernel of the final model (Han et al., 2016): a packed file of a fraction of the size."""

    clusters: int = Field(16, ge=3, le=256, description="Different values of each kernel, zero among them; zeros stay.")
    init: Annotated[str, one_of(initials)] = Field("kmeans++", description="Where the values start.")
    epochs: int = Field(12, ge=1, description="Epochs in which the values are trained.")
    learning_rate: float = Field(1e-3, gt=0, description="Adam's step meanwhile.")
    max_drop: Fraction = Field(
        0.01, description="Largest loss of validation accuracy, as served; beyond it the clustering is undone."
    )


_FLOAT16_BITS = 11  # of its significand

OneMode = Literal["float32", "float16", "dynamic", "int8", "int16x8", "weight_only_int8", "weight_only_int4"]
SearchedMode = Literal[OneMode, "int8_aware"]


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
    power_of_two_bits: int | None = Field(
        None,
        ge=2,
        le=16,
        description="Bits of weights on a grid whose step is a power of two, one a tensor, for hardware that scales by "
        "shifting; with mode float32, or float16 up to 11 bits, which hold them as they are. Undone as a mode is; null: none.",
    )

    @model_validator(mode="after")
    def _on_the_grid(self) -> "Quantize":
        bits = self.power_of_two_bits
        if bits is not None and self.mode != "float32" and not (self.mode == "float16" and bits <= _FLOAT16_BITS):
            raise ValueError(
                "expected mode float32, or float16 with at most 11 bits, with power_of_two_bits: other modes round to steps of "
                f"their own. Received: mode {self.mode}, power_of_two_bits {bits}"
            )
        return self


class Budget(Section):
    """What serving the final model may cost; one limit or several, or none."""

    size_bytes: float | None = Field(None, gt=0, description="Most bytes of the served flatbuffer.")
    packed_bytes: float | None = Field(
        None, gt=0, description="Most bytes of the file that `bequest pack` makes: zeros and clusters help there alone."
    )
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
    modes: list[SearchedMode] = Field(
        ["float32", "float16", "dynamic", "int8"],
        min_length=1,
        description="Conversions that each network is judged in; int8_aware trains each once more, with the errors of int8.",
    )


class Compress(Section):
    """Smaller ancestors, and a smaller served model."""

    prune: Prune | None = Field(default_factory=Prune, description="Prune each ancestor; null leaves it whole.")
    cluster: Cluster | None = Field(
        None, description="Cluster the weights of the final model, where no budget is set; null leaves them free."
    )
    quantize: Quantize = Field(
        default_factory=Quantize, description="How the final model is converted, where no budget is set."
    )
    budget: Budget = Field(
        default_factory=Budget,
        description="What serving may cost: ways to compress are searched, and the best within it is served.",
    )
    max_drop: Fraction = Field(0.005, description="With a budget: largest loss of validation accuracy against the float model.")
    search: CompressSearch = Field(default_factory=CompressSearch, description="With a budget: how ways are searched.")

    @model_validator(mode="after")
    def _possible(self) -> "Compress":
        asked = {"cluster": self.cluster, "quantize.power_of_two_bits": self.quantize.power_of_two_bits}
        asked = {name: value for name, value in asked.items() if value is not None}
        if self.budget.limits and asked:
            raise ValueError(
                f"expected null for {' and '.join(asked)} where there is a budget, whose search decides what is done. "
                f"Received: budget {self.budget.limits}"
            )
        return self

    @property
    def judged_as(self) -> OneMode:
        """The mode in which ancestors are judged before and after pruning.

        The one in which the final model will be served; float32 where that is known only once a budget's search is over.
        """
        return "float32" if self.budget.limits else self.quantize.mode
