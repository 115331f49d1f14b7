"""Container and cluster files: what they say must fit the code, since no engine runs them here."""

import importlib.metadata
import json
import re
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deployments.serving.__main__ import GRACE_S
from deployments.serving.guards import OPEN_PATHS
from deployments.serving.options import parser as _parser
from deployments.serving.settings import TOKEN_VARIABLE
from model_registry.environment import DEFAULTS

ROOT = Path(__file__).parents[2]
DEPLOYMENTS = ROOT / "deployments"


@pytest.fixture(scope="module")
def stages() -> dict[str, list[str]]:
    """The Containerfile's instructions, by stage."""
    text = re.sub(r"\\\n\s*", "", (DEPLOYMENTS / "Containerfile").read_text())
    stages: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("FROM "):
            stages[line.rsplit(" AS ", 1)[1]] = []
        if line and not line.startswith("#"):
            list(stages.values())[-1].append(line)
    return stages


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((DEPLOYMENTS / "compose.yaml").read_text())


def pins(path: Path) -> dict[str, str]:
    """Each requirement of a lock file with its version and hashes."""
    blocks = re.findall(r"^([\w.-]+)==(.+?)(?=^[\w.-]+==|\Z)", path.read_text(), re.M | re.S)
    return {canonicalize_name(name): " ".join(sorted(rest.replace("\\", "").split())) for name, rest in blocks}


def closure(names: list[str]) -> set[str]:
    """Everything that the named distributions need, as installed here."""
    found: set[str] = set()
    waiting = [canonicalize_name(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            needed = map(Requirement, importlib.metadata.requires(name) or [])
            waiting += [canonicalize_name(r.name) for r in needed if r.marker is None or r.marker.evaluate({"extra": ""})]
    return found


def test_serving_lock_is_the_part_of_the_whole_lock_that_serving_needs():
    whole, part = pins(ROOT / "requirements.lock"), pins(DEPLOYMENTS / "serving" / "requirements.lock")
    lines = (DEPLOYMENTS / "serving" / "requirements.in").read_text().splitlines()
    asked = [Requirement(line).name for line in lines if line and not line.startswith("#")]
    assert set(part) == closure(asked)
    assert part == {name: whole[name] for name in part}, "run `make lock`"
    assert not {"tensorflow", "tf-keras", "mlflow", "prefect", "pandas", "scipy", "scikit-learn"} & set(part)


def test_containerfile_copies_what_exists_and_what_its_context_holds(stages):
    admitted = [line[1:] for line in (DEPLOYMENTS / "Containerfile.dockerignore").read_text().splitlines() if line[0] == "!"]
    copied = [
        line.split()[1:-1] for lines in stages.values() for line in lines if line.startswith("COPY") and "--from" not in line
    ]
    for source in {source for sources in copied for source in sources}:
        assert source.split("/")[0] in admitted
        assert (ROOT / source).exists(), source


def test_serving_image_starts_our_server_as_a_plain_user(stages):
    (entry,) = [json.loads(line.removeprefix("ENTRYPOINT ")) for line in stages["serve"] if line.startswith("ENTRYPOINT")]
    assert entry[:4] == ["python", "-P", "-m", "deployments.serving"]
    options = _parser().parse_args(entry[4:])
    assert (str(options.bundle), options.host) == ("/bundle", "0.0.0.0")
    assert f"EXPOSE {options.port}" in stages["serve"]
    assert [line for line in stages["serve"] if line.startswith("USER")] == ["USER 10001"]
    assert [line for line in stages["bequest"] if line.startswith("USER")] == ["USER 10001"]


def test_product_image_turns_reporting_home_off_as_the_package_does(stages):
    (environment,) = [line for line in stages["bequest"] if line.startswith("ENV")]
    stated = dict(pair.split("=") for pair in environment.split()[1:])
    for name in ("DO_NOT_TRACK", "PREFECT_SERVER_ANALYTICS_ENABLED", "MLFLOW_DISABLE_TELEMETRY", "GX_ANALYTICS_ENABLED"):
        assert stated[name] == DEFAULTS[name]


def test_compose_builds_known_stages_and_publishes_on_loopback_alone(compose, stages):
    assert set(compose["services"]) == {"prefect", "mlflow", "worker", "serve"}
    for service in compose["services"].values():
        assert service["build"]["target"] in stages
        assert (DEPLOYMENTS / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")
    for volume in (v for s in compose["services"].values() for v in s.get("volumes", [])):
        assert volume.split(":")[0] in compose["volumes"] or volume.startswith("${")


def test_compose_points_the_worker_at_its_servers(compose):
    services = compose["services"]
    worker = services["worker"]
    assert worker["environment"]["PREFECT_API_URL"] == f"http://prefect:{services['prefect']['command'][-1]}/api"
    assert worker["environment"]["MLFLOW_TRACKING_URI"] == "http://mlflow:5000"
    assert "mlflow:5000" in services["mlflow"]["environment"]["MLFLOW_SERVER_ALLOWED_HOSTS"]
    assert set(worker["depends_on"]) == {"prefect", "mlflow"}
    from flows.services.plans import POOL

    assert worker["command"][worker["command"].index("--pool") + 1] == POOL


def test_compose_serves_with_a_token_and_time_to_end(compose):
    serve = compose["services"]["serve"]
    options = _parser().parse_args(["/bundle", *serve["command"]])
    assert options.token_file == Path("/run/secrets") / serve["secrets"][0]
    assert int(serve["stop_grace_period"].removesuffix("s")) > GRACE_S


def test_kubernetes_probes_what_needs_no_token_and_waits_for_requests_to_end(stages):
    deployment, service = yaml.safe_load_all((DEPLOYMENTS / "kubernetes.yaml").read_text())
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["path"] in OPEN_PATHS
        assert container[probe]["httpGet"]["port"] == container["ports"][0]["name"]
    assert f"EXPOSE {container['ports'][0]['containerPort']}" in stages["serve"]
    assert container["env"][0]["name"] == TOKEN_VARIABLE
    assert pod["terminationGracePeriodSeconds"] > GRACE_S + int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert f"USER {pod['securityContext']['runAsUser']}" in stages["serve"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"] == labels
    assert service["spec"]["ports"][0]["targetPort"] == container["ports"][0]["name"]
