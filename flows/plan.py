"""What a recipe comes to once its ancestors are found and their solution is filled in."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from model_registry import artifacts, stages, versions, withdrawal
from model_registry.errors import BequestError, InputError
from model_registry.versions import Version
from tasks.data.contract import profiled_on
from tasks.data.digest import source_digest
from tasks.inference_only import is_solution_only, require_network
from tasks.recipe.inherit import merge
from tasks.recipe.load import LoadedRecipe, load, parse
from tasks.recipe.paths import anchored
from tasks.recipe.schema import Recipe
from tasks.solution import Solution


@dataclass(frozen=True)
class Plan:
    """A recipe ready to run.

    Attributes:
        recipe: The whole recipe, its paths absolute.
        base: Folder of the recipe's file.
        ancestors: The versions named in it, in order; empty with `auto` until the registry has ranked its candidates.
        handed_down_by: Versions named among the ancestors that are a solution alone: nothing of them is trained.
        teachers: The versions that teach while the final model is trained, in order.
        inherited_keys: Dotted keys that came from the first ancestor's recipe.
        contract: The data contract to hold to: of the first ancestor where it is a version of the same model, else of the
            version in production.
        other_contracts: Contracts of named ancestors of other projects, by label: told where the data differs, not enforced.
    """

    recipe: Recipe
    base: Path
    ancestors: list[Version]
    handed_down_by: list[Version]
    teachers: list[Version]
    inherited_keys: tuple[str, ...]
    contract: dict | None
    other_contracts: dict[str, dict]

    @property
    def automatic(self) -> bool:
        """Whether the registry chooses the ancestors."""
        return self.recipe.inherit.ancestors == "auto"


def plan(path: Path, *, prepare: Callable[[Path], object]) -> Plan:
    """Loads a recipe, finds its ancestors and fills in what they hand down.

    Args:
        path: The recipe's file.
        prepare: Runs one of the recipes under `inherit.prepare`; called where a named ancestor does not stand yet.

    Raises:
        InputError: The recipe is wrong, an ancestor is withdrawn, or does not stand and nothing prepares it.
    """
    loaded = load(path)
    ancestors = _ancestors(loaded, prepare)
    _refuse_withdrawn(path, "inherit.ancestors", ancestors)
    handed_down_by, learning = _by_what_they_give(loaded, ancestors)
    stated, contract = anchored(loaded.stated, loaded.base), None
    inherited_keys: tuple[str, ...] = ()
    if loaded.inherit.solution and ancestors:
        solution = Solution.read(artifacts.fetch(ancestors[0]))
        if solution.recipe is not None:
            merged = merge(stated, solution.recipe)
            stated, inherited_keys = merged.stated, merged.inherited_keys
        elif loaded.missing:
            raise InputError(
                f"{path}: {', '.join(loaded.missing)}: not stated, and {ancestors[0].label} has no recipe to hand down. "
                "State them in the file."
            )
        # Another project's contract lists other classes and columns; only a version of the same model hands its own down.
        if ancestors[0].name == stated.get("name"):
            contract = solution.contract
    recipe = parse(stated, origin=str(path))
    distil = recipe.train.distil
    teachers = [versions.resolve(address) for address in distil.teachers] if distil else []
    _refuse_withdrawn(path, "train.distil.teachers", teachers)
    return Plan(
        recipe,
        loaded.base,
        learning,
        handed_down_by,
        teachers,
        tuple(inherited_keys),
        contract or _reigning_contract(recipe, loaded.base),
        _other_contracts(recipe, ancestors),
    )


def _refuse_withdrawn(path: Path, key: str, named: list[Version]) -> None:
    for label, causes in withdrawal.causes(*named).items():
        raise InputError(
            f"{path}: {key}: {label}: {causes[0].told(label)}. What is made from it could not be promoted. Name another "
            f"version, or take the withdrawal back: `bequest withdraw {causes[0].of} --undo`."
        )


def _other_contracts(recipe: Recipe, ancestors: list[Version]) -> dict[str, dict]:
    others = {each.label: Solution.read(artifacts.fetch(each)).contract for each in ancestors if each.name != recipe.name}
    return {label: contract for label, contract in others.items() if contract is not None}


def _by_what_they_give(loaded: LoadedRecipe, ancestors: list[Version]) -> tuple[list[Version], list[Version]]:
    """Those that are a solution alone, and those with a network to train further."""
    learning = [version for version in ancestors if not is_solution_only(version)]
    for version in learning:
        require_network(version, named_in="inherit.ancestors")
    alone = [version for version in ancestors if is_solution_only(version)]
    idle = alone if not loaded.inherit.solution else [version for version in alone if version is not ancestors[0]]
    if idle:
        raise InputError(
            f"{loaded.path}: inherit.ancestors: {idle[0].label} is a solution alone, and the recipe is taken over from the "
            "first ancestor, unless inherit.solution is false. Name it first, or leave it out."
        )
    return alone, learning


def _reigning_contract(recipe: Recipe, base: Path) -> dict | None:
    """The contract of the version in production, for a recipe that reads its rows alike but from other data.

    None on the very data that it was profiled on, where there is nothing to enforce; for a recipe that takes other columns
    or classes, which means another contract; and for one that names its own.
    """
    champion = stages.champion(recipe.name) if recipe.preprocess.contract.path is None else None
    if champion is None:
        return None
    try:
        solution = Solution.read(artifacts.fetch(champion))
    except BequestError:
        return None  # a damaged one is told where it is compared with
    if solution.recipe is None or solution.contract is None:
        return None
    if _form(Recipe.model_validate(solution.recipe)) != _form(recipe):
        return None
    return None if profiled_on(solution.contract) == source_digest(recipe, base) else solution.contract


def _form(recipe: Recipe) -> dict:
    return recipe.data.model_dump(mode="json", exclude={"source", "rows", "append"})


def _ancestors(loaded: LoadedRecipe, prepare: Callable[[Path], object]) -> list[Version]:
    if loaded.inherit.ancestors == "auto":
        return []
    try:
        return [versions.resolve(address) for address in loaded.inherit.ancestors]
    except InputError:
        if not loaded.inherit.prepare:
            raise
    for recipe in loaded.inherit.prepare:
        prepare(loaded.base / recipe)
    return [versions.resolve(address) for address in loaded.inherit.ancestors]
