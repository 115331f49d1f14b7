"""An ancestor's network meets the target's rows: pictures are brought to its size, a table's columns found by their names."""

from typing import Any

from model_registry.errors import InputError
from model_registry.versions import Version
from tasks.data.dataset import DataSet
from tasks.data.transform import feature_names, picture_view
from tasks.data.wording import listed
from tasks.solution import Solution
from tasks.stage import Job

_LISTED = 5  # columns named in a note


def adapted(
    job: Job, version: Version, model: Any, solution: Solution, rows: DataSet, *, named_in: str = "inherit.ancestors"
) -> Any:
    """The ancestor's network, taking the target's rows.

    An ancestor with a fitted preprocessing says what each input of its network means. One that was brought in may say how it
    wants its pixels: layers in front then make them of pictures in [0, 1]. One that says nothing takes rows as they come.

    Args:
        job: The loop's run.
        version: The ancestor, for messages.
        model: Its network.
        solution: What it hands down.
        rows: The target data set.
        named_in: The recipe's key that names it, for messages.

    Raises:
        InputError: The ancestor can't take the target's input.
    """
    from tasks.methods.networks import columns, surgery

    try:
        if (view := picture_view(rows.preprocessing)) is not None:
            return _behind_its_view(job, model, solution, rows, *view)
        if picture_view(solution.preprocessing or {}) is not None:
            raise ValueError("It takes a picture beside a table's columns, and these rows are of one kind.")
        if not _both_tables(solution, rows):
            return surgery.adapt_input(_fed_as_known(model, solution, rows), rows.card.input_shape)
        known, given = (
            [columns.Column(*each) for each in inputs_of(state)] for state in (solution.preprocessing or {}, rows.preprocessing)
        )
        return columns.align_columns(model, known, given, job.recipe.seed)
    except ValueError as error:
        unasked = named_in == "inherit.ancestors" and job.recipe.inherit.ancestors == "auto"
        remedy = "" if unasked else f" Leave it out of `{named_in}`."
        raise InputError(f"{version.label} can't take the rows of {rows.card.source}: {error}{remedy}") from error


def _behind_its_view(job: Job, model: Any, solution: Solution, rows: DataSet, start: int, picture: tuple[int, ...]) -> Any:
    """The network before the part of the row that it knows how to read: the picture, the columns, or both."""
    from tasks.methods.networks import columns, surgery
    from tasks.methods.networks.views import View, behind_view

    (width,) = rows.card.input_shape
    known, given = solution.preprocessing, inputs_of(rows.preprocessing)
    if known is None or known["modality"] == "image":
        if known is None and len(model.inputs[0].shape) == 2:
            raise ValueError(
                "It does not say which column each of its inputs is, and these rows hold a picture beside columns."
            )
        fed = surgery.adapt_input(_fed_as_known(model, solution, rows), picture)
        return behind_view(fed, View(width, start, picture))
    theirs = inputs_of(known)
    if picture_view(known) is None:
        if not start:
            raise ValueError("It knows a table's columns, and these rows hold pictures alone.")
        before, after = ([columns.Column(*each) for each in part] for part in (theirs, given[:start]))
        aligned = columns.align_columns(model, before, after, job.recipe.seed)
        return behind_view(aligned, View(width, 0, (start,)))
    # Standardised values of columns count alike, as in `align_columns` where there is no kernel to rescale.
    ours, names = [name for name, *_ in given], [name for name, *_ in theirs]
    first = len(ours) - len(names)
    if first < 0 or ours[first:] != names:
        raise ValueError(
            "It takes rows that end in its own columns, in their order, and a picture of its size; these end otherwise."
        )
    return surgery.adapt_input(model, (width,)) if not first else behind_view(model, View(width, first, (len(names),)))


def _fed_as_known(model: Any, solution: Solution, rows: DataSet) -> Any:
    """The network behind what makes its own scale and order of channels; the network itself where it states neither."""
    from tasks.methods.networks.picture_door import fed_as_known
    from tasks.methods.picture_input import PictureInput

    if solution.expects is None:
        return model
    if rows.card.modality != "image" and picture_view(rows.preprocessing) is None:
        raise ValueError("It was trained on pictures of a scale of its own, and these rows are a table's.")
    return fed_as_known(model, PictureInput.from_json(solution.expects))


def changed_columns(version: Version, solution: Solution, rows: DataSet) -> str:
    """What the target's table has that the ancestor's had not, and the other way round, in words; empty where nothing."""
    view = picture_view(solution.preprocessing or {})
    if not _both_tables(solution, rows) or view is not None:  # who knows pictures goes on reading what it has read
        return ""
    known, given = (_of_columns(each) for each in (solution.preprocessing or {}, rows.preprocessing))
    new, gone = ([name for name in ours if name not in theirs] for ours, theirs in ((given, known), (known, given)))
    parts = [f"{word} {listed(names, _LISTED)}" for word, names in (("learns", new), ("does without", gone)) if names]
    return f"the heir of {version.label} {' and '.join(parts)} as inputs" if parts else ""


def _of_columns(state: dict[str, Any]) -> list[str]:
    """Names of the features that are no pixels."""
    view, names = picture_view(state), feature_names(state)
    return names if view is None else names[: view[0]]


def _both_tables(solution: Solution, rows: DataSet) -> bool:
    ours = solution.preprocessing
    return ours is not None and ours["modality"] == rows.preprocessing["modality"] == "tabular"


def inputs_of(state: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Name, offset and scale of every transformed feature, in order; a category's place is not scaled."""
    scaling = {each["name"]: (each["offset"], each["scale"]) for each in state["columns"] if each["kind"] == "numeric"}
    return [(name, *scaling.get(name, (0.0, 1.0))) for name in feature_names(state)]
