"""The loop: preprocess, compress, transfer, fuse, train, evaluate, deploy. Order only, no maths."""

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from flows import approval
from flows.beginning import begin
from flows.heirs import heirs_of, shared
from flows.loop import Loop, refreshed
from flows.outcome import Outcome, as_markdown
from flows.plan import Plan, plan
from model_registry import gates, ledger, lineage, stages, versions
from model_registry.drawing import as_svg
from model_registry.page import as_html
from model_registry.reference import DataRef, ModelRef
from model_registry.versions import Version
from tasks.compress import compress
from tasks.convert import convert
from tasks.data.digest import content_digest
from tasks.deploy import Deployment, deploy
from tasks.evaluate import evaluate
from tasks.fuse import FUSED_BY, fuse
from tasks.plan import plan as plan_compression
from tasks.recipe.inherit import dump, recipe_sha256
from tasks.stage import Job
from tasks.tracking import loop_run, outcomes
from tasks.train import train
from tasks.transfer import control

_CHEAP = {"preprocess", "select"}  # they look again whenever the registry has grown; what they come to tells what changed


@flow(name="inherit", flow_run_name="inherit {recipe}", validate_parameters=False)
def inherit(recipe: str, trigger: dict[str, Any] | None = None, refresh: str | None = None) -> Outcome:
    """Runs one recipe from data to deployment.

    Args:
        recipe: The recipe's file.
        trigger: What started it: `kind` (manual, schedule, drift, degradation, estimate), `reason`, `parent` of a retraining.
        refresh: A stage to do again, with all that follow, although nothing has changed.

    Raises:
        InputError: The recipe or its data is wrong.
        BequestError: A stage failed; the same call carries on where it stopped.
    """
    started, again = trigger or {"kind": "manual"}, refreshed(refresh)
    planned = plan(
        Path(recipe), prepare=lambda path: inherit(str(path), trigger={"kind": "prepare", "reason": f"for {recipe}"})
    )
    name = planned.recipe.name
    with loop_run(name, f"{name}: {started['kind']}", trigger=started) as (run, experiment_id):
        run.text("recipe.yaml", dump(planned.recipe))
        run.params(
            {
                "recipe": recipe,
                "ancestors": planned.recipe.inherit.ancestors,
                "inherited_keys": ", ".join(planned.inherited_keys) or "none",
            }
        )
        loop = Loop(
            Job(
                recipe=planned.recipe,
                recipe_sha256=recipe_sha256(planned.recipe),
                run_id=run.run_id,
                experiment_id=experiment_id,
                trigger=started,
                refreshed=again,
                handed_down_by=tuple(version.ref for version in planned.handed_down_by),
            )
        )
        data, ancestors = begin(loop, planned)
        candidate, scratch = _derive(loop, ancestors, [teacher.ref for teacher in planned.teachers], data)
        outcome = _finish(loop, planned, ancestors, candidate, scratch, data)
        run.rename(f"{outcome.version} {started['kind']}{' (unchanged)' if outcome.unchanged else ''}")
        run.text("lineage.txt", outcome.tree)
        standing = versions.get(candidate.name, candidate.version)
        run.text("lineage.svg", as_svg(standing))
        run.text("lineage.html", as_html(standing))
        run.json("outcome.json", outcome.model_dump(mode="json"))
        run.tags({"bequest.reused": ", ".join(loop.reused), "bequest.version": outcome.version, "bequest.gate": outcome.gate})
        known = {name: value for name, value in outcome.verdict.metrics.items() if value is not None}
        run.metrics({f"test_{name}": value for name, value in known.items()})
    create_markdown_artifact(as_markdown(outcome), key=f"{name.replace('.', '-').replace('_', '-')}-outcome", description=name)
    if outcome.awaits_approval and approval.is_served():
        return approval.ask(planned.recipe, outcome)
    return outcome


