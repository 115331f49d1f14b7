"""Checks of the registry: versions not made by bequest, files gone, stages moved by hand, withdrawn versions. Loads MLflow."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from flows.doctor import unfinished
from flows.doctor.check import Check
from flows.doctor.signatures import signatures
from model_registry.workspace import current, sqlite_file

if TYPE_CHECKING:
    from model_registry.versions import Version


def registry(repair: bool) -> list[Check]:
    """Whether what the registry lists can be used; nothing is looked at before there is a store."""
    file = sqlite_file(current().tracking_uri)
    if file is not None and not file.exists():
        return [Check("registry", "ok", "empty, its store is not made yet")]
    from model_registry import versions

    half_done = [*unfinished.halves(repair), *unfinished.runs(repair)]
    known = versions.search()
    ready = [version for version in known if version.ready]
    names = sorted({version.name for version in known})
    half_done += unfinished.moves(names, known, repair)
    unready = [version for version in known if not version.ready]
    return [
        *half_done,
        *_unready(unready),
        *_files(ready),
        *signatures(ready),
        *_moved(names, repair),
        *_clearance(names),
        *_withdrawn(ready),
    ]


def _unready(found: "list[Version]") -> list[Check]:
    if not found:
        return [Check("versions", "ok", "all were made by bequest and are ready")]
    listed = ", ".join(version.label for version in found)
    remedy = "They are never chosen, served or promoted. Bring a model in with `bequest import`, or delete them in MLflow's UI."
    return [Check("versions", "warn", f"not ready: {listed}", remedy)]


def _files(ready: "list[Version]") -> list[Check]:
    """Whether the files of each version stand, and whether those of staging and production are what was registered."""
    faults = [(version, fault) for version in ready if (fault := _fault(version)) is not None]
    if not faults:
        compared = f"sha256 compared for the {sum(map(_serves, ready))} in staging or production, the others by presence alone"
        return [Check("version files", "ok", f"those of {len(ready)} versions stand; {compared}")]
    serving = [version for version, _ in faults if _serves(version)]
    found = "; ".join(
        f"{kind}: {', '.join(f'{version.label}: {path}' for version, (what, path) in faults if what == kind)}"
        for kind in sorted({kind for _, (kind, _) in faults})
    )
    remedy = "Restore them from a backup, or run the recipe again: stages whose files are gone or changed are repeated."
    names = ", ".join(f"`bequest rollback {version.name}`" for version in serving if "production" in version.aliases)
    remedy += f" For production, first: {names}." if names else ""
    return [Check("version files", "fail" if serving else "warn", found, remedy)]


def _serves(version: "Version") -> bool:
    return version.stage in ("Staging", "Production")


def _fault(version: "Version") -> tuple[str, Path] | None:
    """The first file that is missing or changed; a store on another machine is not looked into."""
    from mlflow.utils.file_utils import local_file_uri_to_path
    from mlflow.utils.uri import is_local_uri

    from model_registry import manifest
    from model_registry.store import client, plain_errors

    with plain_errors(f"reading where the files of {version.label} are"):
        location = client().get_logged_model(version.model_id).artifact_location
    if not is_local_uri(location):
        return None
    folder = Path(local_file_uri_to_path(location))
    listing = folder / manifest.NAME
    if not listing.is_file():
        return "missing", listing
    if manifest.sha256_of(listing) != version.sha256:
        return "changed", listing
    for name, expected in json.loads(listing.read_text())["files"].items():
        if not (folder / name).is_file():
            return "missing", folder / name
        if _serves(version) and manifest.sha256_of(folder / name) != expected:
            return "changed", folder / name
    return None


def _moved(names: list[str], repair: bool) -> list[Check]:
    """Whether production is where the ledger says it is."""
    from model_registry import ledger, stages

    by_hand = []
    for name in names:
        champion = stages.champion(name)
        moves = [entry for entry in ledger.read(name) if entry.to == "Production"]
        if champion is not None and (not moves or moves[-1].version != champion.version):
            by_hand.append(champion)
    if not by_hand:
        return [Check("stages", "ok", "as the ledger has them")]
    found = ", ".join(f"{version.label} (gate: {version.gate or 'never judged'})" for version in by_hand)
    if repair:
        for version in by_hand:
            stages.reconcile(version.name)
        return [Check("stages", "ok", f"moved by hand, now in the ledger: {found}")]
    remedy = "Such moves are honoured. `bequest doctor --repair` notes them in the ledger; `bequest rollback` undoes them."
    return [Check("stages", "warn", f"put into production by hand: {found}", remedy)]


def _clearance(names: list[str]) -> list[Check]:
    """Whether what stands in production may serve."""
    from model_registry import clearance, stages

    standing = [champion for name in names if (champion := stages.champion(name)) is not None]
    faults = [told for champion in standing if (told := clearance.fault(champion))]
    if not faults:
        return [Check("production", "ok", "nothing stands there against the gate's word")]
    remedy = "What is meant to stand there needs a reason; `bequest serve` refuses it until then."
    return [Check("production", "warn", " ".join(faults), remedy)]


def _withdrawn(ready: "list[Version]") -> list[Check]:
    """Withdrawn versions that serve all the same; no finding where there is none."""
    from model_registry import withdrawal

    serving = [version for version in ready if _serves(version)]
    withdrawn = withdrawal.causes(*serving)
    return [
        Check(
            f"withdrawn from {version.name}",
            "fail" if version.stage == "Production" else "warn",
            f"{version.label} stands in {version.stage.lower()}, but {withdrawn[version.label][0].told(version.label)}",
            (f"`bequest rollback {version.name}` puts the former version back, " if version.stage == "Production" else "")
            + f"`bequest promote {version.name} {version.version} --to archived` takes it out.",
        )
        for version in serving
        if version.label in withdrawn
    ]
