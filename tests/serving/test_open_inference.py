"""The Open Inference Protocol over HTTP, against MLflow's own on the same rows."""

import json

import numpy as np
import pytest

ROWS = [[50, 0.5, "cook"], [None, 0, None], [400.0, 0, "pilot"]]
ILL = [0.98201379, 0.37754067, 0.99999989]  # see test_scoring_formats.py


def tensor(name, data, datatype, shape=None):
    return {"name": name, "datatype": datatype, "shape": shape or [len(data)], "data": data}


def table(rows=ROWS, **changes):
    age, dose, job = map(list, zip(*rows, strict=True))
    tensors = {"age": tensor("age", age, "FP64"), "dose": tensor("dose", dose, "FP32"), "job": tensor("job", job, "BYTES")}
    return {"inputs": [each for each in (tensors | changes).values() if each is not None]}


def infer(client, document, path="/v2/models/health/infer", **headers):
    content = document if isinstance(document, str | bytes) else json.dumps(document)
    return client.post(path, content=content, headers=headers)


@pytest.mark.parametrize("path", ["/v2/models/health/infer", "/v2/models/health/versions/7/infer"])
def test_infer_answers_as_invocations_does(table_server, path):
    response = infer(table_server, {"id": "abc", **table()}, path)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("health", "7", "abc")
    label, probabilities = answer["outputs"]
    assert label == {"name": "label", "datatype": "BYTES", "shape": [3], "data": ["ill", "well", "ill"]}
    assert (probabilities["name"], probabilities["datatype"], probabilities["shape"]) == ("probabilities", "FP32", [3, 2])
    assert probabilities["parameters"]["labels"] == ["ill", "well"]
    np.testing.assert_allclose(probabilities["data"][::2], ILL, rtol=1e-6)


def test_infer_takes_columns_as_matrices_and_gives_the_outputs_asked_for(table_server):
    document = table(job=tensor("job", [["cook"], [None], ["pilot"]], "BYTES", [3, 1]))
    answer = infer(table_server, {**document, "outputs": [{"name": "probabilities"}]}).json()
    assert [each["name"] for each in answer["outputs"]] == ["probabilities"]
    np.testing.assert_allclose(answer["outputs"][0]["data"][::2], ILL, rtol=1e-6)


def test_infer_uses_the_request_id_where_the_body_has_none(table_server):
    response = infer(table_server, table(), **{"X-Request-ID": "from-header"})
    assert response.json()["id"] == response.headers["x-request-id"] == "from-header"


@pytest.mark.parametrize("nested", [True, False])
def test_infer_answers_pictures(picture_server, picture_bundle, nested):
    from tasks.bundle import Bundle

    pictures = np.random.default_rng(0).integers(0, 17, size=(3, 4, 3, 1))
    data = pictures.tolist() if nested else pictures.ravel().tolist()
    document = {"inputs": [tensor("image", data, "UINT8", [3, 4, 3, 1])]}
    response = infer(picture_server, document, "/v2/models/digits/infer")
    assert response.status_code == 200, response.text
    expected = Bundle.open(picture_bundle).predict(pictures)
    np.testing.assert_allclose(response.json()["outputs"][1]["data"], expected.ravel(), rtol=1e-6)


