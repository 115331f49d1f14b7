"""Following a registry: what moved is served, what can't be is refused, and whoever answered before stays."""

import asyncio
import copy
import json

import httpx
import numpy as np
import pytest

from deployments.serving import follow
from deployments.serving.app import create_app
from deployments.serving.follow import Follower
from deployments.serving.lineup import Lineup
from deployments.serving.metrics import Metrics
from deployments.serving.service import Service
from deployments.serving.settings import Settings
from model_registry import manifest
from model_registry.errors import InputError, IntegrityError, StoreError
from model_registry.glance import Seen
from model_registry.promotions import Entry
from tasks import bundle
from tasks.bundle import Bundle

ROWS = [[50, 0.5, "cook"], [None, 0, None], [30, -0.2, "clerk"]]


class Shelf:
    """A store in memory: versions with real bundles, aliases to move."""

    def __init__(self):
        self.files, self.tags, self.aliases, self.promotions, self.down, self.looks = {}, {}, {}, {}, False, 0

    def number_at(self, name, alias):
        if self.down:
            raise StoreError("The MLflow store sqlite:////secret/mlflow.db can't be read")
        self.looks += 1
        return self.aliases.get(alias)

    def version(self, name, number):
        tags = self.tags.get(number)
        return None if tags is None else Seen(name, number, tags, tags["ready"] == "true", "")

    def model_tags(self, name):
        return self.promotions

    def read(self, seen, path):
        return self.files[seen.version][path]


@pytest.fixture(scope="module")
def contents(tmp_path_factory, flatbuffers, states):
    """Files of three versions that answer differently: their ages are centred on other years."""
    made = {}
    for number in (1, 2, 3):
        state = copy.deepcopy(states["table"])
        state["columns"][0]["offset"] = 30.0 + 10 * number
        folder = tmp_path_factory.mktemp("version")
        bundle.write(
            folder / "bundle", flatbuffer=flatbuffers["table"], preprocessing=state, labels=["ill", "well"], name="health"
        )
        manifest.write(folder)
        made[number] = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return made


@pytest.fixture
def shelf(contents):
    store = Shelf()
    for number, files in contents.items():
        store.files[number] = dict(files)
        sha256 = manifest.sha256_of_bytes(files["manifest.json"])
        store.tags[number] = {"ready": "true", "gate": "passed", "sha256": sha256}
    store.aliases["production"] = 1
    return store


@pytest.fixture
def events():
    return []


def service_of(follower):
    return Service(follower.first(), Settings(), Metrics(), [follower])


@pytest.fixture
def served(shelf, events):
    """A follower that looks when it is told to, and the service it serves."""
    follower = Follower(shelf, "health", interval_s=3600, tell=lambda **facts: events.append(facts))
    return follower, service_of(follower)


def expected(contents, number):
    files = {path.removeprefix("bundle/"): content for path, content in contents[number].items() if "/" in path}
    ages, doses, jobs = (np.array(values, object) for values in zip(*ROWS, strict=True))
    return Bundle.of_files(files, "test").predict({"age": ages, "dose": doses, "job": jobs})


def test_follower_swaps_when_production_moves(shelf, served, events):
    follower, service = served
    before = service.lineup
    follower.look(service)
    assert service.lineup is before
    shelf.aliases["production"] = 3
    follower.look(service)
    assert service.lineup.champion.version == "3"
    assert events == [{"event": "swap", "name": "health", "stage": "production", "version": "3", "replaced": "1"}]
    assert before.champion.version == "1"  # what is under way keeps the line-up it began with
    assert service.version()["version"] == "3"


def test_follower_reads_one_alias_a_look_while_nothing_moves(shelf, served):
    follower, service = served
    looks = shelf.looks
    shelf.version = None  # any further read would fail
    for _ in range(3):
        follower.look(service)
    assert shelf.looks == looks + 3


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda shelf: shelf.files[2].update({"bundle/model.tflite": b"other"}), "not those that were registered"),
        (lambda shelf: shelf.files[2].update({"manifest.json": b"{}"}), "not those that were registered"),
        (lambda shelf: shelf.tags[2].update(gate="refused"), "without the gate's word"),
        (lambda shelf: shelf.tags[2].update(ready="false"), "no version that can be served"),
        (lambda shelf: shelf.tags.pop(2), "no version that can be served"),
        (lambda shelf: shelf.files[2].pop("bundle/model.tflite"), "can't be loaded"),
    ],
)
def test_follower_refuses_what_can_not_be_served_and_the_old_version_stays(shelf, served, events, spoil, reason, monkeypatch):
    follower, service = served
    spoil(shelf)
    shelf.aliases["production"] = 2
    for _ in range(3):
        follower.look(service)  # tried once, not at every look
    assert service.lineup.champion.version == "1"
    assert [each["event"] for each in events] == ["refused"]
    told = service.version()
    assert told["version"] == "1"
    assert reason in told["refused"]["production"]["reason"]
    assert b'bequest_swaps_total{outcome="refused"} 1.0' in service.metrics.page()
    shelf.aliases["production"] = 3
    follower.look(service)
    assert (service.version()["version"], service.version()["refused"]) == ("3", {})


