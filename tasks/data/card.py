"""The card of a prepared data set: dataset.json."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class DataCard(BaseModel):
    """What a prepared data set is; the sha256 of its bytes stands for the whole folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["bequest-dataset"] = "bequest-dataset"
    format_version: Literal[1] = 1
    name: str = Field(description="Name of the project it was prepared for.")
    modality: Literal["tabular", "image"] = Field(description="Kind of rows.")
    source: str = Field(description="The recipe's data.source.")
    target: str = Field(description="Name of the label column.")
    classes: list[str] = Field(description="Label names, in the order of their index.")
    features: list[str] = Field(description="Raw input names, in order.")
    input_shape: tuple[int, ...] = Field(description="Shape of one model input, without the batch dimension.")
    counts: dict[str, dict[str, int]] = Field(description="Split to class to rows.")
    rows_read: int = Field(description="Rows of the share that was read, unreadable ones included.")
    rows_duplicate: int = Field(description="Rows left out because an equal one stands.")
    rows_quarantined: int = Field(description="Rows left out because they break the contract.")
    rows_dropped: int = Field(description="Rows left out by the policies for gaps and outliers.")
    rows_held: int = Field(description="Rows that an ancestor held and that keep their split.")
    fingerprint: str = Field(description="sha256 over the source's content and all that decides what becomes of it.")
    files: dict[str, str] = Field(description="Path within the folder to sha256.")
    notes: list[str] = Field(description="What the user should know about these rows.")

    @property
    def rows(self) -> int:
        """Rows in all splits."""
        return sum(sum(counts.values()) for counts in self.counts.values())
