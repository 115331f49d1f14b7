"""The typed recipe: what a user may write in a recipe file, section by section.

Sections are frozen and forbid unknown keys, so that a typo is an error and never a silent default.
Every field carries a description: `bequest recipe new` prints them as comments.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from tasks.methods.distillation.objectives import objectives
from tasks.recipe.compress_schema import Compress
from tasks.recipe.data_schema import Data, Preprocess
from tasks.recipe.evaluate_schema import Evaluate
from tasks.recipe.feedback_schema import Feedback
from tasks.recipe.fuse_schema import Fuse, as_fuse
from tasks.recipe.inherit_schema import Inherit, as_inherit
from tasks.recipe.kinds import Ancestor, Count, Fraction, one_of
from tasks.recipe.section import Section
from tasks.recipe.transfer_schema import Transfer


class Model(Section):
    """The network of the from-scratch control, and of a project with no ancestor."""

    architecture: Literal["auto", "mlp", "cnn"] = Field(
        "auto", description="auto: cnn for pictures, mlp for tables, both side by side for a table with a column of pictures."
    )
    hidden: list[Count] = Field(default_factory=lambda: [64, 32], description="Units of the dense layers.")
    filters: list[Count] = Field(default_factory=lambda: [16, 32], description="Filters of the conv layers.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout before the head.")


class Search(Section):
    """A small search over hyper-parameters, judged on validation."""

    trials: int = Field(4, ge=0, description="Settings tried; 0 uses the ones below as they are.")
    timeout_s: float = Field(120.0, gt=0, description="Seconds after which no new trial starts.")
    learning_rate: tuple[float, float] = Field((1e-4, 3e-3), description="Range, searched on a log scale.")
    batch_size: list[Count] = Field(default_factory=lambda: [16, 32, 64], min_length=1, description="Choices.")

    @model_validator(mode="after")
    def _ordered(self) -> "Search":
        low, high = self.learning_rate
        if not 0 < low <= high:
            raise ValueError(f"expected learning_rate [low, high] with 0 < low <= high. Received: [{low}, {high}]")
        return self


class Distil(Section):
    """Versions that teach while the final model is trained (Hinton et al., 2015); kept where they help."""

    teachers: list[Ancestor] = Field(
        min_length=1, description="Registry URIs of versions that know the target's classes; larger ones, say."
    )
    objective: Annotated[str, one_of(objectives)] = Field("soft", description="What the student matches.")
    temperature: float = Field(4.0, gt=0, description="The higher, the more the wrong classes' probabilities tell.")
    alpha: Fraction = Field(0.5, description="Share of the teachers in the loss; the labels have the rest.")
    agreement_weights: bool = Field(False, description="Rows that the teachers get wrong count less.")


class Train(Section):
    """The fused model is optimised on the target data."""

    epochs: int = Field(20, ge=1, description="Most epochs; early stopping may end sooner.")
    batch_size: int = Field(32, ge=1, description="Rows in a step.")
    optimizer: Literal["adam", "sgd"] = Field("adam", description="Optimizer; sgd has momentum 0.9.")
    learning_rate: float = Field(1e-3, gt=0, description="First step of the schedule.")
    schedule: Literal["constant", "cosine", "exponential"] = Field("cosine", description="Learning rate over the steps.")
    patience: int = Field(5, ge=1, description="Epochs without better validation loss before training stops.")
    class_weight: Literal["none", "balanced"] = Field("none", description="balanced: inverse to class frequency.")
    search: Search = Field(default_factory=Search, description="A small search over hyper-parameters.")
    distil: Distil | None = Field(None, description="Versions that teach; null: none.")


class Deploy(Section):
    """Where a version that passed the gate goes."""

    to: Literal["none", "staging", "production"] = Field(
        "staging", description="Furthest stage this recipe may move a version to."
    )
    approval: bool = Field(
        False,
        description="A version on its way to production waits in staging for a person: a scheduled run pauses in Prefect's UI, "
        "others end and name the command that approves.",
    )
    approval_timeout_s: int = Field(
        3600, ge=1, description="Seconds that a scheduled run waits; after them the version stays in staging."
    )
    max_disagreement: Fraction = Field(
        0.02, description="Largest fraction of rows where the bundle's label may differ from the Keras model's."
    )


class Run(Section):
    """How stages are run."""

    retries: int = Field(
        1, ge=0, le=10, description="Further tries of a stage after a passing fault (a locked store, lost connection)."
    )
    timeout_s: int = Field(3600, ge=1, description="Seconds after which a stage is given up.")


class Recipe(Section):
    """One end-to-end project: what to inherit, on which data, by which steps."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$", description="Name of the registered model: lower case, digits, '.', '_', '-'."
    )
    description: str = Field("", description="One line for people.")
    seed: int = Field(0, ge=0, description="Seed of everything random.")
    inherit: Annotated[Inherit, BeforeValidator(as_inherit)] = Field(
        default_factory=Inherit, description="Who to inherit from."
    )
    data: Data = Field(description="Where rows come from.")
    preprocess: Preprocess = Field(default_factory=Preprocess, description="Contract, cleaning, split, scaling.")
    model: Model = Field(default_factory=Model, description="The network of the from-scratch control.")
    compress: Compress = Field(default_factory=Compress, description="Smaller ancestors, smaller served model.")
    transfer: Transfer = Field(default_factory=Transfer, description="Ancestors meet the new data.")
    fuse: Annotated[Fuse, BeforeValidator(as_fuse)] = Field(default_factory=Fuse, description="Several heirs to one model.")
    train: Train = Field(default_factory=Train, description="The fused model is optimised.")
    evaluate: Evaluate = Field(default_factory=Evaluate, description="Metrics, intervals, the gate.")
    deploy: Deploy = Field(default_factory=Deploy, description="Where a version that passed goes.")
    feedback: Feedback = Field(default_factory=Feedback, description="Watching production.")
    run: Run = Field(default_factory=Run, description="How stages are run.")
