"""The journal of a search: what was added is read again, and a line that a crash tore is as if it were never begun."""

import json
from typing import Any

import pytest

from tasks.methods.planning.candidate import Candidate
from tasks.methods.planning.front import Point
from tasks.plan_journal import Journal


def point(candidate: int, mode: str = "int8") -> Point:
    return Point(("clusters 16",), mode, 0.9, (0.8, 1.0), 0.1, 1000, 900, 0.1, 10, candidate)


@pytest.fixture(scope="module")
def networks() -> tuple[Any, Any]:
    from tasks.methods.networks.architectures import build

    return tuple(build("mlp", (3,), 2, [4], [], 0.0, seed) for seed in (0, 1))


def test_what_was_added_is_read_again_in_order(tmp_path, networks):
    from tasks.methods.networks.store import load

    journal = Journal(tmp_path / "plan", afresh=False)
    shared, learned = networks
    judged = {"int8": (point(0), b"one"), "int8_aware": (point(0, "int8_aware"), b"two")}
    journal.add(Candidate(clusters=16), shared, judged, {"int8_aware": learned})
    journal.add(Candidate(channels=0.5), None, {}, {})  # its training failed
    again = Journal(tmp_path / "plan", afresh=False)

    assert again.read() == [
        (Candidate(clusters=16), [point(0), point(0, "int8_aware")]),
        (Candidate(channels=0.5), []),
    ]
    assert [again.flatbuffer(each).read_bytes() for each in (point(0), point(0, "int8_aware"))] == [b"one", b"two"]
    for model, each in ((shared, point(0)), (learned, point(0, "int8_aware"))):
        assert (load(again.network(each)).get_weights()[0] == model.get_weights()[0]).all()


def test_adding_leaves_the_lines_before_alone(tmp_path):
    journal = Journal(tmp_path, afresh=False)
    sizes = []
    for channels in (0.25, 0.5, 0.75):
        before = (tmp_path / "tried.jsonl").read_bytes() if sizes else b""
        journal.add(Candidate(channels=channels), None, {}, {})
        written = (tmp_path / "tried.jsonl").read_bytes()
        assert written.startswith(before)
        sizes.append(len(written) - len(before))
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("kept", [0, 1, 20, -1])
def test_a_torn_last_line_is_forgotten_and_the_next_one_stands_by_itself(tmp_path, kept):
    journal = Journal(tmp_path, afresh=False)
    journal.add(Candidate(channels=0.25), None, {}, {})
    line = json.dumps({"candidate": Candidate(channels=0.5).as_json(), "points": []})
    with (tmp_path / "tried.jsonl").open("a") as torn:
        torn.write(line[:kept])  # all but the newline would still be a torn line
    again = Journal(tmp_path, afresh=False)

    assert [candidate.channels for candidate, _ in again.read()] == [0.25]
    again.add(Candidate(channels=0.75), None, {}, {})
    assert [candidate.channels for candidate, _ in Journal(tmp_path, afresh=False).read()] == [0.25, 0.75]


def test_a_whole_line_without_its_end_is_torn_too(tmp_path):
    (tmp_path / "tried.jsonl").write_text(json.dumps({"candidate": Candidate().as_json(), "points": []}))
    assert Journal(tmp_path, afresh=False).read() == []


def test_afresh_forgets(tmp_path):
    Journal(tmp_path / "plan", afresh=False).add(Candidate(), None, {}, {})
    assert Journal(tmp_path / "plan", afresh=True).read() == []
