"""A challenger in production: who meets it, that no client suffers from it, and what becomes of it."""

import asyncio
import collections

import httpx
import pytest

from deployments import move
from deployments.serving.app import create_app
from deployments.serving.lineup import Lineup, Trial
from deployments.serving.metrics import Metrics
from deployments.serving.rollout import Decision, Rule
from deployments.serving.served import Served
from deployments.serving.service import Service
from deployments.serving.settings import Settings
from deployments.serving.trial import TrialWatch, move_by_process
from tasks.bundle import Bundle

ROW = [50, 0.5, "cook"]


@pytest.fixture
def lineup(table_bundle):
    bundle = Bundle.open(table_bundle)
    return Lineup(Served(bundle, "health", "1"), Served(bundle, "health", "2"))


def ask(service, requests, after=lambda: None):
    """Versions that answered, in order."""

    async def scenario():
        transport = httpx.ASGITransport(create_app(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            answers = []
            for path, body, headers in requests:
                answers.append(await client.post(path, json=body, headers=headers))
            while service._shadows:
                await asyncio.sleep(0.01)
            return answers

    return asyncio.run(scenario())


def plain(count, **headers):
    return [("/invocations", {"instances": [ROW]}, headers) for _ in range(count)]


def versions(answers):
    assert {answer.status_code for answer in answers} == {200}
    return [answer.headers["x-model-version"] for answer in answers]


def service_of(lineup, trial):
    return Service(lineup, Settings(trial=trial), Metrics())


def test_canary_takes_its_share(lineup):
    service = service_of(lineup, Trial("canary", 0.3))
    counted = collections.Counter(versions(ask(service, plain(300))))
    assert 60 < counted["2"] < 120
    assert service.tally.challenger.answered == counted["2"]
    assert service.tally.champion.answered == counted["1"]


def test_canary_keeps_a_client_with_one_version_by_header_or_by_column(lineup):
    by_header = service_of(lineup, Trial("canary", 0.5, key_header="X-User"))
    users = {user: set(versions(ask(by_header, plain(5, **{"X-User": str(user)})))) for user in range(20)}
    assert all(len(met) == 1 for met in users.values())
    assert set.union(*users.values()) == {"1", "2"}
    by_column = service_of(lineup, Trial("canary", 0.5, key_column="age"))
    rows = [("/invocations", {"instances": [[age, 0.5, "cook"]]}, {}) for age in range(20)]
    assert versions(ask(by_column, rows)) == versions(ask(by_column, rows))
    assert set(versions(ask(by_column, rows))) == {"1", "2"}


def test_a_version_that_is_asked_for_by_name_answers_whatever_the_share(lineup):
    service = service_of(lineup, Trial("canary", 1.0))
    body = {
        "inputs": [
            {"name": n, "shape": [1], "datatype": d, "data": [v]}
            for n, d, v in zip(("age", "dose", "job"), ("FP64", "FP64", "BYTES"), ROW, strict=True)
        ]
    }
    paths = ["/v2/models/health/versions/1/infer", "/v2/models/health/versions/2/infer", "/v2/models/health/infer"]
    answers = ask(service, [(path, body, {}) for path in paths])
    assert versions(answers) == ["1", "2", "2"]
    assert [answer.json()["model_version"] for answer in answers] == ["1", "2", "2"]


def test_no_client_meets_a_challenger_that_fails(lineup, monkeypatch):
    service = service_of(lineup, Trial("canary", 1.0))
    monkeypatch.setattr(lineup.challenger, "predict", lambda x: 1 / 0)
    assert set(versions(ask(service, plain(5)))) == {"1"}
    assert (service.tally.challenger.failures, service.tally.champion.answered) == (5, 5)
    assert b"bequest_challenger_failures_total 5.0" in service.metrics.page()


def test_a_wrong_request_is_not_the_challengers_fault(lineup):
    service = service_of(lineup, Trial("canary", 1.0))
    (answer,) = ask(service, [("/invocations", {"instances": [["old", 0, "cook"]]}, {})])
    assert answer.status_code == 400
    assert service.tally.challenger.failures == 0


def test_shadow_answers_as_well_and_is_never_returned(lineup):
    service = service_of(lineup, Trial("shadow"))
    assert set(versions(ask(service, plain(20)))) == {"1"}
    assert (service.tally.champion.answered, service.tally.challenger.answered) == (20, 20)
    assert b'bequest_rows_total{role="shadow",version="2"} 20.0' in service.metrics.page()


def test_a_shadow_that_fails_is_counted_and_disturbs_nobody(lineup, monkeypatch):
    service = service_of(lineup, Trial("shadow"))
    monkeypatch.setattr(lineup.challenger, "predict", lambda x: 1 / 0)
    assert set(versions(ask(service, plain(5)))) == {"1"}
    assert service.tally.challenger.failures == 5


def watched(service, *, problem="", rule=None):
    moves, bans, events = [], [], []

    def moving(*given):
        moves.append(given)
        return problem

    rule = rule or Rule(min_requests=20, min_seconds=0)
    watch = TrialWatch(rule, interval_s=3600, move=moving, ban=bans.append, tell=lambda **facts: events.append(facts))
    watch.look(service)  # a new challenger: a new tally
    return watch, moves, bans, events


def test_watch_promotes_once_what_has_proved_itself(lineup):
    service = service_of(lineup, Trial("shadow"))
    watch, moves, bans, events = watched(service)
    ask(service, plain(10))
    watch.look(service)
    assert (moves, watch.facts()["trial"]["verdict"]) == ([], "wait")
    ask(service, plain(20))
    watch.look(service)
    watch.look(service)
    (moved,) = moves
    assert (moved[:3], moved[3].verdict, bans) == (("health", "2", "1"), "promote", [])
    assert [each["event"] for each in events] == ["trial"]
    assert b'bequest_decisions_total{decision="promote"} 1.0' in service.metrics.page()


def test_watch_takes_a_failing_challenger_out_at_once_even_where_the_registry_can_not_be_moved(lineup, monkeypatch):
    service = service_of(lineup, Trial("canary", 1.0))
    watch, moves, bans, events = watched(service, problem="no module named mlflow")
    monkeypatch.setattr(lineup.challenger, "predict", lambda x: 1 / 0)
    ask(service, plain(5))
    watch.look(service)
    assert moves[0][3].verdict == "rollback"
    assert bans == ["2"]
    assert service.lineup == Lineup(lineup.champion)
    assert [each["event"] for each in events] == ["trial", "trial_not_moved"]


def test_move_asks_the_registry_in_the_name_of_serve(shared_workspace, capsys):
    from model_registry import acting, ledger, stages, versions
    from model_registry.store import client, ensure, experiment

    run_id = client().create_run(experiment("moved").experiment_id).info.run_id
    for number in (1, 2, 3):
        folder = shared_workspace / "staging" / str(number)
        (folder / "bundle").mkdir(parents=True)
        (folder / "bundle" / "x").write_text(str(number))
        versions.register("moved", folder, operation="converted", parents=[], run_id=run_id, stage_key=str(number))
        client().set_model_version_tag("moved", str(number), "gate", "passed" if number < 3 else "refused")
    stages.promote("moved", 1, "production")
    stages.promote("moved", 2, "staging")
    assert move.main(["moved", "2", "promote", "--champion", "1", "--reason", "as good: 600 answers"]) == 0
    entry = ledger.read("moved")[-1]
    assert (entry.by, entry.version, entry.to, entry.reason) == ("serve", 2, "Production", "as good: 600 answers")
    assert move.main(["moved", "1", "promote", "--champion", "1", "--reason", "x"]) == 1  # another stands there meanwhile
    assert move.main(["moved", "3", "promote", "--reason", "x"]) == 3
    assert "the gate refused it" in capsys.readouterr().err
    assert move.main(["moved", "3", "rollback", "--reason", "slow"]) == 0
    assert (ledger.read("moved")[-1].by, versions.get("moved", 3).stage) == ("serve", "Archived")
    assert acting.who() != "serve"
    problem = move_by_process(ensure().tracking_uri)("moved", "9", "2", Decision("promote", "why"))
    assert "moved/9: no such version" in problem
