"""Registered versions: an MLflow model version whose tags say what it is and where it comes from.

A version is created last, in one transaction that carries all of its tags, after its files stand and are
hashed. So there is no moment at which a reader can find one half made: what lacks the `ready` tag was made
by other means than bequest, and is never chosen, served or promoted.
"""

import difflib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints, TypeAdapter, ValidationError

from model_registry import acting, keys, manifest, signing
from model_registry.errors import InputError
from model_registry.locks import one_at_a_time
from model_registry.reference import ModelRef
from model_registry.store import absent, client, experiment, plain_errors

Operation = Literal[
    "inherited", "pruned", "clustered", "quantized", "distilled", "fine-tuned", "fused", "trained", "retrained", "converted"
]
_PAGE = 1000  # the most that MLflow gives at once
_ADDRESS = re.compile(r"^(?:models:/)?(?P<name>[^@/]+)(?:@(?P<alias>[^@/]+)|/(?P<version>\d+))?$")


class Parent(BaseModel):
    """One edge of the family tree, seen from the child."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: int
    sha256: str
    role: Literal["weights", "solution", "teacher"] = "weights"


class Version(BaseModel):
    """What the registry knows of one version."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: int
    ready: bool
    operation: str = "unknown"
    parents: list[Parent] = Field(default_factory=list)
    sha256: str = ""
    recipe_sha256: str = ""
    data_sha256: str = ""
    data_uri: str = ""
    stage_key: str = ""
    trigger: dict[str, Any] = Field(default_factory=dict)
    facts: dict[str, Any] = Field(default_factory=dict)
    gate: str = ""
    test_accuracy: float | None = None
    run_id: str = ""
    model_id: str = ""
    aliases: list[str] = Field(default_factory=list)
    archived: dict[str, Any] = Field(default_factory=dict)
    by: str = Field("unknown", description="Who made it; unknown for versions from before that was recorded.")
    withdrawn: list[str] = Field(default_factory=list, description="Labels of withdrawn versions it is marked with.")
    withdrawals: list[dict[str, Any]] = Field(default_factory=list, description="Its own withdrawals and what undid them.")
    signed_by: str = Field("", description="Id of the key that signed it, by its tag; `trust.require` is what verifies it.")
    reproductions: list[dict[str, Any]] = Field(default_factory=list, description="What came of making it once more.")
    mirrored: str = Field("None", exclude=True, description="MLflow's deprecated stage field, which follows `stage`.")
    created: datetime

    @property
    def label(self) -> str:
        """`name/version`, as people write it."""
        return f"{self.name}/{self.version}"

    @property
    def uri(self) -> str:
        """`models:/name/version`, as MLflow writes it."""
        return f"models:/{self.name}/{self.version}"

    @property
    def ref(self) -> ModelRef:
        """What travels between tasks."""
        return ModelRef(uri=self.uri, sha256=self.sha256)

    @property
    def stage(self) -> str:
        """None, Staging, Production or Archived: read from the aliases, which are the truth."""
        if "production" in self.aliases:
            return "Production"
        if "staging" in self.aliases:
            return "Staging"
        return "Archived" if self.archived else "None"

    def figure(self, name: str) -> float | None:
        """The fact of that name, where it is a number."""
        value = self.facts.get(name)
        return value if isinstance(value, int | float) else None


T = TypeVar("T")
_FACTS = TypeAdapter(dict[str, Any])
_PARENTS = TypeAdapter(list[Parent])
_LABELS = TypeAdapter(list[Annotated[str, StringConstraints(pattern=r"^[^/]+/\d+$")]])
_EVENTS = TypeAdapter(list[dict[str, Any]])
_ACCURACY: TypeAdapter[float | None] = TypeAdapter(FiniteFloat)


def _json(tags: dict[str, str], key: str, form: TypeAdapter[T], otherwise: T) -> T:
    """A tag's JSON where it has the expected form: anyone may write tags, under these keys too."""
    try:
        return form.validate_json(tags[key], strict=True)
    except (KeyError, ValidationError):
        return otherwise


