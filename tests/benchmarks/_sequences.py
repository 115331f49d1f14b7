"""Random sequences of what people and crashes do to the registry, held against a plain model of it after every step."""

import copy
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import sqlalchemy.orm
from _faults import Faults
from _registry_model import Label, Member, Registry
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from flows.doctor.registry import registry as doctor
from model_registry import bulk, promotions, stages, store, versions, withdrawal
from model_registry.errors import BequestError
from model_registry.versions import Parent, Version
from model_registry.workspace import current

NAMES = ("left", "right")
_TABLES = (
    "registered_model_aliases",
    "registered_model_tags",
    "model_version_tags",
    "model_versions",
    "registered_models",
    "logged_model_tags",
    "logged_models",
)
_ANY = st.integers(0, 11)
_NAME = st.sampled_from(NAMES)
_TO = st.sampled_from(["staging", "production", "production", "archived"])
_KIND = st.sampled_from(["promote", "promote", "rollback", "withdraw"])
_GATE = st.sampled_from(["passed", "passed", "refused", ""])


def keep(path: Path) -> None:
    """Keeps the store as it stands now, as what every sequence begins with."""
    with closing(sqlite3.connect(current().home / "mlflow.db")) as base, closing(sqlite3.connect(path)) as kept:
        base.backup(kept)


def begin_anew(kept: Path) -> None:
    """Gives the registry's tables what they held then; making another store would take a hundred times as long."""
    with closing(sqlite3.connect(current().home / "mlflow.db")) as base:
        base.execute("ATTACH ? AS kept", (str(kept),))
        with base:
            for table in _TABLES:
                base.execute(f"DELETE FROM main.{table}")
                base.execute(f"INSERT INTO main.{table} SELECT * FROM kept.{table}")


def _rows(query: str, *values: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(current().home / "mlflow.db")) as base:
        return base.execute(query, values).fetchall()


@contextmanager
def cached_queries() -> Iterator[None]:
    """MLflow loads tags and aliases by a query that SQLAlchemy compiles anew each time; another way to load the same is cached.

    A third of the processor's time, and no difference in what is read or written.
    """
    with mock.patch.object(sqlalchemy.orm, "subqueryload", sqlalchemy.orm.selectinload):
        yield


@cached_queries()
def run_sequences(faults: Faults, sequences: int, steps: int = 6) -> int:
    """Runs so many sequences, the same ones each time, on the workspace's store.

    Returns:
        How many were run.
    """
    run_ids = {name: store.client().create_run(store.experiment(name).experiment_id).info.run_id for name in NAMES}
    first = registration("left", "first", (), True, run_ids["left"])()
    second = registration("left", "second", (("left", first.version),), True, run_ids["left"])()
    store.client().set_model_version_tag("left", str(second.version), "gate", "passed")
    kept = current().home / "kept.db"
    keep(kept)
    count = 0

    class Machine(RegistryMachine):
        def __init__(self) -> None:
            nonlocal count
            count += 1
            begin_anew(kept)
            super().__init__(faults, run_ids)
            self.model.register("left", Member((), True, ""))
            self.model.register("left", Member((("left", first.version),), True, "passed"))

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=sequences,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],  # six steps are short enough to read, and shrinking them takes longer than all others
            report_multiple_bugs=False,
        ),
    )
    return count


def registration(name: str, key: str, parents: tuple[Label, ...], bundle: bool, run_id: str) -> Callable[[], Version]:
    """What a stage does: looks for what it made before it was killed, else makes it."""
    edges = [Parent(name=each.name, version=each.version, sha256=each.sha256) for each in map(_get, parents)]

    def standing() -> Version | None:
        return next(iter(versions.made_by(name, key)), None)

    def act() -> Version:
        with tempfile.TemporaryDirectory(dir=current().home) as folder:
            (Path(folder) / "model.keras").write_text(key)
            if bundle:
                (Path(folder) / "bundle").mkdir()
                (Path(folder) / "bundle" / "model.tflite").write_text(key)
            return standing() or versions.register(
                name,
                Path(folder),
                operation="fused" if edges else "trained",
                parents=edges,
                run_id=run_id,
                stage_key=key,
                standing=standing,
            )

    return act


