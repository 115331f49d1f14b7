"""Members of one branch as one network of their size; each row is judged by a merger that chose without it."""

import numpy as np

from tasks.methods.backend import keras
from tasks.methods.folds import stratified
from tasks.methods.fusion.making.base import Lessons, Made, Members, NoFusion, leave_one_out
from tasks.methods.fusion.merging.architecture import difference
from tasks.methods.fusion.merging.mergers import mergers
from tasks.methods.fusion.merging.preflight import objection
from tasks.methods.fusion.merging.run import MergedModel, merge
from tasks.methods.metrics.log_loss import row_losses
from tasks.methods.networks.graph import to_functional
from tasks.methods.networks.predict import predict

_FOLDS = 2


def merged(name: str, members: Members, lessons: Lessons) -> list[Made]:
    """Merges every branch of two members or more; all members at once where the merger needs no origin.

    Args:
        name: A name in `mergers`.
        members: The family, with its branches.
        lessons: Its rows and seed.

    Returns:
        One network a branch, named after it where there are several.

    Raises:
        NoFusion: No branch can be merged in this way; the message says what stands against it, and what does not.
    """
    groups: list[tuple[str, tuple[int, ...], keras.Model | None]] = [
        (branch.name, alike, branch.origin)
        for branch in members.branches
        for alike in _alike(members, branch.members)
        if len(alike) > 1
    ] or [("", tuple(range(len(members.models))), None)]
    made: list[Made] = []
    against: list[str] = []
    for label, positions, origin in groups:
        part = members.only(positions)
        reason = objection(name, part.models, origin, part.labels)
        if reason:
            against.append(f"{label}: {reason}" if label else reason)
            continue
        found = _merged(name, part, origin, lessons)
        title = f"{name} of {label}" if len(groups) > 1 else name
        if np.count_nonzero(found.shares) < 2:
            against.append(f"{part.labels[int(found.shares.argmax())]} alone is its best")
            continue
        made.append(_in_family(found, positions, len(members.models), title))
    if not made:
        raise NoFusion(f"{name} merges nothing: {'; '.join(against)}")
    return made


def _alike(members: Members, positions: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Members of one branch by architecture: an objective may have added layers."""
    groups: list[list[int]] = []
    for position in positions:
        flat = to_functional(members.models[position])
        known = (group for group in groups if not difference(flat, to_functional(members.models[group[0]])))
        group = next(known, None)
        if group is None:
            groups.append([position])
        else:
            group.append(position)
    return [tuple(group) for group in groups]


def _merged(name: str, part: Members, origin: keras.Model | None, lessons: Lessons) -> Made:
    whole = _merge(name, part, origin, lessons, np.arange(len(lessons.y)))
    losses = _losses(whole, lessons, np.arange(len(lessons.y)))
    if mergers.get(name).inferences(len(part.models)):  # it has read these rows, to choose
        for learn, judge in stratified(lessons.y, lessons.settings.seed, _FOLDS):
            losses[judge] = _losses(_merge(name, part, origin, lessons, learn), lessons, judge)
    return Made(
        name=name,
        model=whole.model,
        losses=losses,
        shares=whole.shares,
        what=f"merged by {name}: {whole.what}",
        contributions=lambda: leave_one_out(part, losses, lessons.y, lambda rest: _merged(name, rest, origin, lessons)),
    )


def _merge(name: str, part: Members, origin: keras.Model | None, lessons: Lessons, at: np.ndarray) -> MergedModel:
    x, y = lessons.validation
    return merge(name, part.models, origin, lessons.train, (x[at], y[at]), lessons.settings.seed)


def _losses(found: MergedModel, lessons: Lessons, at: np.ndarray) -> np.ndarray:
    x, y = lessons.validation
    return row_losses(predict(found.model, x[at]), y[at])


def _in_family(made: Made, positions: tuple[int, ...], count: int, name: str) -> Made:
    """The same, counted among all members."""
    shares = np.zeros(count)
    shares[list(positions)] = made.shares

    def contributions() -> np.ndarray:
        found = np.zeros(count)
        found[list(positions)] = made.contributions()
        return found

    return Made(name, made.model, made.losses, shares, made.what, contributions)
