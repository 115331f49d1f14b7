"""The recipe's sections on rows: where they come from, what they must keep to, how they are cleaned, split and scaled."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.recipe.kinds import Count, Fraction, Source
from tasks.recipe.section import Section


class Rows(Section):
    """A share of the source's rows: positions [start, end) of a seeded shuffle, as fractions."""

    start: Fraction = Field(0.0, description="First position, as a fraction of the shuffled rows.")
    end: Fraction = Field(1.0, description="End position (not included), as a fraction of the shuffled rows.")
    seed: int = Field(0, ge=0, description="Seed of the shuffle; equal seeds give disjoint shares of one source.")

    @model_validator(mode="after")
    def _ordered(self) -> "Rows":
        if self.start >= self.end:
            raise ValueError(f"expected start < end. Received: start={self.start}, end={self.end}")
        return self


class Image(Section):
    """How pictures are read."""

    column: str | None = Field(
        None,
        description="The column of a table that holds a picture of each row: a path relative to the table, or its bytes.",
    )
    size: tuple[Count, Count] | None = Field(None, description="Height and width in pixels; null keeps the source's.")
    channels: Literal[1, 3] | None = Field(None, description="1 grey, 3 RGB; null keeps the source's.")
    pixel_max: float | None = Field(
        None, gt=0, description="Largest pixel value; null: 255 for bytes, else read from the data set."
    )


class Data(Section):
    """Where rows come from."""

    source: Source = Field(
        description="A .csv, .parquet or .npz file, a folder of class folders with pictures, or bundled:digits, "
        "bundled:breast_cancer, bundled:wine, bundled:iris. Paths are relative to the recipe."
    )
    modality: Literal["auto", "tabular", "image"] = Field("auto", description="auto: told from the source.")
    target: str | None = Field(None, description="Label column (tabular) or label key (npz); null where the source says.")
    features: list[str] | None = Field(None, description="Columns to use; null: all but the target and `drop`.")
    drop: list[str] = Field(default_factory=list, description="Columns to leave out.")
    classes: list[str | int] | None = Field(None, description="Keep only rows of these classes, in this order.")
    rows: Rows = Field(default_factory=Rows, description="Which share of the rows to use.")
    append: list[Annotated[str, Field(min_length=1)]] = Field(
        default_factory=list, description="Further labelled batches of the same form, added to the source."
    )
    image: Image = Field(default_factory=Image, description="How pictures are read.")

    @model_validator(mode="after")
    def _possible(self) -> "Data":
        for key in ("features", "drop"):
            if self.target is not None and self.target in (getattr(self, key) or ()):
                raise ValueError(f"expected `{key}` without the target. Received: {self.target!r} in both")
        if self.image.column is not None and self.image.column in (self.target, *self.drop):
            raise ValueError(f"expected `image.column` to be a feature. Received: {self.image.column!r}, which is none")
        if self.image.column is not None and self.image.pixel_max is not None:
            raise ValueError("expected no `image.pixel_max` with `image.column`, whose pictures are bytes. Received both")
        both = sorted(set(self.features or ()) & set(self.drop))
        if both:
            raise ValueError(f"expected no column in both `features` and `drop`. Received: {both} in both")
        if self.classes is not None:
            # Labels are text in every model, so 1 and '1' are one class.
            names = [str(label) for label in self.classes]
            if len(names) < 2 or len(set(names)) < len(names):
                raise ValueError(f"expected `classes` with two or more different labels. Received: {names}")
        return self


class Missing(Section):
    """What to do with missing values."""

    numeric: Literal["median", "mean", "zero", "drop", "error"] = Field("median", description="Policy for numeric columns.")
    categorical: Literal["most_frequent", "category", "drop", "error"] = Field(
        "category", description="Policy for categorical columns; `category` makes missing a category of its own."
    )


class Outliers(Section):
    """What to do with numeric values far outside the training split's quartiles."""

    method: Literal["none", "clip", "drop"] = Field(
        "none", description="clip to the fences, or drop training rows outside them."
    )
    factor: float = Field(3.0, gt=0, description="Fences at Q1 - factor * IQR and Q3 + factor * IQR (Tukey, 1977).")


class Denoise(Section):
    """Noise reduction of pictures."""

    method: Literal["none", "median"] = Field("none", description="median: median filter over each channel.")
    size: Literal[3, 5] = Field(3, description="Window in pixels.")


class Split(Section):
    """How rows are divided. Rows an ancestor was trained on never land in validation or test."""

    strategy: Literal["stratified", "random", "group", "time", "predefined"] = Field("stratified", description="How to split.")
    validation: float = Field(0.2, gt=0, lt=1, description="Fraction of rows for every choice made before the test.")
    test: float = Field(0.2, gt=0, lt=1, description="Fraction of rows read once, at the end.")
    column: str | None = Field(
        None, description="Group id (group), time stamp (time) or train/validation/test (predefined; None: the source's own)."
    )

    @model_validator(mode="after")
    def _possible(self) -> "Split":
        if self.validation + self.test >= 1:
            raise ValueError(
                f"expected validation + test < 1, the rest is for training. Received: {self.validation} + {self.test}"
            )
        if self.strategy in ("group", "time") and self.column is None:
            raise ValueError(f"expected `column` with strategy {self.strategy!r}. Received: nothing")
        return self


class Augment(Section):
    """Random changes to training pictures; 0 or false turns one off."""

    flip: bool = Field(False, description="Mirror left-right.")
    shift: float = Field(0.0, ge=0, lt=0.5, description="Largest shift, as a fraction of height and width.")
    rotate: float = Field(0.0, ge=0, le=180, description="Largest rotation in degrees.")
    zoom: float = Field(0.0, ge=0, lt=1, description="Largest zoom in or out, as a fraction.")
    noise: float = Field(0.0, ge=0, lt=1, description="Standard deviation of Gaussian noise, on pixels scaled to [0, 1].")


class Contract(Section):
    """The data contract: a great-expectations suite, profiled on first use, then enforced."""

    path: str | None = Field(None, description="A suite of your own (JSON); null: the inherited one, else profiled.")
    max_failing: Fraction = Field(0.05, description="Largest fraction of failing rows to quarantine; above it the run stops.")


class Preprocess(Section):
    """Contract, cleaning, split, scaling, augmentation."""

    contract: Contract = Field(default_factory=Contract, description="The data contract.")
    duplicates: Literal["drop", "keep", "error"] = Field("drop", description="What to do with identical rows.")
    missing: Missing = Field(default_factory=Missing, description="What to do with missing values.")
    outliers: Outliers = Field(default_factory=Outliers, description="What to do with outliers.")
    denoise: Denoise = Field(default_factory=Denoise, description="Noise reduction of pictures.")
    scaling: Literal["standard", "minmax", "robust", "none"] = Field(
        "standard", description="Scaling of numeric columns, fitted on the training split alone. Pictures are scaled to [0, 1]."
    )
    split: Split = Field(default_factory=Split, description="How rows are divided.")
    augment: Augment = Field(default_factory=Augment, description="Random changes to training pictures.")
