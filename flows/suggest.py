"""What the registry would inherit from for a recipe: its candidates ranked on the target's rows, and nothing else run."""

from pathlib import Path
from typing import NoReturn

from prefect import flow

from flows.beginning import candidates_for, prepared, ranked
from flows.loop import Loop
from flows.plan import plan
from model_registry.errors import InputError
from tasks.ranking import Ranking
from tasks.ranking_contracts import held_to_contracts
from tasks.recipe.inherit import dump, recipe_sha256
from tasks.stage import Job
from tasks.tracking import loop_run


@flow(name="suggest", flow_run_name="suggest {recipe}", validate_parameters=False)
def suggest(recipe: str) -> tuple[Ranking, list[str]]:
    """Ranks the registry's candidates for a recipe, whether it names ancestors or leaves them to the registry.

    The data set is prepared as `bequest run` prepares it with `inherit: auto`, and neither is done again there.

    Args:
        recipe: The recipe's file.

    Returns:
        The ranking, and what else a person should know.

    Raises:
        InputError: The recipe or its data is wrong, or its ancestors do not stand and it leaves keys to them.
        BequestError: A stage failed.
    """
    planned = plan(Path(recipe), prepare=_refuse)
    name = planned.recipe.name
    with loop_run(name, f"{name}: suggest", trigger={"kind": "suggest"}) as (run, experiment_id):
        run.text("recipe.yaml", dump(planned.recipe))
        loop = Loop(
            Job(
                recipe=planned.recipe,
                recipe_sha256=recipe_sha256(planned.recipe),
                run_id=run.run_id,
                experiment_id=experiment_id,
                trigger={"kind": "suggest"},
            )
        )
        candidates = candidates_for(loop)
        data = prepared(loop, planned, candidates)
        ranking = held_to_contracts(ranked(loop, data, candidates), data)
        run.json("ranking.json", ranking.model_dump(mode="json"))
    return ranking, loop.notes


def _refuse(recipe: Path) -> NoReturn:
    raise InputError(
        f"inherit.ancestors: they do not stand yet, and {recipe} would have to be run first, while `bequest suggest` runs "
        "nothing. Run that recipe, or state `inherit: auto`."
    )