class RegistryMachine(RuleBasedStateMachine):
    """Every rule does the same to the registry and to the model; the invariants compare the two."""

    def __init__(self, faults: Faults, run_ids: dict[str, str]) -> None:
        super().__init__()
        self.faults = faults
        self.run_ids = run_ids
        self.model = Registry()
        self.made = 0
        self.entries: dict[str, list[promotions.Entry]] = {name: [] for name in NAMES}

    @rule(name=_NAME, first=_ANY, second=_ANY, bundle=st.sampled_from([True, True, True, False]), gate=_GATE, cut=_ANY)
    def register(self, name: str, first: int, second: int, bundle: bool, gate: str, cut: int) -> None:
        """A further version of up to two of those that stand, cut off or not; the same stage runs again until it is there."""
        standing = sorted(self.model.members)
        parents = tuple(dict.fromkeys(standing[each] for each in (first, second) if each < len(standing)))
        self.made += 1
        act = registration(name, f"key-{self.made}", parents, bundle, self.run_ids[name])
        made = None
        with self.faults.after(cut):
            made = act()
        if made is None:
            made = act()
        if gate:
            store.client().set_model_version_tag(name, str(made.version), "gate", gate)
        assert (name, made.version) == self.model.register(name, Member(parents, bundle, gate))

    @rule(which=_ANY, to=_TO, force=st.booleans())
    def promote(self, which: int, to: str, force: bool) -> None:
        """A move to another stage."""
        self._do(*self._promotion(which, to, force))

    @rule(which=_ANY)
    def rollback(self, which: int) -> None:
        """A step back."""
        self._do(*self._rollback(which))

    @rule(which=_ANY, undone=st.booleans())
    def withdraw(self, which: int, undone: bool) -> None:
        """A withdrawal, or its undoing."""
        self._do(*self._withdrawal(which, undone))

    @rule(which=_ANY, out=st.booleans())
    def by_hand(self, which: int, out: bool) -> None:
        """Somebody moves production in MLflow's UI, or takes it out."""
        label = self._pick(which)
        if not out:
            store.client().set_registered_model_alias(label[0], "production", str(label[1]))
            self.model.by_hand(label)
        elif self.model.shelves[label[0]].production is not None:
            store.client().delete_registered_model_alias(label[0], "production")
            self.model.taken_out_by_hand(label[0])
        stages.reconcile(label[0])

    @rule(
        kind=st.sampled_from(["promote", "promote", "rollback", "withdraw"]), which=_ANY, to=_TO, flag=st.booleans(), cut=_ANY
    )
    def crash_and_repeat(self, kind: str, which: int, to: str, flag: bool, cut: int) -> None:
        """The process is killed in between two writes, and the same command is given again."""
        act, expected = self._command(kind, which, to, flag)
        outcome = None
        with self.faults.after(cut):
            outcome = self._outcome(act)
        if self.faults.struck:
            self._do(act, expected)
        else:
            assert outcome is expected(self.model)

    @rule(
        kind=st.sampled_from(["promote", "promote", "rollback", "withdraw"]), which=_ANY, to=_TO, flag=st.booleans(), cut=_ANY
    )
    def crash_and_repair(self, kind: str, which: int, to: str, flag: bool, cut: int) -> None:
        """The process is killed, and `bequest doctor --repair` comes by: all of the command is done, or nothing."""
        act, expected = self._command(kind, which, to, flag)
        with self.faults.after(cut):
            self._outcome(act)
        doctor(True)
        done = copy.deepcopy(self.model)
        if expected(done) is None and self._stands(done):
            self.model = done

    @invariant()
    def is_as_the_model_has_it(self) -> None:
        """Versions, stages, pointers, mirror, withdrawals, ledger: straight from the tables, as it is done after every step."""
        standing = self._standing()
        assert set(standing) == set(self.model.members)
        for label, version in standing.items():
            stage = self.model.stage(label)
            assert (version.stage, version.mirrored, version.ready) == (stage, stage, True), label
            assert {(each.name, each.version) for each in version.parents} <= set(standing)
            if stage == "Archived":
                assert version.archived["replaced_by"] == self.model.shelves[label[0]].archived[label[1]], label
        assert self._withdrawn(standing) == {label for label in standing if self.model.withdrawn(label)}
        for name in NAMES:
            tags = dict(_rows("SELECT key, value FROM registered_model_tags WHERE name = ?", name))
            entries = promotions.among(tags)
            assert entries[: len(self.entries[name])] == self.entries[name], "the ledger is append-only"
            self.entries[name] = entries
            shelf = self.model.shelves.get(name)
            assert promotions.in_production(entries) == (shelf.production if shelf else None)
            assert len(entries) == len(tags), "a note or a ticket was left behind"

    def teardown(self) -> None:
        """At the end of a sequence the same is asked of MLflow itself."""
        found = {(each.name, each.version): each for each in versions.search()}
        assert {label: each.stage for label, each in found.items()} == {label: self.model.stage(label) for label in found}
        assert set(found) == set(self.model.members)
        for name in self.model.shelves:
            champion = stages.champion(name)
            assert (champion.version if champion else None) == self.model.shelves[name].production

    @staticmethod
    def _standing() -> dict[Label, Version]:
        pointing: dict[str, dict[int, list[str]]] = {name: {} for name in NAMES}
        for name, number, alias in _rows("SELECT name, version, alias FROM registered_model_aliases"):
            pointing[name].setdefault(number, []).append(alias)
        found = [versions.from_mlflow(each) for each in bulk.versions_of() or []]
        return {(each.name, each.version): each for each in versions.with_aliases(found, pointing)}

    @staticmethod
    def _withdrawn(standing: dict[Label, Version]) -> set[Label]:
        found = withdrawal.within({version.label: version for version in standing.values()})
        return {label for label, version in standing.items() if version.label in found}

    def _stands(self, model: Registry) -> bool:
        standing = self._standing()
        withdrawn = self._withdrawn(standing)
        return all(
            version.stage == model.stage(label) and (label in withdrawn) == model.withdrawn(label)
            for label, version in standing.items()
        )

    def _pick(self, which: int) -> Label:
        standing = sorted(self.model.members)
        return standing[which % len(standing)]

    def _command(self, kind: str, which: int, to: str, flag: bool) -> "Command":
        if kind == "promote":
            return self._promotion(which, to, flag)
        return self._rollback(which) if kind == "rollback" else self._withdrawal(which, flag)

    def _promotion(self, which: int, to: str, force: bool) -> "Command":
        label = self._pick(which)
        return (
            lambda: stages.promote(*label, to, force=force, reason="because"),  # type: ignore[arg-type]
            lambda model: model.promote(label, to, force),
        )

    def _rollback(self, which: int) -> "Command":
        name, _ = self._pick(which)
        return lambda: stages.rollback(name), lambda model: model.rollback(name)

    def _withdrawal(self, which: int, undone: bool) -> "Command":
        label = self._pick(which)
        if undone:
            return lambda: withdrawal.undo(versions.get(*label)), lambda model: model.undo(label)
        return lambda: withdrawal.withdraw(versions.get(*label), "because"), lambda model: model.withdraw(label)

    def _do(self, act: Callable[[], Any], expected: "Expected") -> None:
        assert self._outcome(act) is expected(self.model)

    @staticmethod
    def _outcome(act: Callable[[], Any]) -> type[BequestError] | None:
        try:
            act()
        except BequestError as error:
            return type(error)
        return None


Expected = Callable[[Registry], type[BequestError] | None]
Command = tuple[Callable[[], Any], Expected]


def _get(label: Label) -> Version:
    return versions.get(*label)
