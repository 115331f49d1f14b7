"""The registry as a few plain dictionaries: what `_sequences.py` holds the real one against."""

from dataclasses import dataclass, field

from model_registry.errors import BequestError, GateRefused, InputError

Label = tuple[str, int]


@dataclass
class Member:
    """One version."""

    parents: tuple[Label, ...]
    bundle: bool
    gate: str
    withdrawn: bool = False


@dataclass
class Shelf:
    """One name.

    Attributes:
        production: The version there, if any.
        staging: Likewise.
        archived: What is archived, with the version that took its place.
        former: For each version that entered production otherwise than by a rollback: what was there before.
        last: The version that entered production last.
        answered: Versions that were promoted to production by a command, not by hand alone.
    """

    production: int | None = None
    staging: int | None = None
    archived: dict[int, int | None] = field(default_factory=dict)
    former: dict[int, int] = field(default_factory=dict)
    last: int | None = None
    answered: set[int] = field(default_factory=set)


@dataclass
class Registry:
    """All names."""

    members: dict[Label, Member] = field(default_factory=dict)
    shelves: dict[str, Shelf] = field(default_factory=dict)

    def register(self, name: str, member: Member) -> Label:
        """Gives the next number of a name."""
        label = (name, 1 + sum(each == name for each, _ in self.members))
        self.members[label] = member
        self.shelves.setdefault(name, Shelf())
        return label

    def stage(self, label: Label) -> str:
        """None, Staging, Production or Archived."""
        name, number = label
        shelf = self.shelves[name]
        if shelf.production == number:
            return "Production"
        if shelf.staging == number:
            return "Staging"
        return "Archived" if number in shelf.archived else "None"

    def withdrawn(self, label: Label) -> bool:
        """Whether it or anything it comes from is withdrawn."""
        member = self.members[label]
        return member.withdrawn or any(map(self.withdrawn, member.parents))

    def promote(self, label: Label, to: str, force: bool) -> type[BequestError] | None:
        """Moves a version; or the error that refuses it."""
        name, number = label
        shelf, member = self.shelves[name], self.members[label]
        if to == "archived":
            if self.stage(label) != "Archived":
                self._take_out(shelf, number)
            return None
        if to == "staging" and shelf.production == number:
            return InputError
        if self.withdrawn(label):
            return GateRefused
        if not member.bundle:
            return InputError
        if to == "staging":
            if shelf.staging != number:
                shelf.archived.pop(number, None)
                shelf.staging = number
            return None
        if member.gate != "passed" and not force:
            return GateRefused
        self._enter(shelf, number)
        if member.gate != "passed" or shelf.production != number:
            shelf.answered.add(number)
        return None

    def rollback(self, name: str) -> type[BequestError] | None:
        """Puts the former version back; or the error that refuses it."""
        shelf = self.shelves[name]
        target = None if shelf.production is None else shelf.former.get(shelf.production)
        if target is None:
            return InputError
        if self.withdrawn((name, target)):
            return GateRefused
        if self.members[name, target].gate != "passed" and target not in shelf.answered:
            return GateRefused
        self._enter(shelf, target, back=True)
        return None

    def by_hand(self, label: Label) -> None:
        """Somebody moves the alias in MLflow's UI, and a command comes by."""
        name, number = label
        self._enter(self.shelves[name], number)

    def taken_out_by_hand(self, name: str) -> None:
        """Somebody deletes the alias in MLflow's UI, and a command comes by."""
        shelf = self.shelves[name]
        if shelf.production is not None:
            self._take_out(shelf, shelf.production)

    def withdraw(self, label: Label) -> type[BequestError] | None:
        """Marks a version."""
        self.members[label].withdrawn = True
        return None

    def undo(self, label: Label) -> type[BequestError] | None:
        """Takes that back; or the error where there is nothing to."""
        if not self.members[label].withdrawn:
            return InputError
        self.members[label].withdrawn = False
        return None

    @staticmethod
    def _enter(shelf: Shelf, number: int, *, back: bool = False) -> None:
        before = shelf.production
        if before == number:
            return
        replaced = before if before is not None else shelf.last if shelf.last != number else shelf.former.get(number)
        if replaced is not None and not back:
            shelf.former[number] = replaced
        shelf.production, shelf.last = number, number
        shelf.archived.pop(number, None)
        if shelf.staging == number:
            shelf.staging = None
        if before is not None:
            shelf.archived[before] = number

    @staticmethod
    def _take_out(shelf: Shelf, number: int) -> None:
        if shelf.production == number:
            shelf.production = None
        if shelf.staging == number:
            shelf.staging = None
        shelf.archived[number] = None
