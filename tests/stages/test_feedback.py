"""Feedback's stage: what one look at production leaves."""

from pathlib import Path

from tasks.feedback import new_folder


def test_two_looks_within_a_second_have_a_folder_each(workspace: Path):
    (first, at), (second, later) = new_folder("watched"), new_folder("watched")
    assert (first.is_dir(), second.is_dir(), first.name < second.name, at < later) == (True, True, True, True)
    assert first.name == f"watched-{at:%Y-%m-%dT%H-%M-%S}"