def _derive(loop: Loop, ancestors: list[ModelRef], teachers: list[ModelRef], data: DataRef) -> tuple[ModelRef, ModelRef | None]:
    """Ancestors to one converted model, and the from-scratch control."""
    recipe = loop.job.recipe
    sections = recipe.model_dump(mode="json")
    augmentation = {"augment": sections["preprocess"]["augment"]}
    learning = {"transfer": shared(sections["transfer"]), "model": sections["model"]} | augmentation
    solutions = [ref.sha256 for ref in loop.job.handed_down_by]
    smaller = [
        loop.run(
            compress,
            {
                "compress": sections["compress"]["prune"],
                "judged_as": [recipe.compress.judged_as, recipe.compress.quantize.calibration_rows],
                "batch_size": recipe.train.batch_size,
                "transfer": shared(sections["transfer"]),
            },
            [ancestor.sha256, ancestor.uri, data.sha256],
            ancestor=ancestor,
            data=data,
        )
        for ancestor in ancestors
    ]
    heirs = [heir for ancestor in smaller for heir in heirs_of(loop, ancestor, data, learning)]
    scratch = None
    if recipe.transfer.control or not heirs:
        scratch = loop.run(control, learning, [data.sha256, *solutions], data=data)
    members = [*heirs, *([scratch] if scratch else [])]
    fused = loop.run(
        fuse,
        {"fuse": sections["fuse"], "train": {name: sections["train"][name] for name in FUSED_BY}} | learning,
        [data.sha256, *solutions, *(heir.sha256 for heir in members)],
        heirs=members,
        data=data,
    )
    trained = loop.run(
        train,
        {"train": sections["train"], "trigger": loop.job.trigger.get("parent")} | augmentation,
        [fused.sha256, data.sha256, *solutions, *(teacher.sha256 for teacher in teachers)],
        model_ref=fused,
        data=data,
        taught_by=teachers,
    )
    converted = loop.run(
        plan_compression if recipe.compress.budget.limits else convert,
        # The served version carries the whole recipe: feedback and retraining read it there, so any change makes a new one.
        {"recipe": {name: section for name, section in sections.items() if name not in ("description", "run")}},
        [trained.sha256, data.sha256],
        model_ref=trained,
        data=data,
    )
    return converted, scratch


def _finish(
    loop: Loop, planned: Plan, ancestors: list[ModelRef], candidate: ModelRef, scratch: ModelRef | None, data: DataRef
) -> Outcome:
    """Judges and deploys the candidate, unless it or an heir of it stands in production already."""
    recipe = loop.job.recipe
    stages.reconcile(recipe.name)
    champion = stages.champion(recipe.name)
    version = versions.get(candidate.name, candidate.version)
    judged = gates.read(version)
    asked = "evaluate" in loop.job.refreshed
    superseded = champion is not None and lineage.descends_from(champion, version) and not asked
    withdrawn = not superseded and not asked and version.stage != "Production" and _was_in_production(version)
    if (superseded or withdrawn) and judged is not None:
        verdict = judged
        deployment = Deployment(
            version=version.label, stage=version.stage, rows_checked=0, disagreement=0.0, max_difference=0.0
        )
    else:
        against = champion.ref if champion is not None and champion.version != version.version else None
        verdict = loop.run(
            evaluate,
            {"evaluate": recipe.evaluate.model_dump(mode="json")},
            [
                candidate.sha256,
                data.sha256,
                against.sha256 if against else "none",
                scratch.sha256 if scratch else "none",
                content_digest(Path(golden)) if (golden := recipe.evaluate.gate.golden) else "none",
            ],
            candidate=candidate,
            data=data,
            champion=against,
            control=scratch,
        )
        deployment = loop.run(
            deploy,
            {"deploy": recipe.deploy.model_dump(mode="json")},
            [candidate.sha256, data.sha256, str(verdict.passed), verdict.run_id],
            candidate=candidate,
            data=data,
            verdict=verdict,
        )
    version = versions.get(candidate.name, candidate.version)
    reigning = stages.champion(recipe.name)
    family = lineage.ancestry(version)
    considered = [f"{ref.name}/{ref.version}" for ref in ancestors]
    notes = [*loop.notes, *outcomes(loop.job.experiment_id, loop.job.run_id)]
    if withdrawn:
        notes.append(
            f"{version.label} stood in production before and was taken out, so it is not put back unasked: "
            f"`bequest promote {version.name} {version.version} --to production` does"
        )
    outcome = Outcome(
        name=recipe.name,
        version=version.label,
        gate="passed" if verdict.passed else "refused",
        unchanged=not set(loop.done) - _CHEAP,
        superseded=superseded and judged is not None and reigning is not None and reigning.label != version.label,
        considered=considered,
        inherited=[label for label in considered if label in family],
        inherited_keys=list(planned.inherited_keys),
        notes=notes,
        reused=loop.reused,
        done=loop.done,
        verdict=verdict,
        deployment=deployment.model_copy(update={"stage": version.stage}),
        production=reigning.label if reigning else None,
        tree=lineage.as_text(version),
        run_id=loop.job.run_id,
    )
    if superseded or withdrawn or not approval.awaits(recipe, outcome):
        return outcome
    return outcome.model_copy(update={"awaits_approval": True, "notes": [*notes, approval.how(outcome)]})


def _was_in_production(version: Version) -> bool:
    """Whether a version stood in production once: that it left was somebody's decision, or a better heir's doing."""
    return any(entry.to == "Production" and entry.version == version.version for entry in ledger.read(version.name))
