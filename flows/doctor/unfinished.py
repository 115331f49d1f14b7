"""Checks of what killed processes left half done in the store; a repair finishes or removes it. Loads MLflow."""

from typing import TYPE_CHECKING

from flows.doctor.check import Check

if TYPE_CHECKING:
    from model_registry.versions import Version

_REPAIR = "`bequest doctor --repair`"


def halves(repair: bool) -> list[Check]:
    """Versions that bequest began and that are not ready."""
    from model_registry import leftovers

    found = leftovers.halves()
    if not found:
        return []
    done = {"finish": "made ready", "remove": "removed", "keep": "kept, as others rest on it"}
    planned = {"finish": "whole", "remove": "files incomplete", "keep": "files incomplete, others rest on it"}
    words = done if repair else planned
    if repair:
        for half in found:
            leftovers.settle(half)
    told = ", ".join(f"{half.version.label} ({words[half.outcome]})" for half in found)
    if repair:
        left = any(half.outcome == "keep" for half in found)
        remedy = "Restore its files from a backup." if left else ""
        return [Check("half-made versions", "warn" if left else "ok", told, remedy)]
    return [Check("half-made versions", "warn", told, f"{_REPAIR} makes the whole ones ready and removes the others.")]


def moves(names: list[str], known: "list[Version]", repair: bool) -> list[Check]:
    """Moves that were cut off, places in a queue that dead processes hold, and stages that MLflow shows otherwise."""
    from model_registry import ledger, processes, stages, tickets
    from model_registry import moves as registry_moves

    told = []
    for name in names:
        tags = ledger.tags(name)
        under_way = registry_moves.under_way(tags)
        if under_way is not None:
            told.append(f"{name}/{under_way.version}: {under_way.move} to {under_way.to} under way or cut off")
        stale = [each for each in tickets.among(tags) if processes.gone(each.holder)]
        told += [f"{name}: a place in its queue is held by a process that is gone ({each.holder})" for each in stale]
        apart = [each for each in known if each.name == name and each.ready and each.mirrored != each.stage]
        told += [f"{each.label}: MLflow's stage field has {each.mirrored}, its aliases {each.stage}" for each in apart]
        if repair and (under_way is not None or stale or apart):
            for each in stale:
                tickets.take_down(name, each.key)
            stages.reconcile(name)  # waits for a process that is at it still
    if not told:
        return []
    if repair:
        return [Check("moves cut off", "ok", f"finished, or taken back where nothing had happened yet: {'; '.join(told)}")]
    return [Check("moves cut off", "warn", "; ".join(told), f"{_REPAIR}, or the next move of that model, finishes them.")]


def runs(repair: bool) -> list[Check]:
    """Runs that MLflow shows as running and models that never became a version, whose process is gone."""
    from model_registry import leftovers

    experiments = leftovers.experiments()
    dead, orphans = leftovers.abandoned_runs(experiments), leftovers.orphans(experiments)
    if not dead and not orphans:
        return []
    told = [f"run {run.info.run_name} ({run.info.run_id})" for run in dead]
    told += [
        f"files of a {model.name} version that was never registered, or deleted since ({model.model_id})" for model in orphans
    ]
    if not repair:
        remedy = f"{_REPAIR} marks such runs as killed and deletes such files as MLflow's UI does."
        return [Check("left by dead processes", "warn", ", ".join(told), remedy)]
    for run in dead:
        leftovers.close(run)
    for model in orphans:
        leftovers.remove(model)
    return [Check("left by dead processes", "ok", f"marked as killed, or deleted: {', '.join(told)}")]
