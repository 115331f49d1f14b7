"""What the server refuses, over HTTP: always 4xx, always JSON, always naming what was found and expected."""

import json

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

COLUMNS = ["age", "dose", "job"]
ROWS = [[50, 0.5, "cook"], [None, 0, None]]
RECORDS = [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]


def split(columns, data):
    return {"dataframe_split": {"columns": columns, "data": data}}


def assert_refused(response, status, code, *fragments):
    assert response.status_code == status, response.text
    answer = response.json()
    assert set(answer) == {"error_code", "message"}
    assert answer["error_code"] == code
    for fragment in fragments:
        assert fragment in answer["message"]


@pytest.mark.parametrize(
    ("document", "fragments"),
    [
        (split(["age", "dosis", "job"], ROWS), ["missing column 'dose'", "Did you mean 'dosis'"]),
        ({"dataframe_records": [{"age": 1}]}, ["missing columns 'dose', 'job'"]),
        ({"dataframe_records": [{}]}, ["missing columns 'age', 'dose', 'job'"]),
        ({"dataframe_records": RECORDS[0]}, ["dataframe_records", "list of objects"]),
        ({"dataframe_records": [RECORDS[0], 3]}, ["row 1", "expected an object"]),
        ({"dataframe_records": []}, ["at least one row"]),
        (split(COLUMNS, [["old", 0, "cook"]]), ["'age'", "'old'", "row 0"]),
        (split(COLUMNS, [[1, None, "cook"]]), ["'dose'", "missing value in row 0"]),
        (split(COLUMNS, [[1, 1e37, "cook"]]), ["row 0", "'dose'", "float32"]),
        (split(COLUMNS, [[1, 0, "cook"], [1, 0]]), ["row 1", "3 values", "Received: 2 values"]),
        (split(COLUMNS, [[1, 0, "cook"], 5]), ["row 1", "Received: 5"]),
        (split(COLUMNS, [[1, [0], "cook"]]), ["row 0", "'dose'", "one value"]),
        (split(["age", "age", "job"], ROWS), ["each name once"]),
        (split("age", ROWS), ["list of names"]),
        ({"dataframe_split": {"columns": COLUMNS}}, ["`data`"]),
        ({"dataframe_split": {"columns": COLUMNS, "data": ROWS, "names": []}}, ["'names'"]),
        ({"dataframe_split": ROWS}, ["`columns` and `data`"]),
        ({"inputs": {"age": [1, 2], "dose": [1], "job": ["cook"]}}, ["'dose'", "expected 2 values", "Received: 1"]),
        ({"inputs": {"age": [1], "dose": 1, "job": ["cook"]}}, ["'dose'", "expected a list"]),
        ({"inputs": {"age": [], "dose": [], "job": []}}, ["at least one row"]),
        ({"inputs": {}}, ["missing columns"]),
        ({"inputs": 3}, ["inputs", "at least one row"]),
        ({"instances": [[1, 2]]}, ["row 0", "3 values"]),
        ({"instances": [1, 2, 3]}, ["row 0", "list of 3 values"]),
        ({"instances": [RECORDS[0], [1]]}, ["row 1", "expected an object"]),
    ],
    ids=lambda value: json.dumps(value)[:70] if isinstance(value, dict) else "",
)
def test_invocations_names_column_row_and_value_when_a_table_is_wrong(post, table_server, document, fragments):
    assert_refused(post(table_server, document), 400, "INVALID_PARAMETER_VALUE", *fragments)


@pytest.mark.parametrize(
    ("document", "fragments"),
    [
        ({"inputs": [[[0, 1], [2, 3]]]}, ["[n, 4, 3, 1]", "[1, 2, 2]"]),
        ({"inputs": [0, 1]}, ["[n, 4, 3, 1]", "[2]"]),
        ({"inputs": [[[0] * 3] * 4, [[0] * 3] * 5]}, ["unequal length"]),
        ({"inputs": [[["a"] * 3] * 4]}, ["not numbers"]),
        ({"inputs": [[[None] * 3] * 4]}, ["not numbers"]),
        ({"inputs": [[[255] * 3] * 4]}, ["0 to 16", "255"]),
        ({"inputs": {"picture": []}}, ["'image'", "'picture'"]),
        ({"instances": [{"picture": []}]}, ["not numbers"]),
        ({"instances": []}, ["at least one row"]),
        ({"dataframe_records": [{}]}, ["dataframe_records", "takes pictures"]),
    ],
    ids=lambda value: json.dumps(value)[:70] if isinstance(value, dict) else "",
)
def test_invocations_names_the_shape_when_a_picture_is_wrong(post, picture_server, document, fragments):
    assert_refused(post(picture_server, document), 400, "INVALID_PARAMETER_VALUE", *fragments)


