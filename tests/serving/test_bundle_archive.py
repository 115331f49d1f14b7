import zipfile
from pathlib import Path

import numpy as np
import pytest

from model_registry.errors import InputError, IntegrityError
from tasks import bundle, bundle_archive


def test_extract_gives_a_bundle_back_that_predicts_the_same(table_bundle: Path, tmp_path: Path):
    archive = tmp_path / "health.bundle"
    assert bundle_archive.write(table_bundle, archive) == archive.stat().st_size
    manifest = bundle_archive.extract(archive, tmp_path / "again")
    assert manifest == bundle.verify(table_bundle)
    for path in table_bundle.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()
    x = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    before, after = (bundle.Bundle.open(folder).predict_arrays(x) for folder in (table_bundle, tmp_path / "again"))
    np.testing.assert_array_equal(before, after)


def test_write_gives_equal_bytes_for_equal_bundles(table_bundle: Path, tmp_path: Path):
    for name in ("a", "b"):
        bundle_archive.write(table_bundle, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_extract_refuses_what_pack_did_not_write(table_bundle: Path, tmp_path: Path):
    archive, taken = tmp_path / "a", tmp_path / "taken"
    bundle_archive.write(table_bundle, archive)
    taken.mkdir()
    (taken / "mine").touch()
    with pytest.raises(InputError, match="new or an empty folder"):
        bundle_archive.extract(archive, taken)
    with pytest.raises(InputError, match="Found nothing there"):
        bundle_archive.extract(tmp_path / "none", tmp_path / "x")
    archive.write_bytes(archive.read_bytes()[:200])
    with pytest.raises(InputError, match="damaged file"):
        bundle_archive.extract(archive, tmp_path / "x")
    with zipfile.ZipFile(tmp_path / "evil", "w") as members:
        members.writestr("../outside", "x")
    with pytest.raises(InputError, match="expected the archive of a bundle"):
        bundle_archive.extract(tmp_path / "evil", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_extract_names_the_file_that_was_changed(table_bundle: Path, tmp_path: Path):
    archive, changed = tmp_path / "a", tmp_path / "b"
    bundle_archive.write(table_bundle, archive)
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(changed, "w") as new:
        for member in old.infolist():
            content = old.read(member)
            new.writestr(member.filename, content.replace(b"ill", b"sick") if member.filename == "labels.json" else content)
    with pytest.raises(IntegrityError, match=r"labels\.json: the file was changed"):
        bundle_archive.extract(changed, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_pack_and_unpack_commands_tell_what_they_wrote(table_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import json

    from typer.testing import CliRunner

    from flows.cli import app

    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(app, ["pack", str(table_bundle), "health.bundle", "--json"])
    assert told.exit_code == 0
    assert json.loads(told.stdout)["size_bytes"] == (tmp_path / "health.bundle").stat().st_size
    assert CliRunner().invoke(app, ["unpack", "health.bundle", "again"]).exit_code == 0
    bundle.verify(tmp_path / "again")
    again = CliRunner().invoke(app, ["unpack", "health.bundle", "again"])
    assert again.exit_code == 2
    assert "empty folder" in again.stderr
