import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from model_registry import artifacts, drawing, gates, lineage, manifest, stages, store, versions
from model_registry.errors import InputError, IntegrityError, StoreError
from model_registry.gates import Verdict
from model_registry.versions import Parent, Version

Maker = Callable[..., Version]


def test_register_records_operation_parents_and_hashes(make: Maker):
    parent = make("a")
    child = make("b", "pruned", [parent])
    assert child.ready
    assert (child.operation, child.version) == ("pruned", 2)
    assert child.parents == [Parent(name="digits", version=1, sha256=parent.sha256)]
    assert child.sha256 == manifest.sha256_of(artifacts.fetch(child) / "manifest.json")
    assert versions.made_by("digits", "b")[0].label == "digits/2"


def test_register_leaves_no_version_when_the_store_fails_midway(make: Maker, monkeypatch: pytest.MonkeyPatch):
    make("a")

    def cut_off(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store.client(), "create_model_version", cut_off)
    with pytest.raises(KeyboardInterrupt):
        make("b")
    assert [version.label for version in versions.search()] == ["digits/1"]


def test_version_made_by_other_means_is_not_ready(make: Maker):
    make("a")
    store.client().create_model_version("digits", source="/nowhere", run_id=None)
    assert [version.label for version in versions.unready()] == ["digits/2"]
    with pytest.raises(InputError, match="not ready"):
        artifacts.fetch(versions.get("digits", 2))
    assert versions.resolve("digits").label == "digits/1"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("digit", "Did you mean 'digits'"),
        ("digits@staging", "nothing stands there"),
        ("digits/99", r"Expected one of \[1\]"),
        ("a@b@c", "expected NAME@STAGE"),
    ],
)
def test_resolve_names_what_stands_when_the_address_is_wrong(make: Maker, address: str, message: str):
    make("a")
    with pytest.raises(InputError, match=message):
        versions.resolve(address)


def test_fetch_names_the_file_when_its_bytes_were_changed(make: Maker):
    version = make("a")
    (artifacts.fetch(version) / "model.keras").write_text("tampered")
    with pytest.raises(IntegrityError, match=r"model\.keras was changed"):
        artifacts.fetch(version)


def test_lineage_draws_a_shared_ancestor_once(make: Maker):
    ancestor = make("a")
    left, right = make("b", "pruned", [ancestor]), make("c", "fine-tuned", [ancestor])
    child = make("d", "fused", [left, right])
    assert lineage.as_text(child).splitlines() == [
        "digits/4  fused · 0.900",
        "├── digits/2  pruned · 0.900",
        "│   └── digits/1  trained · 0.900",
        "└── digits/3  fine-tuned · 0.900",
        "    └── digits/1  trained · 0.900",
    ]
    assert set(lineage.ancestry(child)) == {"digits/1", "digits/2", "digits/3", "digits/4"}
    assert lineage.descends_from(child, ancestor)
    assert not lineage.descends_from(ancestor, child)
    assert lineage.as_json(child)["edges"][0] == {
        "parent": "digits/2",
        "child": "digits/4",
        "role": "weights",
        "operation": "fused",
        "same_data": True,
        "deltas": {"validation_accuracy": 0.0},
    }
    assert lineage.as_mermaid(child).count("-->") == 4
    assert drawing.as_svg(child).count("<g>") == 4


def test_lineage_draws_a_deleted_parent_as_its_heir_knows_it(make: Maker):
    parent = make("a")
    child = make("b", "pruned", [parent])
    store.client().delete_model_version("digits", "1")
    known = lineage.ancestry(child)["digits/1"]
    assert (known.ready, known.operation, known.sha256) == (False, "deleted", parent.sha256)
    assert lineage.as_text(child).splitlines() == ["digits/2  pruned · 0.900", "└── digits/1  deleted"]
    assert [node["operation"] for node in lineage.as_json(child)["nodes"]] == ["pruned", "deleted"]
    assert "deleted" in lineage.as_mermaid(child)
    assert "deleted" in drawing.as_svg(child)


def test_candidates_offer_what_is_in_production_or_else_what_was_brought_in_or_passed(make: Maker):
    def offered(**options: str) -> list[str]:
        return [version.label for version in lineage.candidates(**options)]

    make("a", "trained")
    make("b", "quantized")
    assert offered() == []
    make("c", "inherited")
    assert offered() == ["digits/3"]
    make("d", "quantized", bundle=True, gate="passed")
    make("e", "quantized", bundle=True, gate="passed")
    make("f", "quantized", bundle=True, gate="refused")
    make("g", "retrained")
    assert offered() == ["digits/5"]
    stages.promote("digits", 4, "production")
    assert offered() == ["digits/4"]
    assert offered(exclude_name="digits") == []
    stages.promote("digits", 6, "production", force=True, reason="hot fix")
    assert offered() == ["digits/5"]


def test_from_mlflow_falls_back_when_others_wrote_the_tags(make: Maker):
    make("a")
    tags = {
        "archived": "true",
        "facts": "5",
        "parents": '{"name": "x"}',
        "trigger": '"x"',
        "test_accuracy": "abc",
    }
    for key, value in tags.items():
        store.client().set_model_version_tag("digits", "1", key, value)
    version = versions.get("digits", 1)
    assert (version.archived, version.facts, version.parents, version.trigger) == ({}, {}, [], {})
    assert version.test_accuracy is None
    assert version.stage == "None"
    for key, value in {"parents": '[{"name": "x"}]', "test_accuracy": "true", "trigger": "{"}.items():
        store.client().set_model_version_tag("digits", "1", key, value)
    version = versions.get("digits", 1)
    assert (version.parents, version.test_accuracy, version.trigger) == ([], None, {})


