"""Whether a data source still gives the rows that a version learned from: its data set is prepared once more, elsewhere."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from model_registry.ancestry import ancestry
from model_registry.errors import BequestError, InputError, IntegrityError
from model_registry.reference import DataRef
from model_registry.store import client, experiment, plain_errors
from model_registry.versions import Version
from tasks.data.card import DataCard
from tasks.data.dataset import DataSet
from tasks.data.digest import source_digest
from tasks.data.prepare import prepare
from tasks.data.store import CARD
from tasks.made_with import json_artifact
from tasks.recipe.schema import Recipe
from tasks.solution import Solution
from tasks.tracking import PREPARED_WITH

State = Literal["same", "same rows", "changed", "gone"]
_TOLD_ALONE = ("fingerprint", "files", "notes")  # hashes and remarks: told where nothing plainer differs


@dataclass(frozen=True)
class SourceAgain:
    """What the source gives now.

    Attributes:
        state: same: the very data set, by its sha256. same rows: its files are the same to the last bit, though the source's
            bytes, or the ancestors whose rows were kept apart, are others. changed: another. gone: the source is not there.
        differences: What differs, one line each.
        data: The data set to run on: the one that was prepared then, else the one prepared now.
    """

    state: State
    differences: list[str]
    data: DataRef


def source_again(version: Version, recipe: Recipe, solution: Solution, scratch: Path) -> SourceAgain:
    """Prepares the data set of a version from its source, in a folder of its own, and compares it with the one that was.

    Args:
        version: The version.
        recipe: The recipe of its data set.
        solution: What it hands down; the card of the data set is in it.
        scratch: An empty folder.

    Raises:
        IntegrityError: The data set that was prepared is not here any more, and the source does not give it again.
    """
    then = DataRef(uri=version.data_uri, sha256=version.data_sha256)
    kept, fault = _opened(then)
    card = kept.card if kept else solution.card
    state, differences, now = _prepared(version, recipe, solution, card, scratch)
    if kept is not None:
        return SourceAgain(state, differences, then)
    if now is not None and state in ("same", "same rows"):
        return SourceAgain(state, differences, now)
    raise IntegrityError(
        f"{version.label}: the rows it learned from can't be had again. {fault} And its source is {state}: "
        f"{'; '.join(differences) or 'it gives another data set'}. Restore {version.data_uri} or {recipe.data.source} from a "
        "backup."
    )


def _opened(ref: DataRef) -> tuple[DataSet | None, str]:
    try:
        return DataSet.open(ref), ""
    except IntegrityError as error:
        return None, str(error)


def _prepared(
    version: Version, recipe: Recipe, solution: Solution, card: DataCard | None, scratch: Path
) -> tuple[State, list[str], DataRef | None]:
    """The nearest that the source gives, by what it may have been prepared with."""
    best: tuple[State, list[str], DataRef | None] | None = None
    for number, (base, contract, held) in enumerate(_inputs(version, solution, card, recipe.name)):
        try:
            source_digest(recipe, base)
        except InputError as error:
            return "gone", [str(error)], None
        try:
            ref = prepare(recipe, base=base, out_root=scratch / str(number), inherited_contract=contract, held=held, anew=True)
        except BequestError as error:
            best = best or ("changed", [str(error)], None)
            continue
        if ref.sha256 == version.data_sha256:
            return "same", [], ref
        found = DataSet.open(ref).card
        if card is not None and found.files == card.files:
            return "same rows", ["the source's own bytes are others, or its ancestors' data sets"], ref
        differences = _differences(card, found)
        if best is None or best[2] is None or len(differences) < len(best[1]):
            best = "changed", differences, ref
    assert best is not None  # there is always one way to prepare it
    return best


def _inputs(
    version: Version, solution: Solution, card: DataCard | None, name: str
) -> list[tuple[Path, dict[str, Any] | None, list[Path]]]:
    """What it was prepared with beside the recipe: as the run that prepared it says, else as the family lets one think."""
    if card is not None:
        with plain_errors("looking for the run that prepared the data"):
            runs = client().search_runs(
                [experiment(name).experiment_id], f"tags.`bequest.fingerprint` = '{card.fingerprint}'", max_results=20
            )
        for run in runs:
            known = json_artifact(run.info.run_id, PREPARED_WITH)
            if known:
                held = [Path(each) for each in known["held"] if (Path(each) / CARD).is_file()]
                return [(Path(known["base"]), known["contract"], held)]
    theirs = {Path(each.data_uri) for each in ancestry(version).values() if each.data_uri} - {Path(version.data_uri)}
    held = sorted(each for each in theirs if (each / CARD).is_file())
    return [(Path.cwd(), contract, held) for contract in (None, solution.contract)]


def _differences(then: DataCard | None, now: DataCard) -> list[str]:
    if then is None:
        return ["it gives another data set, and the card of the former one is not here to say in what"]
    before, after = then.model_dump(mode="json"), now.model_dump(mode="json")
    other = [key for key in before if before[key] != after[key]]
    plain = [f"{key}: {before[key]} then, {after[key]} now" for key in other if key not in _TOLD_ALONE]
    files = sorted(name for name in before["files"] | after["files"] if before["files"].get(name) != after["files"].get(name))
    return [*plain, f"other content: {', '.join(files)}"] if files else plain or ["its fingerprint alone"]