def from_mlflow(found: ModelVersion) -> Version:
    """Reads MLflow's record of a version; tags of another form than bequest's count as absent."""
    tags = dict(found.tags or {})
    source = found.source or ""
    return Version(
        name=found.name,
        version=int(found.version),
        ready=tags.get("ready") == "true" and found.status == "READY",
        operation=tags.get("operation", "unknown"),
        parents=_json(tags, "parents", _PARENTS, []),
        sha256=tags.get("sha256", ""),
        recipe_sha256=tags.get("recipe_sha256", ""),
        data_sha256=tags.get("data_sha256", ""),
        data_uri=tags.get("data_uri", ""),
        stage_key=tags.get("stage_key", ""),
        trigger=_json(tags, "trigger", _FACTS, {}),
        facts=_json(tags, "facts", _FACTS, {}),
        gate=tags.get("gate", ""),
        test_accuracy=_json(tags, "test_accuracy", _ACCURACY, None),
        run_id=found.run_id or "",
        # A version made from a LoggedModel has its id in `source`, not in `model_id`.
        model_id=found.model_id or (source.removeprefix("models:/") if source.startswith("models:/m-") else ""),
        aliases=[str(alias) for alias in found.aliases or []],
        archived=_json(tags, "archived", _FACTS, {}),
        by=tags.get("by") or "unknown",
        withdrawn=_json(tags, "withdrawn", _LABELS, []),
        withdrawals=_json(tags, "withdrawals", _EVENTS, []),
        signed_by=tags.get(signing.TAG, ""),
        reproductions=_json(tags, "reproductions", _EVENTS, []),
        mirrored=getattr(found, "current_stage", None) or "None",
        created=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
    )


def register(
    name: str,
    folder: Path,
    *,
    operation: Operation,
    parents: list[Parent],
    run_id: str,
    stage_key: str,
    recipe_sha256: str = "",
    data_sha256: str = "",
    data_uri: str = "",
    trigger: dict[str, Any] | None = None,
    facts: dict[str, Any] | None = None,
    description: str = "",
    standing: Callable[[], Version | None] = lambda: None,
    signed_by: str | None = None,
) -> Version:
    """Registers the files in `folder` as the next version of `name`.

    The files go up first, at the caller's leisure; what follows is one turn on the name: of several processes that made the
    same at once, the first registers it and all get its version.

    Args:
        name: The registered model's name; made where absent.
        folder: The version's files; a manifest is added.
        operation: What made it.
        parents: From which versions.
        run_id: The MLflow run that made it.
        stage_key: Cache key of the stage that made it, by which `made_by` finds it again.
        recipe_sha256: Hash of the whole recipe.
        data_sha256: Hash of the prepared data set's card.
        data_uri: Folder of the prepared data set.
        trigger: What started the loop (manual, schedule, drift), and why.
        facts: What the edge cost and gave: metrics, sizes, seconds.
        description: Markdown for MLflow's UI.
        standing: Looks for the version that another process may have made of the same meanwhile.
        signed_by: Id of the key whose signature is among the files, "" where they come without one; None: it is signed here,
            where a key is set.

    Raises:
        InputError: The signing key can't be used; no version was made.
        StoreError: The store failed; no version was made.
    """
    key = keys.signing_key() if signed_by is None else None
    sha256 = manifest.write(folder)
    tags = {
        "operation": operation,
        "parents": json.dumps([parent.model_dump() for parent in parents]),
        "sha256": sha256,
        "recipe_sha256": recipe_sha256,
        "data_sha256": data_sha256,
        "data_uri": data_uri,
        "stage_key": stage_key,
        "trigger": json.dumps(trigger or {}),
        "facts": json.dumps(facts or {}),
        "by": acting.who(),
        "ready": "true",
    } | ({signing.TAG: signed_by} if signed_by else {})
    store = client()
    with plain_errors(f"registering a {operation} version of {name}"):
        logged = store.create_logged_model(
            experiment(name).experiment_id,
            name=operation,
            source_run_id=run_id,
            tags={"operation": operation, "sha256": sha256},
            model_type="tf_keras",
        )
        store.log_model_artifacts(logged.model_id, str(folder))
        store.finalize_logged_model(logged.model_id, "READY")
        _ensure_name(name)
    with one_at_a_time(name):
        if (already := standing()) is not None:
            with plain_errors(f"leaving {already.label} as it is"):
                store.delete_logged_model(logged.model_id)
            return already
        with plain_errors(f"registering a {operation} version of {name}"):
            made = store.create_model_version(
                name,
                source=f"models:/{logged.model_id}",
                run_id=run_id,
                tags=tags,
                description=description,
                model_id=logged.model_id,  # a server refuses a LoggedModel's source without it
            )
    version = from_mlflow(made)
    if key is None:
        return version
    return version.model_copy(update={"signed_by": signing.sign(version, folder, key).key})


def made_by(name: str, stage_key: str) -> list[Version]:
    """Ready versions that a stage with this cache key has made, newest first."""
    return [version for version in search(f"name = '{name}' and tags.stage_key = '{stage_key}'") if version.ready]


def _ensure_name(name: str) -> None:
    try:
        client().create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def search(query: str = "", *, limit: int = 10_000, aliases: dict[str, dict[int, list[str]]] | None = None) -> list[Version]:
    """Versions that match an MLflow filter, newest first, read page by page; `aliases` as `with_aliases` takes them."""
    found: list[Version] = []
    token = None
    with plain_errors("searching the registry"):
        while len(found) < limit:
            page = client().search_model_versions(
                query, max_results=min(limit - len(found), _PAGE), order_by=["creation_timestamp DESC"], page_token=token
            )
            found += [from_mlflow(version) for version in page]
            token = page.token
            if not token:
                break
    return with_aliases(found, {} if aliases is None else aliases)


