"""What is kept of predictions and labels, as pyarrow reads it; and that keeping never harms a request."""

import asyncio
import datetime
import json
from dataclasses import replace

import httpx
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.serving import capture as capture_module
from deployments.serving import parquet
from deployments.serving.app import create_app
from deployments.serving.capture import Capture, Label, Prediction
from deployments.serving.lineup import Lineup
from deployments.serving.metrics import Metrics
from deployments.serving.privacy import Policy, make_policy
from deployments.serving.served import Rows, Served
from deployments.serving.service import Service
from deployments.serving.settings import Settings
from model_registry.errors import InputError
from tasks.bundle import Bundle

ROWS = [[50, 0.5, "cook"], [None, 0, None]]
KEY = "a-key-for-captured-columns"
AT = datetime.datetime(2026, 3, 4, 12, tzinfo=datetime.UTC).timestamp()


def read(content, tmp_path):
    path = tmp_path / "x.parquet"
    path.write_bytes(content)
    return pq.read_table(path)


@settings(max_examples=25, deadline=None)
@given(data=st.data(), rows=st.integers(1, 40))
def test_parquet_is_read_back_by_pyarrow_as_it_was_written(tmp_path_factory, data, rows):
    def column(values):
        return data.draw(st.lists(st.none() | values, min_size=rows, max_size=rows))

    columns = {
        "numbers": ("double", column(st.floats(allow_nan=False))),
        "whole": ("int64", column(st.integers(-(2**63), 2**63 - 1))),
        "texts äöü": ("string", column(st.text(st.characters(exclude_categories=["Cs"]), max_size=8))),
        "raw": ("bytes", column(st.binary(max_size=8))),
        "times": ("timestamp", column(st.integers(0, 2**45))),
        "empty": ("double", [None] * rows),
    }
    table = read(parquet.to_bytes(columns, {"name": "x", "längst": "ü"}), tmp_path_factory.mktemp("parquet"))
    assert table.column_names == list(columns)
    assert [str(field.type) for field in table.schema] == [
        "double",
        "int64",
        "string",
        "binary",
        "timestamp[us, tz=UTC]",
        "double",
    ]
    for name, (kind, values) in columns.items():
        found = table[name].cast("int64").to_pylist() if kind == "timestamp" else table[name].to_pylist()
        assert found == values
    assert table.schema.metadata[b"name"] == b"x"


def test_parquet_takes_many_columns_and_rows(tmp_path):
    columns = {f"c{number}": ("double", np.arange(3000.0).tolist()) for number in range(40)}
    table = read(parquet.to_bytes(columns), tmp_path)
    assert (table.num_rows, table.num_columns) == (3000, 40)
    assert table["c39"].to_pylist() == columns["c39"][1]


@pytest.fixture
def served(table_bundle):
    return Served(Bundle.open(table_bundle), "health", "7")


@pytest.fixture
def make(tmp_path):
    def made(policy=None, **changes):
        return Capture(tmp_path / "kept", policy or Policy(), Metrics(), **changes)

    return made


def prediction(served, identity="one", rows=ROWS, at=AT):
    raw = Rows(rows)
    return Prediction(identity, at, served, "production", raw, served.predict(served.encode(raw)))


def kept(tmp_path, what="predictions"):
    return sorted((tmp_path / "kept").glob(f"{what}/**/*.parquet"))


def test_capture_writes_rows_by_day_and_version(make, served, tmp_path):
    capture = make()
    for number in range(3):
        capture.put(prediction(served, f"id{number}"))
    capture.put(prediction(served, "later", at=AT + 86_400))
    capture.put(Label("id0", AT, "health", 1, "well"))
    capture.write()
    first, second = kept(tmp_path)
    assert first.relative_to(tmp_path / "kept").parts[:-1] == ("predictions", "name=health", "date=2026-03-04", "version=7")
    assert second.parent.parent.name == "date=2026-03-05"
    table = pq.read_table(first, partitioning=None).to_pydict()
    assert table["_request_id"] == ["id0", "id0", "id1", "id1", "id2", "id2"]
    assert table["_row"] == [0, 1] * 3
    assert table["_role"] == ["production"] * 6
    assert (table["age"], table["dose"], table["job"]) == ([50.0, None] * 3, [0.5, 0.0] * 3, ["cook", None] * 3)
    assert table["_label"][:2] == ["ill", "well"]
    np.testing.assert_allclose(table["_p_ill"][:2], [0.98201379, 0.37754067], rtol=1e-6)
    (labels,) = kept(tmp_path, "labels")
    assert pq.read_table(labels, partitioning=None).to_pydict()["_truth"] == ["well"]