@pytest.mark.parametrize(
    ("document", "status", "fragments"),
    [
        ("{", 400, ["expected JSON"]),
        ("[]", 400, ["`inputs`"]),
        ({"inputs": []}, 400, ["at least one tensor"]),
        ({"inputs": [3]}, 400, ["inputs[0]"]),
        ({"inputs": [{"name": 3}]}, 400, ["inputs[0]"]),
        (table(age=None), 400, ["missing column 'age'"]),
        (table(age=tensor("age", [1, 2, 3], "FP128")), 400, ["'age'", "datatype", "FP128"]),
        (table(age=tensor("age", [1, 2], "FP64")), 400, ["'age'", "expected 2 values"]),
        (table(age=tensor("age", [1, 2], "FP64", [3])), 400, ["'age'", "expected 3 values", "Received: 2"]),
        (table(age=tensor("age", [1, 2, "x"], "FP64")), 400, ["row 2", "'age'", "FP64", "'x'"]),
        (table(age=tensor("age", [1, 2, True], "INT64")), 400, ["row 2", "'age'"]),
        (table(job=tensor("job", [1, 2, 3], "BYTES")), 400, ["row 0", "'job'", "BYTES"]),
        (table(age=tensor("age", [1] * 6, "FP64", [3, 2])), 400, ["'age'", "[n, 1]"]),
        (table(age=tensor("age", [1, [2], 3], "FP64")), 400, ["'age'", "Received: both"]),
        (table(age=tensor("age", [[[[[[1]]]]]], "FP64", [1])), 400, ["'age'", "deep"]),
        (table(age=tensor("age", "abc", "FP64", [3])), 400, ["'age'", "data"]),
        (table(age=tensor("age", [], "FP64", [0])), 400, ["'age'", "at least one row"]),
        (table(age=tensor("age", [1, 2, 3], "FP64", [-3])), 400, ["'age'", "shape"]),
        (table(age=tensor("age", [1, 2, 3], "FP64", "3")), 400, ["'age'", "shape"]),
        (table(dose=tensor("dose", [None, 0, 0], "FP64")), 400, ["'dose'", "missing value in row 0"]),
        ({"inputs": [*table()["inputs"], tensor("age", [1, 2, 3], "FP64")]}, 400, ["'age'", "twice"]),
        ({**table(), "id": 3}, 400, ["id"]),
        ({**table(), "outputs": [{"name": "logits"}]}, 400, ["outputs", "probabilities", "logits"]),
        ({**table(), "outputs": [{"name": "label"}, {"name": "label"}]}, 400, ["outputs"]),
        ({**table(), "outputs": "label"}, 400, ["outputs"]),
        (table(ROWS[:1] * 51), 413, ["at most 50 rows"]),
    ],
    ids=str,
)
def test_infer_names_the_input_that_is_wrong(table_server, document, status, fragments):
    response = infer(table_server, document)
    assert response.status_code == status, response.text
    assert set(response.json()) == {"error"}
    for fragment in fragments:
        assert fragment in response.json()["error"]


@pytest.mark.parametrize(
    ("document", "fragment"),
    [
        ({"inputs": [tensor("picture", [0] * 12, "FP32", [1, 4, 3])]}, "'image'"),
        ({"inputs": [tensor("image", [0] * 12, "FP32", [1, 3, 4])]}, "[n, 4, 3, 1]"),
        ({"inputs": [tensor("image", ["0"] * 12, "BYTES", [1, 4, 3])]}, "BYTES"),
        ({"inputs": [tensor("image", [None] * 12, "FP32", [1, 4, 3])]}, "not all numbers"),
        ({"inputs": [tensor("image", [99] * 12, "FP32", [1, 4, 3])]}, "0 to 16"),
    ],
)
def test_infer_names_the_shape_when_a_picture_is_wrong(picture_server, document, fragment):
    response = infer(picture_server, document, "/v2/models/digits/infer")
    assert response.status_code == 400, response.text
    assert fragment in response.json()["error"]


@pytest.mark.parametrize("name", ["other", "..%2F..%2Fetc", "health%2F7", "%00", "HEALTH"])
def test_a_name_that_is_not_served_is_not_found_whatever_it_holds(table_server, name):
    for path in (f"/v2/models/{name}", f"/v2/models/{name}/ready", f"/v2/models/{name}/versions/7"):
        assert table_server.get(path).status_code == 404
    for path in (f"/v2/models/{name}/infer", f"/v2/models/{name}/versions/7/infer", "/v2/models/health/versions/8/infer"):
        response = infer(table_server, table(), path)
        assert response.status_code == 404
        assert set(response.json()) == {"error"}


def test_health_and_metadata_say_what_is_served(table_server, picture_server):
    assert table_server.get("/v2/health/live").json() == {"live": True}
    assert table_server.get("/v2/health/ready").json() == {"ready": True}
    assert table_server.get("/v2").json()["name"] == "bequest"
    for path in ("/v2/models/health/ready", "/v2/models/health/versions/7/ready"):
        assert table_server.get(path).json() == {"name": "health", "ready": True}
    found = table_server.get("/v2/models/health").json()
    assert (found["name"], found["versions"]) == ("health", ["7"])
    assert [(each["name"], each["datatype"], each["shape"]) for each in found["inputs"]] == [
        ("age", "FP64", [-1]),
        ("dose", "FP64", [-1]),
        ("job", "BYTES", [-1]),
    ]
    assert table_server.get("/v2/models/health/versions/7").json() == found
    assert picture_server.get("/v2/models/digits").json()["inputs"][0]["shape"] == [-1, 4, 3, 1]
