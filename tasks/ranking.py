"""What a ranking of candidates came to: a record that lasts, with a row and a reason for each."""

from pydantic import BaseModel, ConfigDict

from model_registry.reference import ModelRef
from tasks.solution_fit import SolutionFit


class Raced(BaseModel):
    """How a candidate, or the control, did in the race.

    Attributes:
        epochs: Epochs it has had.
        control_epochs: Epochs that the network from scratch had had when they were compared: more, where a candidate was ahead
            of it all the same.
        loss: Mean validation loss after them; None where it could not be trained.
        lead: By how much less it loses than the network from scratch; None where either failed.
        error: Standard error of that.
        beaten: Whether the network from scratch is clearly ahead of it.
    """

    model_config = ConfigDict(frozen=True)

    epochs: int
    control_epochs: int
    loss: float | None
    lead: float | None = None
    error: float | None = None
    beaten: bool = False


class Entry(BaseModel):
    """One candidate.

    Attributes:
        version: Its label.
        rank: 1 is the best; None where it is left out.
        scores: Selector to score, higher is better; None where the selector could not judge it.
        mean_rank: Over the selectors; None where it is left out.
        relevance: Minus the distance of its rows to the target's; None where they are not here.
        parameters: Of its network.
        size_bytes: Of its served file; None where none was made.
        latency_ms: Of a row as served; likewise.
        solution: Whether what it hands down beside its weights fits; None where it could not be opened.
        race: How it did in the race; None where it did not take part.
        chosen: Whether it is inherited from.
        reason: Why, or why not, in one sentence.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    rank: int | None = None
    scores: dict[str, float | None] = {}
    mean_rank: float | None = None
    relevance: float | None = None
    parameters: int | None = None
    size_bytes: float | None = None
    latency_ms: float | None = None
    solution: SolutionFit | None = None
    race: Raced | None = None
    chosen: bool = False
    reason: str


class Ranking(BaseModel):
    """The result of a ranking.

    Attributes:
        selectors: What ranked the candidates.
        relevance: What told how near their rows are; None where nothing did.
        entries: The candidates, best first, those left out last.
        control: How the network from scratch did in the race; None where there was none.
        chosen: Whom to inherit from, best first; empty to start fresh.
        verdict: The choice and its reason, in words.
        run_id: The MLflow run that holds table and picture.
    """

    model_config = ConfigDict(frozen=True)

    selectors: list[str]
    relevance: str | None
    entries: list[Entry]
    control: Raced | None
    chosen: list[ModelRef]
    verdict: str
    run_id: str

    @property
    def reasons(self) -> dict[str, str]:
        """Why each of the chosen was chosen, by label."""
        return {entry.version: entry.reason for entry in self.entries if entry.chosen}
