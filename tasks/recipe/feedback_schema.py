"""The recipe's section on watching production: what counts as drift, as a loss of accuracy, and as reason to retrain."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.methods.drift import detectors_for
from tasks.methods.drift.multivariate import multivariate as joint_tests
from tasks.methods.estimation import calibrators, estimators
from tasks.methods.sequential import sequential as sequential_tests
from tasks.recipe.kinds import Fraction, OneOf, one_of
from tasks.recipe.section import Section


class Drift(Section):
    """When a batch counts as drifted."""

    numeric: Annotated[str, OneOf(lambda: detectors_for("numeric"))] = Field("ks", description="Detector for numeric features.")
    categorical: Annotated[str, OneOf(lambda: detectors_for("categorical"))] = Field(
        "chi2", description="Detector for categorical features and labels."
    )
    multivariate: list[Annotated[str, one_of(joint_tests)]] = Field(
        default_factory=lambda: ["domain_classifier"], description="Tests of all features together; [] for none."
    )
    embedding: Annotated[str, one_of(joint_tests)] | None = Field(
        "mmd", description="Test of what the network makes of pictures, in front of its last dense layer; null: none."
    )
    alpha: float = Field(
        0.01,
        gt=0,
        lt=0.5,
        description="False-alarm rate of the batch as a whole: features alone, together and predictions (Holm-corrected); and "
        "of a fall in accuracy.",
    )
    min_share: Fraction = Field(
        0.2, description="Fraction of features that must drift before the batch counts as drifted by them."
    )


class Patience(Section):
    """How many batches must agree before the loop starts again."""

    bad: int = Field(1, ge=1, description="Batches that must be bad ...")
    of: int = Field(1, ge=1, description="... among so many of the latest, this one included.")

    @model_validator(mode="after")
    def _possible(self) -> "Patience":
        if self.bad > self.of:
            raise ValueError(f"expected bad <= of. Received: bad={self.bad}, of={self.of}")
        return self


class Cooldown(Section):
    """How long nothing is retrained after a retraining, whatever came of it."""

    windows: int = Field(0, ge=0, description="Batches that pass first.")
    hours: float = Field(0.0, ge=0, description="Hours that pass first.")


class Budget(Section):
    """How often the loop may start again by itself."""

    retrainings: int = Field(ge=0, description="At most so many ...")
    days: float = Field(30.0, gt=0, description="... in so many days.")


class Feedback(Section):
    """Watching production."""

    drift: Drift = Field(default_factory=Drift, description="When a batch counts as drifted.")
    estimate: Annotated[str, one_of(estimators)] | None = Field(
        "cbpe", description="How accuracy is estimated where labels are missing; null: it is not."
    )
    calibration: Annotated[str, one_of(calibrators)] = Field(
        "temperature", description="What makes confidence a probability for it, fitted on validation rows."
    )
    sequential: Annotated[str, one_of(sequential_tests)] | None = Field(
        "page_hinkley", description="Test for a rise of the error along the batch's rows; null: none."
    )
    max_accuracy_drop: Fraction = Field(0.05, description="Largest loss of accuracy against the test split before retraining.")
    min_rows: int = Field(30, ge=1, description="Smaller batches are reported, but start nothing.")
    retrain_on: list[Literal["degradation", "estimate", "drift"]] = Field(
        ["degradation", "estimate", "drift"],
        description="What starts the loop again on a labelled batch: measured accuracy, else estimated, else drift alone; [] "
        "never does.",
    )
    patience: Patience = Field(default_factory=Patience, description="How many batches must agree.")
    cooldown: Cooldown = Field(default_factory=Cooldown, description="Rest after a retraining.")
    budget: Budget | None = Field(None, description="Most retrainings in a time; null: no limit.")
    data: Literal["append", "sliding", "weighted"] = Field(
        "append",
        description="What is retrained on beside the new batch: append: the reference and all labelled batches so far; "
        "sliding: the reference and the last `windows` of them; weighted: all batches, and of the reference `keep` of the rows "
        "that the last retraining had, drawn by a seed: old rows count the less the longer ago they are, in every stage, split "
        "and metric alike. They are not weighted in the loss.",
    )
    windows: int = Field(5, ge=1, description="Batches that sliding keeps, the new one included.")
    keep: float = Field(
        0.5, gt=0, le=1, description="Share of the reference's rows that each weighted retraining keeps of those before it."
    )
