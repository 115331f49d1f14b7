from pathlib import Path

import pytest

from model_registry import manifest
from model_registry.errors import IntegrityError


def test_verify_names_what_mends_a_version_in_production(tmp_path: Path):
    (tmp_path / "weights").write_text("1 2 3")
    sha256 = manifest.write(tmp_path)
    (tmp_path / "weights").write_text("1 2 4")
    with pytest.raises(IntegrityError, match=r"weights was changed\. Expected .* Restore the file from a backup") as told:
        manifest.verify(tmp_path, sha256, what="digits/3")
    assert "`bequest rollback digits`" in str(told.value)
    assert "`evaluate.gate.champion: null`" in str(told.value)
