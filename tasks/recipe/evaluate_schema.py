"""The recipe's section on the test split: the metrics' intervals, and the gate that a version must pass."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.recipe.kinds import Fraction, Metric, OneOf, floor_names
from tasks.recipe.section import Section


class Champion(Section):
    """How a challenger is compared with the production version, on the same rows."""

    test: Literal["paired_bootstrap", "mcnemar"] = Field(
        "paired_bootstrap", description="Paired test; mcnemar goes with rule superior alone."
    )
    rule: Literal["non_inferior", "superior"] = Field("non_inferior", description="What the challenger must show.")
    margin: Fraction = Field(0.02, description="With non_inferior: largest loss of accuracy that still counts as equal.")
    alpha: float = Field(0.05, gt=0, lt=0.5, description="Significance level of the test.")

    @model_validator(mode="after")
    def _possible(self) -> "Champion":
        if self.test == "mcnemar" and self.rule == "non_inferior":
            raise ValueError(
                "expected test paired_bootstrap with rule non_inferior; McNemar's test has no margin. Received: mcnemar"
            )
        return self


ClassFloor = Annotated[str, OneOf(lambda: ["f1", "precision", "recall"])]
GroupFloor = Annotated[str, OneOf(floor_names)]


class Slices(Section):
    """Floors that every part of the test rows must reach, so that a good mean hides no bad part."""

    by_class: dict[ClassFloor, Fraction] = Field(
        default_factory=dict, description="Smallest value on the rows of each class, e.g. recall: 0.8."
    )
    by: dict[str, dict[GroupFloor, Fraction]] = Field(
        default_factory=dict,
        description="Feature column to smallest values in each of its groups, e.g. sex: {accuracy: 0.7}. Categories are groups "
        "as they are; numbers are cut at the quartiles of the training split.",
    )
    min_rows: int = Field(20, ge=1, description="Slices with fewer test rows are told, not judged.")


class Ratios(Section):
    """What serving may cost, as a multiple of what the production version costs on this machine."""

    latency: float | None = Field(
        None, gt=0, description="Largest ratio of the shortest times of a row on one thread; the two take turns in one run."
    )
    size_bytes: float | None = Field(None, gt=0, description="Largest ratio of the served flatbuffers' bytes.")

    @property
    def limits(self) -> dict[str, float]:
        """The ratios that are set."""
        return self.model_dump(exclude_none=True)


class Robustness(Section):
    """Small noise on the network's input must cost little."""

    noise: float = Field(
        0.1,
        gt=0,
        le=1,
        description="Standard deviation of Gaussian noise: as a share of each number's spread (its standard deviation on the "
        "training split, after scaling; categories stay as they are), or of the pixel range.",
    )
    max_drop: Fraction = Field(0.05, description="Largest loss of accuracy on the test rows, averaged over the draws.")
    draws: int = Field(5, ge=1, le=100, description="Draws of noise.")


class Gate(Section):
    """What a version must reach to be promoted."""

    floors: dict[Metric, float] = Field(default_factory=dict, description="Smallest value of a metric, e.g. accuracy: 0.9.")
    ceilings: dict[Metric, float] = Field(
        default_factory=dict,
        description="Largest value of a metric, e.g. size_bytes: 100000, or expected_calibration_error: 0.05.",
    )
    champion: Champion | None = Field(
        default_factory=Champion, description="Comparison with the production version; null: none."
    )
    slices: Slices = Field(default_factory=Slices, description="Floors per class, and per group of a column.")
    ratios: Ratios = Field(
        default_factory=Ratios, description="Ceilings relative to the production version; without one they are not applied."
    )
    robustness: Robustness | None = Field(None, description="Largest loss under noise; null: not asked.")
    golden: str | None = Field(
        None,
        min_length=1,
        description="Labelled rows (.csv, .parquet, .npz or a folder of class folders) of which none may be lost: what the "
        "production version gets right the candidate must get right, too. Without a production version it is not applied.",
    )

    @property
    def relative(self) -> bool:
        """Whether a verdict holds only beside the version in production that it was reached beside."""
        return self.champion is not None or bool(self.ratios.limits) or self.golden is not None


class Evaluate(Section):
    """The test split is read once, here."""

    bootstrap_samples: int = Field(1000, ge=100, description="Resamples for the intervals.")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Coverage of the intervals.")
    gate: Gate = Field(default_factory=Gate, description="What a version must reach to be promoted.")
