"""Reading a stage and its bundle without MLflow: the same as with it, and nothing that is not as it was registered."""

import json
import subprocess
import sys

import pytest

from model_registry import glance, ledger, promotions, stages, versions
from model_registry.errors import GateRefused, InputError, IntegrityError, StoreError
from model_registry.store import client, ensure, experiment


@pytest.fixture(scope="module")
def made(shared_workspace):
    """things/1 in production by the gate's word, things/2 without a bundle, unjudged."""
    run_id = client().create_run(experiment("things").experiment_id).info.run_id
    for number, gate in ((1, "passed"), (2, "")):
        folder = shared_workspace / "staging" / str(number)
        (folder / "bundle").mkdir(parents=True) if number == 1 else folder.mkdir(parents=True)
        (folder / "model.keras").write_bytes(b"weights")
        if number == 1:
            (folder / "bundle" / "manifest.json").write_text("{}")
        made = versions.register("things", folder, operation="converted", parents=[], run_id=run_id, stage_key=str(number))
        client().set_model_version_tag("things", str(number), "gate", gate)
    stages.promote("things", 1, "production")
    return made


@pytest.fixture
def seen(made):
    store = glance.open_store(ensure().tracking_uri)
    return store, store.version("things", 1)


def test_glance_sees_what_mlflow_sees(seen):
    store, found = seen
    assert store.number_at("things", "production") == 1
    assert store.number_at("things", "staging") is None
    assert store.number_at("other", "production") is None
    whole = versions.get("things", 1)
    assert (found.label, found.sha256, found.ready, found.tags["gate"]) == (whole.label, whole.sha256, True, whole.gate)
    assert store.version("things", 9) is None
    assert any(key.startswith("promotion.") for key in store.model_tags("things"))


def test_glance_reads_the_bundle_and_holds_it_to_its_hashes(seen):
    store, found = seen
    assert glance.fetch_bundle(store, found) == {"manifest.json": b"{}"}

    class Changed:
        def __init__(self, path, content):
            self.path, self.content = path, content

        def read(self, seen, path):
            return self.content if path == self.path else store.read(seen, path)

    for path in ("bundle/manifest.json", "manifest.json"):
        with pytest.raises(IntegrityError, match=f"{path} was changed"):
            glance.fetch_bundle(Changed(path, b"other"), found)


def test_glance_reads_no_file_outside_a_bundle(seen):
    import hashlib

    _, found = seen
    for path in ("bundle/../model.keras", "bundle/a/b"):
        listed = json.dumps({"files": {path: "0"}}).encode()
        hostile = glance.Seen("things", 1, {"sha256": hashlib.sha256(listed).hexdigest()}, True, found.location)

        class Hostile:
            def read(self, seen, path, listed=listed):
                assert path == "manifest.json"
                return listed

        with pytest.raises(IntegrityError, match="not a file of a bundle"):
            glance.fetch_bundle(Hostile(), hostile)


def test_glance_says_so_when_a_version_has_no_bundle(seen):
    store, _ = seen
    with pytest.raises(InputError, match="no bundle"):
        glance.fetch_bundle(store, store.version("things", 2))


def test_glance_asks_for_clearance_as_clearance_does(seen):
    store, found = seen
    glance.require_clearance(store, found)
    unjudged = store.version("things", 2)
    with pytest.raises(GateRefused, match="never judged it"):
        glance.require_clearance(store, unjudged)
    entry = promotions.Entry(version=2, came_from="None", to="Production", reason="seen by hand")
    ledger.add("things", entry.model_copy(update={"move": "found"}))
    with pytest.raises(GateRefused):
        glance.require_clearance(store, unjudged)
    ledger.add("things", entry)
    glance.require_clearance(store, unjudged)
    with pytest.raises(InputError, match="not ready"):
        glance.require_clearance(store, glance.Seen("things", 1, found.tags, False, ""))


def test_glance_says_when_the_store_can_not_be_read(tmp_path):
    with pytest.raises(StoreError, match="can't be read"):
        glance.open_store(f"sqlite:///{tmp_path / 'none.db'}").number_at("things", "production")
    with pytest.raises(StoreError, match="can't be read"):
        glance.open_store("http://127.0.0.1:1").number_at("things", "production")
    with pytest.raises(InputError, match="sqlite:///FILE"):
        glance.open_store("postgresql://user:secret@host/db")


def test_glance_loads_no_mlflow():
    code = "import sys; from model_registry import glance; glance.open_store('sqlite:///x'); print('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"
