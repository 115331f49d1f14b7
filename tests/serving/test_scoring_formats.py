"""Every form of MLflow's scoring protocol, over HTTP, against the bundle's own answer."""

import json

import numpy as np
import pytest

COLUMNS = ["age", "dose", "job"]
ROWS = [[50, 0.5, "cook"], [None, 0, None], [400.0, 0, "pilot"]]
RECORDS = [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]
BY_NAME = {name: [row[place] for row in ROWS] for place, name in enumerate(COLUMNS)}
# softmax of [3, -1], [0, 0.5] and [8, -8], see test_bundle.py
ILL = [0.98201379, 0.37754067, 0.99999989]


@pytest.mark.parametrize(
    "document",
    [
        {"dataframe_split": {"columns": COLUMNS, "data": ROWS}},
        {"dataframe_split": {"columns": COLUMNS, "data": ROWS, "index": [3, 4, 5]}},
        {"dataframe_split": {"columns": ["job", "id", "dose", "age"], "data": [[r[2], 1, r[1], r[0]] for r in ROWS]}},
        {"dataframe_split": {"data": ROWS}},
        {"dataframe_records": RECORDS},
        {"dataframe_records": [RECORDS[0], {"dose": 0}, RECORDS[2]]},
        {"instances": RECORDS},
        {"instances": ROWS},
        {"inputs": BY_NAME},
        {"inputs": {**BY_NAME, "unknown": [1, 2, 3]}, "params": {}},
        {"inputs": ROWS},
    ],
    ids=lambda document: json.dumps(document)[:60],
)
def test_invocations_answers_alike_in_every_form(post, table_server, document):
    response = post(table_server, document)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    predictions = response.json()["predictions"]
    assert [p["label"] for p in predictions] == ["ill", "well", "ill"]
    np.testing.assert_allclose([p["probabilities"]["ill"] for p in predictions], ILL, rtol=1e-6)
    np.testing.assert_allclose([sum(p["probabilities"].values()) for p in predictions], 1, rtol=1e-6)


@pytest.mark.parametrize("content_type", ["text/csv", "text/csv; charset=utf-8", "TEXT/CSV;charset=UTF-8"])
@pytest.mark.parametrize(
    "text",
    [
        "age,dose,job\n50,0.5,cook\n,0,\n400,0,pilot\n",
        "\ufeffage,dose,job\r\n50,0.5,cook\r\nNaN,0,NA\r\n\r\n400,0,pilot",
        ',job,"dose",age\n0,"cook",5e-1,50\n1,,0,\n2,pilot,0.0,400\n',
    ],
)
def test_invocations_answers_csv(post, table_server, text, content_type):
    predictions = post(table_server, text.encode(), content_type).json()["predictions"]
    np.testing.assert_allclose([p["probabilities"]["ill"] for p in predictions], ILL, rtol=1e-6)


def test_invocations_takes_bare_values_as_one_row(post, table_server):
    (prediction,) = post(table_server, {"inputs": RECORDS[0]}).json()["predictions"]
    assert prediction["probabilities"]["ill"] == pytest.approx(ILL[0])


@pytest.mark.parametrize("rows", [1, 50])
def test_invocations_answers_each_row_in_order(post, table_server, rows):
    ages = np.linspace(0, 100, rows)
    response = post(table_server, {"inputs": {"age": ages.tolist(), "dose": [0] * rows, "job": [None] * rows}})
    found = [p["probabilities"]["ill"] for p in response.json()["predictions"]]
    logit = (ages - 40) / 10  # and 0.5 minus it for "well"
    np.testing.assert_allclose(found, 1 / (1 + np.exp(0.5 - 2 * logit)), rtol=1e-5)


@pytest.mark.parametrize("channel", [False, True])
@pytest.mark.parametrize("form", ["inputs", "instances", "named inputs", "named instances"])
def test_invocations_answers_pictures(post, picture_server, picture_bundle, form, channel):
    from tasks.bundle import Bundle

    # 400 pictures make a body above the size that is answered on the event loop.
    for count in (1, 3, 400):
        pictures = np.random.default_rng(count).integers(0, 17, size=(count, 4, 3, 1) if channel else (count, 4, 3))
        value = pictures.tolist()
        document = {
            "inputs": {"inputs": value},
            "instances": {"instances": value},
            "named inputs": {"inputs": {"image": value}},
            "named instances": {"instances": [{"image": picture} for picture in value]},
        }[form]
        predictions = post(picture_server, document).json()["predictions"]
        expected = Bundle.open(picture_bundle).predict(pictures)
        assert [p["label"] for p in predictions] == [str(place) for place in expected.argmax(axis=1)]
        np.testing.assert_allclose([list(p["probabilities"].values()) for p in predictions], expected, rtol=1e-6)


def test_mlflow_client_reads_the_answer(post, table_server):
    from mlflow.deployments import PredictionsResponse

    text = post(table_server, {"dataframe_records": RECORDS}).text
    assert list(PredictionsResponse.from_json(text).get_predictions()["label"]) == ["ill", "well", "ill"]


def test_ping_and_health_answer_as_mlflow_does(table_server):
    for path in ("/ping", "/health"):
        response = table_server.get(path)
        assert (response.status_code, response.text) == (200, "\n")


def test_version_says_what_answers(table_server, table_bundle):
    from tasks.bundle import Bundle

    found = table_server.get("/version").json()
    assert (found["name"], found["version"]) == ("health", "7")
    assert found["bundle_sha256"] == Bundle.open(table_bundle).sha256
    assert found["bequest"]
