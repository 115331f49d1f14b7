"""What a recipe will do, step by step, and which of its keys are stated and which are defaults."""

from dataclasses import dataclass
from typing import Any

from tasks.recipe.evaluate_schema import Gate
from tasks.recipe.fuse_schema import Fuse
from tasks.recipe.inherit_schema import Inherit
from tasks.recipe.load import LoadedRecipe
from tasks.recipe.schema import Recipe
from tasks.recipe.shorthand import spelled_out


@dataclass(frozen=True)
class Summary:
    """A recipe in words.

    Attributes:
        plan: Stage and what it will do, in the order in which stages run; empty where keys are left to the ancestor.
        stated: Dotted key to value, as the file states it.
        defaulted: Dotted key to default, of every key the file does not state.
    """

    plan: tuple[tuple[str, str], ...]
    stated: dict[str, Any]
    defaulted: dict[str, Any]


def summarize(loaded: LoadedRecipe) -> Summary:
    """Puts a loaded recipe in words, before anything is handed down to it."""
    stated = spelled_out(loaded.stated)
    if loaded.missing:
        return Summary((), leaves(stated), {})
    recipe = loaded.recipe
    said = leaves(stated)
    whole = leaves(recipe.model_dump(mode="json"))
    defaulted = {key: value for key, value in whole.items() if not _is_said(key, said)}
    return Summary(tuple(_plan(recipe)), said, defaulted)


def _is_said(key: str, said: dict[str, Any]) -> bool:
    return key in said or any(stated.startswith(f"{key}.") or key.startswith(f"{stated}.") for stated in said)


