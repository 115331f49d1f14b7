"""The description at /openapi.json: it names every address, and what it says of answers is true."""

import httpx
import pytest

ADDRESSES = {
    "/ping": "get",
    "/health": "get",
    "/version": "get",
    "/metrics": "get",
    "/invocations": "post",
    "/feedback": "post",
    "/v2": "get",
    "/v2/health/live": "get",
    "/v2/health/ready": "get",
    "/v2/models/{name}": "get",
    "/v2/models/{name}/ready": "get",
    "/v2/models/{name}/infer": "post",
    "/v2/models/{name}/versions/{version}": "get",
    "/v2/models/{name}/versions/{version}/ready": "get",
    "/v2/models/{name}/versions/{version}/infer": "post",
}


@pytest.fixture(scope="module")
def document(table_server: httpx.Client) -> dict:
    return table_server.get("/openapi.json").json()


def test_openapi_names_every_address_with_its_method(document):
    assert {path: next(iter(methods)) for path, methods in document["paths"].items()} == ADDRESSES
    identities = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(set(identities)) == len(identities)


def test_every_address_that_openapi_names_answers(document, table_server):
    for path, methods in document["paths"].items():
        method = next(iter(methods))
        response = table_server.request(method, path.format(name="health", version="7"))
        nothing_sent = {"/invocations": 415, "/feedback": 409}.get(path, 400)
        assert response.status_code == (nothing_sent if method == "post" else 200), path
        assert str(response.status_code) in methods[method]["responses"], path


def test_addresses_take_no_query_so_that_none_changes_what_they_do(document, table_server):
    parameters = {
        each["in"] for methods in document["paths"].values() for one in methods.values() for each in one.get("parameters", [])
    }
    assert parameters == {"path"}
    assert table_server.get("/v2/models/health?handler=x&name=y").json()["name"] == "health"


def test_openapi_tells_the_columns_of_the_served_version(document):
    (record,) = [
        form["properties"]["dataframe_records"]["items"]
        for form in document["paths"]["/invocations"]["post"]["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
        if "dataframe_records" in form["properties"]
    ]
    assert record["required"] == ["age", "dose", "job"]
    assert record["properties"]["job"]["type"] == ["string", "number", "null"]


def test_openapi_of_a_picture_model_takes_no_csv(picture_server):
    body = picture_server.get("/openapi.json").json()["paths"]["/invocations"]["post"]["requestBody"]["content"]
    assert set(body) == {"application/json"}


def test_interactive_pages_are_not_served_because_they_load_scripts_from_elsewhere(table_server):
    assert [table_server.get(path).status_code for path in ("/docs", "/redoc")] == [404, 404]