def test_lineage_leaves_out_figures_that_are_no_numbers(make: Maker):
    make("a")
    facts = '{"validation_accuracy": "good", "size_bytes": [1], "sparsity": NaN}'
    store.client().set_model_version_tag("digits", "1", "facts", facts)
    version = versions.get("digits", 1)
    assert lineage.as_text(version) == "digits/1  trained"
    assert "KiB" not in drawing.as_svg(version)


def test_names_reads_every_page(make: Maker, monkeypatch: pytest.MonkeyPatch):
    make("a")
    for name in ("c", "b", "e", "d"):
        store.client().create_registered_model(name)
    monkeypatch.setattr(versions, "_PAGE", 2)
    assert versions.names() == ["b", "c", "d", "digits", "e"]


def test_fetch_downloads_again_when_the_copy_was_damaged(make: Maker, monkeypatch: pytest.MonkeyPatch):
    version = make("a", bundle=True)
    original = artifacts.fetch(version)
    monkeypatch.setattr(artifacts, "_local", lambda _: None)  # as if the store were on another machine
    copy = artifacts.fetch(version)
    assert copy != original
    (copy / "model.keras").write_text("damaged")
    assert artifacts.fetch(version) == copy
    assert (copy / "model.keras").read_text() == "a"
    (copy / "model.keras").unlink()
    (original / "model.keras").write_text("tampered")
    with pytest.raises(IntegrityError, match=r"model\.keras was changed"):
        artifacts.fetch(version)


def test_verdict_is_read_back_as_it_was_recorded(make: Maker):
    version = make("a")
    verdict = Verdict(
        candidate=version.ref,
        passed=False,
        rules=[],
        metrics={"accuracy": 0.5, "auroc": None},
        intervals={},
        rows=10,
        run_id="r",
    )
    gates.record(verdict)
    judged = versions.get("digits", 1)
    assert (judged.gate, judged.test_accuracy) == ("refused", 0.5)
    assert gates.read(judged) == verdict


@pytest.mark.parametrize("written", [1, 2, 3])
def test_record_leaves_the_version_unjudged_when_it_is_cut_off(make: Maker, monkeypatch: pytest.MonkeyPatch, written: int):
    version = make("a", gate="passed")
    set_tag = store.client().set_model_version_tag
    left = iter(range(written))

    def cut_off(*arguments: str) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        set_tag(*arguments)

    refused = Verdict(candidate=version.ref, passed=False, rules=[], metrics={"accuracy": 0.5}, rows=10, run_id="r")
    with monkeypatch.context() as patch:
        patch.setattr(store.client(), "set_model_version_tag", cut_off)
        with pytest.raises(KeyboardInterrupt):
            gates.record(refused)
    assert versions.get("digits", 1).gate == ""
    gates.record(refused)
    assert versions.get("digits", 1).gate == "refused"


@pytest.mark.parametrize("text", ["passed", "[]", '{"passed": true}'])
def test_read_finds_no_verdict_when_it_has_another_form(make: Maker, text: str):
    version = make("a")
    assert gates.read(version) is None
    store.client().set_model_version_tag("digits", "1", "verdict", text)
    assert gates.read(version) is None


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [
        (OSError(28, "No space left on device"), "Free some space"),
        (PermissionError(13, "Permission denied"), "the right to write there"),
        (requests.exceptions.ChunkedEncodingError("cut off"), "Start it or correct MLFLOW_TRACKING_URI"),
        (OSError(), "failed while reading x: OSError"),
    ],
)
def test_plain_errors_name_the_remedy_when_disk_or_network_fails(workspace: Path, fault: OSError, remedy: str):
    with pytest.raises(StoreError, match=remedy) as told, store.plain_errors("reading x"):
        raise fault
    assert told.value.__cause__ is fault


@pytest.mark.parametrize("fault", [StoreError("said already"), FileNotFoundError("a file of the caller's")])
def test_plain_errors_let_pass_what_is_no_fault_of_the_store(workspace: Path, fault: Exception):
    with pytest.raises(type(fault)) as told, store.plain_errors("outer"), store.plain_errors("inner"):
        raise fault
    assert told.value is fault


def test_plain_errors_name_the_store_when_it_is_no_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    home = tmp_path / "broken"
    home.mkdir()
    (home / "mlflow.db").write_text("this is no database" * 100)
    monkeypatch.setenv("BEQUEST_HOME", str(home))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{home}/mlflow.db")
    with pytest.raises(StoreError, match=r"mlflow\.db failed"):
        versions.search()


@pytest.mark.slow
def test_plain_errors_name_the_remedy_when_another_process_holds_the_store(
    make: Maker, workspace: Path, capfd: pytest.CaptureFixture
):
    make("a")
    holder = sqlite3.connect(workspace / "mlflow.db")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match=r"database is locked\. Another process holds it"):
        make("b")
    holder.rollback()
    holder.close()
    assert capfd.readouterr().err == ""
    assert make("c").label == "digits/2"


def test_plain_errors_say_so_when_the_server_is_unreachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        monkeypatch.setenv("BEQUEST_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{taken.getsockname()[1]}")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        with pytest.raises(StoreError, match="Start it or correct MLFLOW_TRACKING_URI"):
            versions.search()


def test_register_gives_the_version_that_another_process_made_meanwhile(make: Maker, tmp_path: Path):
    first = make("a")
    folder = tmp_path / "again"
    folder.mkdir()
    (folder / "model.keras").write_text("the same, by another")
    again = versions.register(
        "digits",
        folder,
        operation="trained",
        parents=[],
        run_id=first.run_id,
        stage_key="a",
        standing=lambda: versions.made_by("digits", "a")[0],
    )
    assert (again.label, len(versions.search())) == (first.label, 1)
    assert len(store.client().search_logged_models([store.experiment("digits").experiment_id])) == 1
