"""What every objective looks like: an heir before its training and its source, to what the training needs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tasks.methods.registry import Methods

if TYPE_CHECKING:
    from tasks.methods.networks.fit import FitSettings
    from tasks.methods.networks.rows import Rows
    from tasks.methods.transfer.lesson import TransferLesson


class Unsuited(ValueError):
    """An ancestor that an objective has nothing to work on with; another objective may still do."""


@dataclass(frozen=True)
class Source:
    """An ancestor as its heir sees it.

    Attributes:
        model: Its network, taking the target's rows, under its own head; flat, and never changed.
        rows: Its training rows, x float32 [m, ...] as the heir takes them and y, indices of its own classes [m]; None where
            they are not here.
    """

    model: Any
    rows: "Rows | None" = None


@dataclass(frozen=True)
class Start:
    """An heir before its training.

    Attributes:
        model: The ancestor's network with a softmax over the target's classes; flat.
        head_kept: Whether its head is the ancestor's, as the classes are the same.
        train: x float32 [n, ...] and y, class indices [n].
        validation: Likewise.
        stages: How the recipe would have it trained, in order; at least one.
        strength: Lambda, >= 0; 0 where the objective has none.
    """

    model: Any
    head_kept: bool
    train: "Rows"
    validation: "Rows"
    stages: "tuple[FitSettings, ...]"
    strength: float = 0.0

    @property
    def seed(self) -> int:
        """Seed of everything random."""
        return self.stages[0].seed

    @property
    def epochs(self) -> int:
        """Most epochs of all stages together."""
        return sum(stage.epochs for stage in self.stages)


@dataclass(frozen=True)
class Prepared:
    """What the training of an heir needs.

    Attributes:
        model: The network to train, which is all that is left of it afterwards.
        stages: How to train it, in order; none where there is nothing left to do.
        lesson: What is learned beside the labels.
    """

    model: Any
    stages: "tuple[FitSettings, ...]"
    lesson: "TransferLesson | None" = None


Prepare = Callable[[Start, Source], Prepared]


@dataclass(frozen=True)
class Objective:
    """One objective.

    Attributes:
        prepare: The definition.
        strength: The default of lambda; None where there is nothing to weigh.
        reads_rows: Whether it reads the source's rows where they are here.
        needs_rows: Whether it can't do without.
    """

    prepare: Prepare
    strength: float | None = None
    reads_rows: bool = False
    needs_rows: bool = False

    def __call__(self, start: Start, source: Source) -> Prepared:
        """Prepares one training.

        Args:
            start: The heir; its network may be changed.
            source: Its ancestor.

        Raises:
            Unsuited: It reads the source's rows, and there are none; or the network has not got what it works on.
        """
        if self.needs_rows and (source.rows is None or len(source.rows[0]) == 0):
            raise Unsuited(
                "Invalid `source`. Expected the ancestor's training rows, as the objective reads them. Received: none."
            )
        return self.prepare(start, source)


objectives: Methods[Objective] = Methods("transfer objective")


def objective(
    *, strength: float | None = None, rows: Literal["unread", "read", "needed"] = "unread"
) -> Callable[[Prepare], Objective]:
    """Makes the decorated definition an `Objective`; stands under `objectives.register`.

    Args:
        strength: The default of lambda; None where there is nothing to weigh.
        rows: What becomes of the source's rows: `read` where they are here, or `needed`.
    """

    def make(prepare: Prepare) -> Objective:
        made = Objective(prepare, strength, reads_rows=rows != "unread", needs_rows=rows == "needed")
        object.__setattr__(made, "__doc__", prepare.__doc__)  # the definition's words, not the class's
        return made

    return make
