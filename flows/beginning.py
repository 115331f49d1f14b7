"""How a loop begins: the target's data set, and whom it inherits from, as named or as the registry ranks them."""

import json
from pathlib import Path

from flows.heirs import shared
from flows.loop import Loop
from flows.plan import Plan
from model_registry import lineage
from model_registry.errors import IntegrityError
from model_registry.reference import DataRef, ModelRef
from model_registry.versions import Version
from tasks.data.dataset import DataSet
from tasks.data.digest import source_digest
from tasks.gate_inputs import check_gate
from tasks.preprocess import preprocess
from tasks.ranking import Ranking
from tasks.select import select


def begin(loop: Loop, planned: Plan) -> tuple[DataRef, list[ModelRef]]:
    """Prepares the data and finds the ancestors; why a ranking chose them travels with the job."""
    if not planned.automatic:
        return prepared(loop, planned, []), [version.ref for version in planned.ancestors]
    candidates = candidates_for(loop)
    data = prepared(loop, planned, candidates)
    ranking = ranked(loop, data, candidates)
    loop.job = loop.job.model_copy(update={"suggested": ranking.reasons})
    if select.name in loop.reused and candidates and not ranking.chosen:
        loop.notes.append(ranking.verdict)  # the stage that said so ran in an earlier loop
    return data, ranking.chosen


def candidates_for(loop: Loop) -> list[Version]:
    """The registry's candidates whose families' data sets can be read.

    A damaged one that nobody asked for is no reason to stop; it is told in the loop's notes.
    """
    sound = []
    for candidate in lineage.candidates(exclude_name=loop.job.name):
        try:
            for folder in _held([candidate])[0]:
                DataSet.at(Path(folder))
        except IntegrityError as error:
            loop.notes.append(f"{candidate.label} is no candidate: {error}")
            continue
        sound.append(candidate)
    return sound


def prepared(loop: Loop, planned: Plan, candidates: list[Version]) -> DataRef:
    """The target's data set: rows that a family of ancestors, teachers or candidates learned from are for training alone."""
    recipe = loop.job.recipe
    held, unknown = _held([*planned.ancestors, *planned.teachers, *candidates])
    data: DataRef = loop.run(
        preprocess,
        {"data": recipe.data.model_dump(mode="json"), "preprocess": recipe.preprocess.model_dump(mode="json")},
        [
            source_digest(recipe, planned.base),
            json.dumps([planned.contract, planned.other_contracts], sort_keys=True),
            *held,
        ],
        base=str(planned.base),
        contract=planned.contract,
        other_contracts=planned.other_contracts,
        held=held,
        unknown=unknown,
    )
    check_gate(recipe, data)  # now, and not after hours of training
    return data


def ranked(loop: Loop, data: DataRef, candidates: list[Version]) -> Ranking:
    """The candidates, ranked on the target's rows."""
    sections = loop.job.recipe.model_dump(mode="json")
    inherit = {name: value for name, value in sections["inherit"].items() if name not in ("ancestors", "prepare", "solution")}
    raced = {"model": sections["model"], "transfer": shared(sections["transfer"]), "augment": sections["preprocess"]["augment"]}
    ranking: Ranking = loop.run(
        select,
        {"inherit": inherit, "recalibrate": sections["transfer"]["recalibrate"]} | (raced if inherit["race"] else {}),
        [data.sha256, *(each.sha256 for each in candidates)],
        candidates=[each.ref for each in candidates],
        data=data,
    )
    return ranking


def _held(ancestors: list[Version]) -> tuple[list[str], list[str]]:
    """Data sets of whole families, whose rows keep their split; and the versions whose data set is not here any more."""
    family = {label: member for version in ancestors for label, member in lineage.ancestry(version).items()}
    folders = {member.data_uri: label for label, member in family.items() if member.data_uri}
    standing = sorted(folder for folder in folders if Path(folder).is_dir())
    return standing, sorted(label for folder, label in folders.items() if folder not in standing)