def test_capture_keeps_pictures_with_their_shape(make, picture_bundle, tmp_path):
    served = Served(Bundle.open(picture_bundle), "digits", "1")
    pictures = np.arange(24).reshape(2, 4, 3) % 17
    capture = make()
    capture.put(Prediction("one", AT, served, "production", pictures, served.predict(served.encode(pictures))))
    capture.write()
    table = pq.read_table(kept(tmp_path)[0], partitioning=None)
    shape = tuple(map(int, table.schema.metadata[b"image_shape"].split(b",")))
    found = [np.frombuffer(each, np.float32).reshape(shape) for each in table["image"].to_pylist()]
    np.testing.assert_array_equal(np.array(found)[..., 0], pictures)


def test_capture_drops_columns_and_hashes_others_with_the_key(make, served, tmp_path):
    policy = make_policy(["age"], ["job"], ["age", "dose", "job"], {"BEQUEST_CAPTURE_KEY": KEY})
    capture = make(policy)
    capture.put(prediction(served, rows=[[50, 0.5, "cook"], [40, 0, "cook"], [1, 1, None]]))
    capture.write()
    (file,) = kept(tmp_path)
    table = pq.read_table(file, partitioning=None).to_pydict()
    assert "age" not in table
    assert pq.read_schema(file).metadata[b"withheld"] == b"age,job"
    first, second, missing = table["job"]
    assert first == second != "cook"
    assert (len(first), missing) == (64, None)
    assert b"cook" not in file.read_bytes()
    other = make_policy([], ["job"], ["job"], {"BEQUEST_CAPTURE_KEY": KEY[::-1]})
    assert other.mark("cook") != first


def test_policy_asks_for_a_key_and_for_columns_that_exist():
    with pytest.raises(InputError, match="BEQUEST_CAPTURE_KEY"):
        make_policy([], ["job"], ["job"], {})
    with pytest.raises(InputError, match="'jobs'"):
        make_policy(["jobs"], [], ["job"], {})


def test_capture_drops_and_counts_what_the_writer_can_not_keep_up_with(make, served, monkeypatch):
    monkeypatch.setattr(capture_module, "_MOST_WAITING", 2)
    capture = make()
    assert [capture.put(prediction(served)) for _ in range(3)] == [True, True, False]
    assert b'bequest_capture_dropped_total{reason="queue full"} 1.0' in capture._metrics.page()


def test_capture_holds_no_more_pictures_than_memory_is_meant_for(make, picture_bundle, tmp_path, monkeypatch):
    served = Served(Bundle.open(picture_bundle), "digits", "1")
    pictures = np.zeros((2, 4, 3))
    asked = Prediction("one", AT, served, "production", pictures, served.predict(served.encode(pictures)))
    monkeypatch.setattr(capture_module, "_MOST_BYTES_WAITING", 3 * pictures.nbytes)
    monkeypatch.setattr(capture_module, "_MOST_BYTES_A_FILE", 2 * pictures.nbytes)
    capture = make()
    assert [capture.put(asked) for _ in range(4)] == [True, True, True, False]
    capture.write()
    assert sorted(pq.read_metadata(path).num_rows for path in kept(tmp_path)) == [2, 4]
    assert [capture.put(asked) for _ in range(4)] == [True, True, True, False]  # what was written waits no longer


def test_capture_counts_the_length_of_texts_which_may_be_pictures(make, served, monkeypatch):
    monkeypatch.setattr(capture_module, "_MOST_BYTES_WAITING", 3000)
    capture = make()
    assert capture.put(prediction(served))
    long = prediction(served)
    assert not capture.put(replace(long, raw=Rows([[*long.raw.values[0][:-1], "x" * 3000]])))


