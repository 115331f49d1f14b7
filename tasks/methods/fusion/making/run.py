"""Makes every network that a list of ways comes to, and says of the others why there is none."""

from collections.abc import Callable, Iterable, Sequence

from tasks.methods.fusion.making.base import Lessons, Made, Members, NoFusion
from tasks.methods.fusion.making.combining import combined
from tasks.methods.fusion.making.growing import grown
from tasks.methods.fusion.making.joining import joined
from tasks.methods.fusion.making.merging import merged
from tasks.methods.fusion.ways import kind_of

FALLBACK = "weighted_average"
"""What members that were to be merged, and can't be, are fused by instead."""


def make(
    ways: Sequence[str], members: Members, lessons: Lessons, on_way: Callable[[str], None] | None = None
) -> tuple[list[Made], list[str]]:
    """Makes one network a way; a merger makes one a branch.

    Args:
        ways: Names of any kind (see `tasks.methods.fusion.ways`).
        members: The family, with its branches where a way merges or grows.
        lessons: The target's rows, and how to train.
        on_way: Called with each name before it is made.

    Returns:
        The networks, and in words why a way made none. Where all ways are mergers and none can merge these members, an
        ensemble is made of them instead, and said so.
    """
    made: list[Made] = []
    notes: list[str] = []
    for name in ways:
        if on_way:
            on_way(name)
        try:
            made += _made(name, members, lessons)
        except NoFusion as error:
            notes.append(str(error))
        except ValueError as error:  # a training that diverges, say: no reason to give up the other ways
            notes.append(f"{name} makes nothing: {error}")
    if not made and len(members.models) > 1 and all(kind_of(name) == "merge" for name in ways):
        notes.append(f"an ensemble by {FALLBACK} is made instead")
        try:
            made.append(combined(FALLBACK, members, lessons))
        except NoFusion as error:
            notes.append(str(error))
    return made, notes


def _made(name: str, members: Members, lessons: Lessons) -> Iterable[Made]:
    kind = kind_of(name)
    if kind == "grow":
        return [grown(name, members, lessons)]
    if len(members.models) < 2:
        raise NoFusion(f"{name} has nothing to fuse: there is one member alone")
    if kind == "merge":
        return merged(name, members, lessons)
    return [combined(name, members, lessons) if kind == "combine" else joined(name, members, lessons)]
