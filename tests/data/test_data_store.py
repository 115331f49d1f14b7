import pytest

from model_registry.errors import IntegrityError
from tasks.data.store import new_folder, verify_files


def test_new_folder_appears_whole_or_not_at_all(tmp_path):
    with pytest.raises(FileNotFoundError), new_folder(tmp_path / "data") as work:
        (work / "a").rename(work / "b")
    assert list(tmp_path.iterdir()) == []
    with new_folder(tmp_path / "data") as work:
        (work / "a").write_text("a")
        assert not (tmp_path / "data").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o755


def test_new_folder_leaves_the_folder_of_a_faster_process_alone(tmp_path):
    with new_folder(tmp_path / "data") as work:
        (work / "mine").write_text("")
        with new_folder(tmp_path / "data") as other:
            (other / "dataset.json").write_text("{}")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["dataset.json"]
    assert len(list(tmp_path.iterdir())) == 1


def test_verify_files_names_file_and_remedy(tmp_path):
    with pytest.raises(IntegrityError, match=r"rows.parquet: expected sha256 abc. Received: no file. .* delete"):
        verify_files(tmp_path, {"rows.parquet": "abc"})