def up_to(name: str, number: int, most: int) -> list[Version]:
    """One page of a name: the versions up to a number, the highest first, without their aliases.

    A page of a hundred takes as long as two versions that are read one by one.
    """
    with plain_errors(f"reading {name}/{number} and those before it"):
        page = client().search_model_versions(
            f"name = '{name}' and version_number <= {number}",
            max_results=min(most, _PAGE),
            order_by=["version_number DESC"],
        )
        return [from_mlflow(version) for version in page]


def with_aliases(found: list[Version], known: dict[str, dict[int, list[str]]]) -> list[Version]:
    """The same versions with their aliases: a search leaves them out; the registered model has them all.

    Args:
        found: What a search gave.
        known: Aliases by name and number as far as they were read; what had to be read is added.
    """
    for name in {version.name for version in found} - set(known):
        known[name] = _aliases(name)
    aliases = [known[version.name].get(version.version, []) for version in found]
    # Most have none: thousands of copies would take longer than reading them.
    return [
        version if version.aliases == own else version.model_copy(update={"aliases": own})
        for version, own in zip(found, aliases, strict=True)
    ]


def _aliases(name: str) -> dict[int, list[str]]:
    """Version number -> aliases."""
    pointing: dict[int, list[str]] = {}
    with plain_errors(f"reading the aliases of {name}"):
        # A search for the name: `get_registered_model` would read every version of it.
        for model in client().search_registered_models(f"name = '{name}'", max_results=1):
            for alias, number in model.aliases.items():
                pointing.setdefault(int(number), []).append(alias)
    return pointing


def names() -> list[str]:
    """All registered names, sorted, read page by page."""
    found: list[str] = []
    token = None
    with plain_errors("listing models"):
        while True:
            page = client().search_registered_models(max_results=_PAGE, page_token=token)
            found += [model.name for model in page]
            token = page.token
            if not token:
                return sorted(found)


def find(name: str, version: int) -> Version | None:
    """One version, if it stands."""
    with plain_errors(f"reading {name}/{version}"):
        try:
            # Only `get_model_version` fills in the aliases.
            return from_mlflow(client().get_model_version(name, str(version)))
        except MlflowException as error:
            if not absent(error):
                raise
            return None


def get(name: str, version: int) -> Version:
    """One version.

    Raises:
        InputError: No such name or version; the message names the nearest.
    """
    standing = find(name, version)
    if standing is not None:
        return standing
    _unknown(name)
    numbers = sorted(found.version for found in search(f"name = '{name}'"))
    raise InputError(f"{name}/{version}: no such version. Expected one of {numbers}. `bequest status` lists what stands.")


def resolve(address: str) -> Version:
    """The version an address means.

    Args:
        address: `name@alias`, `name/version` or `name` (production, else staging, else the newest), each
            with or without `models:/`.

    Raises:
        InputError: The address can't be read, or nothing stands there.
    """
    match = _ADDRESS.match(address)
    if match is None:
        raise InputError(
            f"{address!r}: expected NAME@STAGE, NAME/VERSION or NAME, e.g. digits@production. Received: {address!r}."
        )
    name, alias, number = match["name"], match["alias"], match["version"]
    if number:
        return get(name, int(number))
    if alias:
        found = at(name, alias.lower())
        if found is None:
            _unknown(name)
            raise InputError(
                f"{name}@{alias}: nothing stands there. `bequest status {name}` lists its versions; "
                f"`bequest promote {name} VERSION --to {alias.lower()}` puts one there."
            )
        return found
    for stage in ("production", "staging"):
        found = at(name, stage)
        if found is not None:
            return found
    _unknown(name)
    ready = [version for version in search(f"name = '{name}'") if version.ready]
    if not ready:
        raise InputError(f"{name}: it has no version that is ready. `bequest status {name}` says what it has.")
    return get(name, max(version.version for version in ready))


def at(name: str, alias: str) -> Version | None:
    """The version an alias points at, if any."""
    with plain_errors(f"reading {name}@{alias}"):
        try:
            return from_mlflow(client().get_model_version_by_alias(name, alias))
        except MlflowException as error:
            if not absent(error):
                raise
            return None


def unready() -> list[Version]:
    """Versions without the tags of one made by bequest: never chosen, served or promoted."""
    return [version for version in search() if not version.ready]


def _unknown(name: str) -> None:
    standing = names()
    if name not in standing:
        near = difflib.get_close_matches(name, standing, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise InputError(
            f"{name}: no such model in the registry. It holds {standing or 'nothing yet'}.{hint} "
            "`bequest run RECIPE` makes one, `bequest import PATH --name NAME` brings one in."
        )
