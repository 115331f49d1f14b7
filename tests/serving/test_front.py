"""What every request gets: an id, the version that answered, and a place in the counters."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

ROW = {"instances": [[50, 0.5, "cook"]]}
PATHS = ["/ping", "/version", "/v2", "/nowhere", "/v2/models/other", "/openapi.json"]


def samples(client):
    page = client.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page.text)
        for sample in family.samples
    }


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_id_that_the_client_gave_or_a_new_one(table_server, path):
    assert table_server.get(path, headers={"X-Request-ID": "trace-1:a.b_c"}).headers["x-request-id"] == "trace-1:a.b_c"
    made = {table_server.get(path).headers["x-request-id"] for _ in range(3)}
    assert len(made) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in made)


@pytest.mark.parametrize("given", ["", "a b", "a/../b", "ä", 'a"b', "-a", "a" * 129])
def test_an_id_that_would_harm_a_log_or_a_path_is_replaced(table_server, given):
    response = table_server.get("/ping", headers={"X-Request-ID": given.encode()})
    assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])


def test_predictions_and_their_refusals_carry_the_id_and_predictions_the_version(post, table_server):
    table_server.headers["X-Request-ID"] = "one"
    try:
        well, wrong = post(table_server, ROW), post(table_server, {"instances": [[1]]})
    finally:
        del table_server.headers["X-Request-ID"]
    assert (well.headers["x-request-id"], wrong.headers["x-request-id"]) == ("one", "one")
    assert (well.headers["x-model-name"], well.headers["x-model-version"]) == ("health", "7")
    assert "x-model-version" not in wrong.headers


def test_metrics_count_requests_rows_and_seconds(post, table_server):
    before = samples(table_server)
    post(table_server, {"instances": ROW["instances"] * 3})
    post(table_server, "{")
    after = samples(table_server)

    def grown(name, **labels):
        key = (name, tuple(sorted(labels.items())))
        return after[key] - before.get(key, 0)

    assert grown("bequest_requests_total", endpoint="/invocations", status="200") == 1
    assert grown("bequest_requests_total", endpoint="/invocations", status="400") == 1
    assert grown("bequest_request_seconds_count", endpoint="/invocations") == 2
    assert grown("bequest_rows_total", version="7", role="production") == 3
    assert after["bequest_requests_under_way", ()] == 0
    assert [
        value for (name, labels), value in after.items() if name == "bequest_model_info" and ("version", "7") in labels
    ] == [1]
    assert after["process_resident_memory_bytes", ()] > 0


def test_metrics_do_not_grow_with_the_words_of_clients(table_server):
    for number in range(3):
        table_server.get(f"/nowhere/{number}")
        table_server.get(f"/v2/models/{number}")
    endpoints = {dict(labels).get("endpoint") for _, labels in samples(table_server)}
    assert not [each for each in endpoints if each and re.search(r"/\d$", each)]
    assert {"other", "/v2/models/{name}"} <= endpoints