def test_follower_refuses_what_no_trusted_key_has_signed(shelf, served, monkeypatch):
    follower, service = served

    def unsigned(store, seen):
        raise IntegrityError(f"{seen.label}: it is not signed")

    monkeypatch.setattr(follow, "require_signed", unsigned)
    shelf.aliases["production"] = 3
    follower.look(service)
    assert service.version()["version"] == "1"
    assert "not signed" in service.version()["refused"]["production"]["reason"]


@pytest.fixture
def shadowing(shelf, events):
    """A follower that loads what stands in staging before the gate has judged it: version 2, and the service it serves."""
    follower = Follower(
        shelf, "health", interval_s=3600, tell=lambda **facts: events.append(facts), tried=True, judged_first=False
    )
    service = service_of(follower)
    shelf.tags[2]["gate"] = ""
    shelf.aliases["staging"] = 2
    follower.look(service)
    assert service.lineup.challenger.version == "2"
    return follower, service


def test_follower_refuses_a_shadow_that_is_moved_to_production_without_the_gates_word(shelf, shadowing):
    follower, service = shadowing
    shelf.aliases["production"] = 2
    follower.look(service)
    assert service.version()["version"] == "1"
    assert "without the gate's word" in service.version()["refused"]["production"]["reason"]


def test_follower_moves_a_warm_challenger_up_without_loading_it_again(shelf, shadowing):
    follower, service = shadowing
    challenger = service.lineup.challenger
    shelf.tags[2]["gate"] = "passed"
    shelf.aliases["production"] = 2
    shelf.files.clear()  # any read of its files would fail
    follower.look(service)
    assert service.lineup.champion is challenger
    assert service.lineup.challenger is None


def test_follower_tries_a_refused_version_again_later_for_somebody_may_have_mended_it(shelf, served, monkeypatch):
    follower, service = served
    shelf.tags[2]["gate"] = ""
    shelf.aliases["production"] = 2
    follower.look(service)
    shelf.promotions["promotion.x"] = Entry(version=2, came_from="None", to="Production", reason="seen").model_dump_json()
    monkeypatch.setattr(follow, "RETRY_S", 0.0)
    follower.look(service)
    assert service.lineup.champion.version == "2"


def test_follower_keeps_what_serves_when_the_store_is_down_or_nothing_stands(shelf, served, events):
    follower, service = served
    shelf.down = True
    follower.look(service)
    follower.look(service)
    assert (service.version()["version"], service.version()["registry"]) == ("1", "can't be read")
    assert [each["event"] for each in events] == ["registry_unreadable"]
    assert "secret" not in json.dumps(service.version())
    shelf.down = False
    del shelf.aliases["production"]
    follower.look(service)
    assert (service.version()["version"], service.version()["registry"]) == ("1", "nothing stands in production")


def test_follower_starts_with_what_stands_in_production_or_not_at_all(shelf):
    follower = Follower(shelf, "health", interval_s=1, tell=print)
    assert follower.first().champion.label == "health/1"
    shelf.aliases.clear()
    with pytest.raises(InputError, match="none stands there"):
        follower.first()


def test_no_request_fails_while_versions_are_swapped_and_each_names_the_one_that_answered(shelf, contents):
    follower = Follower(shelf, "health", interval_s=0.01, tell=lambda **facts: None)
    service = service_of(follower)
    truth = {str(number): expected(contents, number) for number in contents}
    seen = set()

    async def client(transport, done):
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as one:
            while not done.is_set():
                response = await one.post("/invocations", json={"instances": ROWS})
                assert response.status_code == 200, response.text
                version = response.headers["x-model-version"]
                found = [list(each["probabilities"].values()) for each in response.json()["predictions"]]
                np.testing.assert_allclose(found, truth[version], rtol=1e-5)
                seen.add(version)
                await asyncio.sleep(0)  # an answer without a network never gives way by itself

    async def scenario():
        done = asyncio.Event()
        transport = httpx.ASGITransport(create_app(service))
        service.begin()
        clients = [asyncio.create_task(client(transport, done)) for _ in range(3)]
        for number in (2, 3, 1, 2, 3):
            shelf.aliases["production"] = number
            for _ in range(500):
                await asyncio.sleep(0.01)
                if service.lineup.champion.version == str(number):
                    break
            await asyncio.sleep(0.05)
        done.set()
        await asyncio.gather(*clients)
        service.close()

    asyncio.run(scenario())
    assert seen == {"1", "2", "3"}


def test_lineup_finds_a_version_by_name_alone_where_the_name_is_the_one_served(served):
    _, service = served
    lineup = service.lineup
    assert lineup.find("health") is lineup.champion
    assert lineup.find("health", "1") is lineup.champion
    assert lineup.find("other") is lineup.find("health", "2") is None
    assert Lineup(lineup.champion).versions == ["1"]
