"""What is asked of a reader: the recipe's data section, seen from one file."""

from dataclasses import dataclass, field
from typing import Literal

from tasks.recipe.data_schema import Data, Image


@dataclass(frozen=True)
class Request:
    """One file to read.

    Attributes:
        name: The file as the user wrote it, for messages.
        target: Label column or key.
        features: Columns to use; None for all.
        drop: Columns to leave out.
        mark_column: Column of the split strategy; None where it has none.
        marks: Whether that column may lack.
        image: How pictures are read.
        modality: What the user says the source is.
        labels: Whether labels may lack.
    """

    name: str
    target: str | None = None
    features: list[str] | None = None
    drop: list[str] = field(default_factory=list)
    mark_column: str | None = None
    marks: Literal["required", "optional"] = "required"
    image: Image = field(default_factory=Image)
    modality: Literal["auto", "tabular", "image"] = "auto"
    labels: Literal["required", "optional"] = "required"


def request_for(name: str, data: Data, mark_column: str | None) -> Request:
    """A recipe's wishes about one of its files."""
    return Request(
        name=name,
        target=data.target,
        features=data.features,
        drop=data.drop,
        mark_column=mark_column,
        image=data.image,
        modality=data.modality,
    )