def test_capture_survives_a_folder_that_can_not_be_written(make, served, tmp_path):
    (tmp_path / "kept").write_text("a file stands where the folder should")
    capture = make()
    capture.put(prediction(served))
    capture.write()
    assert b'bequest_capture_dropped_total{reason="not written"} 1.0' in capture._metrics.page()


def test_capture_keeps_a_sample_by_request_id(make, served):
    capture = make(sample=0.25)
    taken = [capture.put(prediction(served, f"id{number}")) for number in range(400)]
    assert 60 < sum(taken) < 140
    assert taken == [capture.put(prediction(served, f"id{number}")) for number in range(400)]


def test_capture_removes_days_past_their_time(make, served, tmp_path):
    capture = make(keep_days=30)
    for days in (0, 20, 40):
        capture.put(prediction(served, at=AT - days * 86_400))
        capture.put(Label("x", AT - days * 86_400, "health", 0, "ill"))
    capture.write()
    removed = capture.clean(datetime.date(2026, 3, 4))
    assert {path.name for path in removed} == {"date=2026-01-23"}
    assert (len(kept(tmp_path)), len(kept(tmp_path, "labels"))) == (2, 2)


def test_names_never_lead_out_of_the_folder(make, table_bundle, tmp_path):
    for name in ("../../out", "..", "a/b", ".hidden"):
        capture = make()
        capture.put(prediction(Served(Bundle.open(table_bundle), name, "../1")))
        capture.write()
    assert {path.parts[len(tmp_path.parts)] for path in tmp_path.rglob("*.parquet")} == {"kept"}
    assert len(kept(tmp_path)) == 4


def ask(service, *bodies):
    async def scenario():
        transport = httpx.ASGITransport(create_app(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return [
                await client.post(path, content=body if isinstance(body, str) else json.dumps(body), headers=headers)
                for path, body, headers in bodies
            ]

    return asyncio.run(scenario())


def test_feedback_is_kept_late_out_of_order_and_for_requests_of_another_day(make, served, tmp_path):
    capture = make()
    service = Service(Lineup(served), Settings(), capture._metrics, [], capture)
    answers = ask(
        service,
        ("/feedback", {"request_id": "two", "labels": ["ill"]}, {}),
        ("/invocations", {"instances": ROWS}, {"X-Request-ID": "one", "Content-Type": "application/json"}),
        ("/feedback", [{"request_id": "one", "labels": [None, "well"]}, {"request_id": "zero", "labels": ["ill"]}], {}),
    )
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [answers[0].json(), answers[2].json()] == [{"labels": 1}, {"labels": 2}]
    capture.write()
    table = pq.read_table(kept(tmp_path, "labels")[0], partitioning=None).to_pydict()
    assert list(zip(table["_request_id"], table["_row"], table["_truth"], strict=True)) == [
        ("two", 0, "ill"),
        ("one", 1, "well"),
        ("zero", 0, "ill"),
    ]
    assert pq.read_table(kept(tmp_path)[0], partitioning=None).to_pydict()["_request_id"] == ["one", "one"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{", "expected JSON"),
        ([], "request_id"),
        (3, "request_id"),
        ({"labels": ["ill"]}, "request_id"),
        ({"request_id": "../x", "labels": ["ill"]}, "X-Request-ID"),
        ({"request_id": "x"}, "labels"),
        ({"request_id": "x", "labels": []}, "labels"),
        ({"request_id": "x", "labels": [["ill"]]}, "text, numbers or null"),
        ({"request_id": "x", "labels": ["ill", "wel"]}, "Did you mean 'well'"),
    ],
)
def test_feedback_says_what_is_wrong(make, served, body, words):
    capture = make()
    (answer,) = ask(Service(Lineup(served), Settings(), capture._metrics, [], capture), ("/feedback", body, {}))
    assert (answer.status_code, words in answer.json()["message"]) == (400, True), answer.text


def test_feedback_is_refused_where_nothing_is_kept(served):
    (answer,) = ask(Service(Lineup(served), Settings(), Metrics()), ("/feedback", {"request_id": "x", "labels": ["ill"]}, {}))
    assert (answer.status_code, answer.json()["error_code"]) == (409, "NOT_KEPT")