def leaves(section: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Dotted key to value, of every key with no keys below it."""
    found: dict[str, Any] = {}
    for key, value in section.items():
        if isinstance(value, dict) and value:
            found |= leaves(value, f"{above}{key}.")
        else:
            found[f"{above}{key}"] = value
    return found


def _plan(recipe: Recipe) -> list[tuple[str, str]]:
    return [
        ("inherit", _inherit(recipe.inherit)),
        ("preprocess", _preprocess(recipe)),
        ("compress", _compress(recipe)),
        ("transfer", _transfer(recipe)),
        ("fuse", _fuse(recipe.fuse)),
        ("train", _train(recipe)),
        ("evaluate", _evaluate(recipe.evaluate.gate)),
        ("deploy", _deploy(recipe)),
        ("feedback", _feedback(recipe)),
    ]


def _inherit(inherit: Inherit) -> str:
    if not inherit.ancestors:
        return "from nobody; a network is trained from scratch"
    if inherit.ancestors == "auto":
        race = "; the best race a network from scratch first" if inherit.race else ""
        most, by = inherit.max_ancestors, " and ".join(inherit.ranked_by)
        return f"weights alone, from up to {most} of the registry's models, ranked by {by}{race}"
    solution = "; keys not stated here are taken from the first one's recipe" if inherit.solution else ""
    return f"from {', '.join(inherit.ancestors)}{solution}"


def _preprocess(recipe: Recipe) -> str:
    data, split = recipe.data, recipe.preprocess.split
    share = "" if (data.rows.start, data.rows.end) == (0, 1) else f", rows {data.rows.start:g} to {data.rows.end:g}"
    classes = "" if data.classes is None else f", classes {', '.join(map(str, data.classes))}"
    batches = f", {len(data.append)} further batches" if data.append else ""
    parts = f"{1 - split.validation - split.test:g} / {split.validation:g} / {split.test:g}"
    sizes = f"by column {split.column}" if split.strategy == "predefined" else f"{split.strategy}, {parts}"
    return f"{data.source}{share}{classes}{batches}; checked against the data contract; split {sizes}"


def _compress(recipe: Recipe) -> str:
    prune = recipe.compress.prune
    if prune is None:
        return "nothing; ancestors stay whole"
    if prune.pattern == "channels":
        smaller = f"each ancestor rebuilt without {prune.sparsity:.0%} of its channels"
    elif prune.budget == "scan":
        smaller = f"each ancestor pruned layer by layer as far as it stands it, to sparsity {prune.sparsity:g} at most"
    else:
        smaller = f"each ancestor pruned to sparsity {prune.sparsity:g}"
    return f"{smaller}, unless that costs more than {prune.max_drop:g} accuracy"


def _transfer(recipe: Recipe) -> str:
    stages, epochs = recipe.transfer.stages, sum(stage.epochs for stage in recipe.transfer.stages)
    control = "; a network from scratch competes" if recipe.transfer.control else ""
    heirs = f"one heir an ancestor by each of {', '.join(recipe.transfer.objectives)}; "
    heirs = heirs if recipe.transfer.objectives != ["fine_tuning"] else ""
    return f"{heirs}unfreezing {', then '.join(str(stage.unfreeze) for stage in stages)}, at most {epochs} epochs{control}"


def _fuse(fuse: Fuse) -> str:
    ways = fuse.method if fuse.method == "auto" else " or ".join(fuse.ways)
    limits = [f"{fuse.budget.latency_ratio:g} times the fastest one's latency"] if fuse.budget.latency_ratio else []
    limits += [f"{fuse.budget.size_bytes} bytes"] if fuse.budget.size_bytes else []
    within = f" within {' and '.join(limits)}" if limits else ""
    taught = ", or distilled into one" if fuse.distil else ""
    return (
        f"the heirs by {ways}{taught}{within}, where that gains more than chance and {fuse.min_gain:g} validation log loss "
        "over the best of them"
    )


def _train(recipe: Recipe) -> str:
    search = recipe.train.search
    trials = f"{search.trials} settings tried in {search.timeout_s:g} s, then " if search.trials else ""
    return f"{trials}at most {recipe.train.epochs} epochs with {recipe.train.optimizer}"


def _evaluate(gate: Gate) -> str:
    limits = [f"{name} >= {value:g}" for name, value in gate.floors.items()]
    limits += [f"{name} <= {value:g}" for name, value in gate.ceilings.items()]
    if gate.champion is not None:
        margin = f" by a margin of {gate.champion.margin:g}" if gate.champion.rule == "non_inferior" else ""
        limits.append(f"{gate.champion.rule.replace('_', '-')} to the production version{margin}")
    slices = gate.slices
    limits += [f"{metric} >= {value:g} in every class" for metric, value in slices.by_class.items()]
    limits += [f"{m} >= {v:g} in every group of {column}" for column, floors in slices.by.items() for m, v in floors.items()]
    limits += [f"{cost} at most {value:g} times the production version's" for cost, value in gate.ratios.limits.items()]
    if gate.robustness is not None:
        limits.append(f"noise of {gate.robustness.noise:g} costs at most {gate.robustness.max_drop:g} accuracy")
    if gate.golden is not None:
        limits.append(f"no row of {gate.golden} is lost that the production version gets right")
    return f"promoted only if {' and '.join(limits)}" if limits else "no limits: every version may be promoted"


def _deploy(recipe: Recipe) -> str:
    to, compress = recipe.deploy.to, recipe.compress
    clusters = f", with {compress.cluster.clusters} values a kernel" if compress.cluster else ""
    how = "bundle as the budget's search finds it" if compress.budget.limits else f"{compress.quantize.mode} bundle{clusters}"
    person = ", once a person approves" if recipe.deploy.approval and to == "production" else ""
    return "nowhere" if to == "none" else f"as a verified {how}, to {to} at most{person}"


def _feedback(recipe: Recipe) -> str:
    feedback = recipe.feedback
    again = f"the loop starts again on {' or '.join(feedback.retrain_on)}" if feedback.retrain_on else "reports only"
    tests = [*feedback.drift.multivariate, *([feedback.sequential] if feedback.sequential else [])]
    more = f", {', '.join(tests)}" if tests else ""
    guess = f"; accuracy without labels by {feedback.estimate}" if feedback.estimate else ""
    return f"drift by {feedback.drift.numeric} and {feedback.drift.categorical}{more}{guess}; {again}"