def test_invocations_refuses_csv_when_the_model_takes_pictures(post, picture_server):
    assert_refused(post(picture_server, "a\n1", "text/csv"), 400, "INVALID_PARAMETER_VALUE", "takes pictures")


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("", ["expected JSON"]),
        ("{", ["expected JSON"]),
        ('{"inputs": [[NaN, 0, "cook"]]}', ["null, not NaN"]),
        ('{"inputs": "\\ud800"}', ["expected JSON"]),
        ("[" * 5000, ["expected JSON"]),
        ("[]", ["exactly one of dataframe_split", "Received: []"]),
        ("null", ["exactly one of"]),
        ("{}", ["Received: the keys none"]),
        ('{"rows": []}', ["'rows'"]),
        ('{"inputs": [], "instances": []}', ["exactly one of"]),
    ],
)
def test_invocations_says_what_it_expects_when_the_body_is_no_request(post, table_server, text, fragments):
    assert_refused(post(table_server, text), 400, "BAD_REQUEST", *fragments)


@pytest.mark.parametrize(
    ("body", "code", "fragments"),
    [
        (b"", "BAD_REQUEST", ["header line"]),
        (b"age,dose,job\n", "INVALID_PARAMETER_VALUE", ["at least one row"]),
        (b"age,dose,job\n1,2\n", "INVALID_PARAMETER_VALUE", ["row 0", "Received: 2 values"]),
        (b"age,dose,job\nold,2,cook\n", "INVALID_PARAMETER_VALUE", ["'age'", "'old'"]),
        (b"age;dose;job\n1;2;cook\n", "INVALID_PARAMETER_VALUE", ["missing columns", "'age;dose;job'"]),
        (b'age,dose,job\n1,2,"cook\n', "BAD_REQUEST", ["expected CSV"]),
        (b"age,dose,job\n1,2,\xff\n", "BAD_REQUEST", ["UTF-8"]),
    ],
)
def test_invocations_says_what_is_wrong_with_csv(post, table_server, body, code, fragments):
    assert_refused(post(table_server, body, "text/csv"), 400, code, *fragments)


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/json; charset=latin-1", "application/json; x=1"])
def test_invocations_answers_415_when_the_content_type_is_unsupported(post, table_server, content_type):
    shown = content_type or "none"
    assert_refused(
        post(table_server, b"{}", content_type), 415, "UNSUPPORTED_MEDIA_TYPE", "application/json or text/csv", shown
    )


@pytest.mark.parametrize("form", ["dataframe_split", "dataframe_records", "instances", "inputs", "csv"])
def test_invocations_answers_413_when_there_are_too_many_rows(post, table_server, form):
    bodies = {
        "dataframe_split": split(COLUMNS, ROWS[:1] * 51),
        "dataframe_records": {"dataframe_records": RECORDS[:1] * 51},
        "instances": {"instances": ROWS[:1] * 51},
        "inputs": {"inputs": {"age": [1] * 51, "dose": [1] * 51, "job": ["cook"] * 51}},
        "csv": "age,dose,job\n" + "1,2,cook\n" * 51,
    }
    response = post(table_server, bodies[form], "text/csv" if form == "csv" else "application/json")
    assert_refused(response, 413, "PAYLOAD_TOO_LARGE", "at most 50 rows", "51")


@pytest.mark.parametrize("megabytes", [0.3, 0.9, 3])
def test_invocations_answers_413_when_the_body_is_too_large(post, table_server, megabytes):
    body = b" " * int(megabytes * 1024 * 1024)
    try:
        response = post(table_server, body)
    except httpx.TransportError:  # far past the limit the server stops listening
        assert megabytes > 1
    else:
        assert_refused(response, 413, "PAYLOAD_TOO_LARGE", "262144 bytes")
    assert table_server.get("/ping").status_code == 200


def test_invocations_answers_413_when_a_chunked_body_is_too_large(table_server):
    parts = (b" " * 65536 for _ in range(10))
    response = table_server.post("/invocations", content=parts, headers={"Content-Type": "application/json"})
    assert_refused(response, 413, "PAYLOAD_TOO_LARGE", "262144 bytes")


def test_unknown_addresses_and_methods_are_refused_in_the_same_shape(table_server):
    assert_refused(table_server.get("/nowhere"), 404, "ENDPOINT_NOT_FOUND", "/nowhere", "/invocations")
    assert_refused(table_server.get("/invocations"), 405, "METHOD_NOT_ALLOWED", "POST /invocations")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*COLUMNS, "image", "data", "columns"]), inner),
    max_leaves=20,
)
FORMS = st.sampled_from(["dataframe_split", "dataframe_records", "instances", "inputs"])


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=st.dictionaries(FORMS, JSON, min_size=1, max_size=1))
def test_invocations_never_fails_whatever_json_it_is_sent(post, table_server, picture_server, document):
    for client in (table_server, picture_server):
        response = post(client, document)
        assert response.status_code in (200, 400), (document, response.text)
        assert "Traceback" not in response.text
