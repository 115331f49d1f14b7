"""A ranking with the contracts of the chosen held against the target's rows: for a reader, as a run takes weights alone."""

from model_registry.reference import DataRef
from tasks.data.dataset import DataSet
from tasks.derive import opened
from tasks.ranking import Ranking
from tasks.solution_fit import held_against


def held_to_contracts(ranking: Ranking, data: DataRef) -> Ranking:
    """Adds to how the solution of each of the chosen fits what its data contract does not allow in the rows.

    Every row is looked at, which takes a second or so for each.

    Args:
        ranking: As the stage made it.
        data: The target data set.
    """
    rows, chosen = DataSet.open(data), {f"{ref.name}/{ref.version}": ref for ref in ranking.chosen}
    entries = {entry.version: entry for entry in ranking.entries}
    for label, ref in chosen.items():
        fit, (_, _, solution) = entries[label].solution, opened(ref)
        if fit is not None:
            entries[label] = entries[label].model_copy(update={"solution": held_against(fit, solution, rows)})
    return ranking.model_copy(update={"entries": list(entries.values())})
