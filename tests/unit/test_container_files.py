"""Dockerfile and compose.yaml fit the program: what they copy and name exists, and what they promise is set."""

from __future__ import annotations

import re
import shlex
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import compose_spec
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bot.cli.main import signoff
from bot.setting_values import parse_server_url
from bot.settings import Settings
from bot.variable_checks import PREFIX
from tests.support.load_balancer import CONFIGURATION

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")
SETTINGS = {PREFIX + name.upper() for name in Settings.model_fields}
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "signoff"}


def instructions() -> list[tuple[str, str]]:
    """Return the name and the arguments of each instruction of the Dockerfile."""
    lines = "\n".join(line for line in DOCKERFILE.splitlines() if not line.startswith("#")).replace("\\\n", " ")
    return [(name, " ".join(rest.split())) for name, _, rest in (line.partition(" ") for line in lines.splitlines())]


def last_stage(name: str) -> list[str]:
    """Return the arguments of an instruction in the stage that becomes the image."""
    found = instructions()
    start = max(index for index, (instruction, _) in enumerate(found) if instruction == "FROM")
    return [rest for instruction, rest in found[start:] if instruction == name]


def image_environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for line in last_stage("ENV") for pair in shlex.split(line))


# -- Dockerfile -------------------------------------------------------------------------------------------------


def test_everything_that_is_copied_exists_and_is_let_in() -> None:
    copied = {
        source
        for name, rest in instructions()
        if name == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    }
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*", "all else is kept out"


def test_the_image_runs_as_a_user_without_rights_and_gets_signals_itself() -> None:
    assert last_stage("USER") == ["10001:10001"]
    assert last_stage("ENTRYPOINT") == ['["signoff"]']
    assert last_stage("CMD") == ['["serve"]']
    assert last_stage("STOPSIGNAL") == ["SIGTERM"]
    assert last_stage("HEALTHCHECK")[0].endswith('CMD ["signoff", "health"]')
    assert "health" in signoff.commands


def test_the_image_keeps_its_data_in_its_volume() -> None:
    environment = image_environment()
    assert {name for name in environment if name.startswith(PREFIX)} <= SETTINGS
    assert last_stage("VOLUME") == last_stage("WORKDIR") == ["/data"]
    assert environment["SIGNOFF_DATABASE_URL"] == "sqlite:////data/signoff.db"
    assert environment["SIGNOFF_PROBE_PORT"] in last_stage("EXPOSE")[0].split()


def test_no_secret_can_get_into_a_layer() -> None:
    names = [*image_environment(), *(rest.partition("=")[0] for name, rest in instructions() if name == "ARG")]
    assert not [name for name in names if re.search("TOKEN|SECRET|PASSWORD|KEY|SMTP", name)]
    assert "ADD" not in dict(instructions())


def test_both_stages_have_the_python_of_the_tests() -> None:
    assert [rest.split(" ")[0] for name, rest in instructions() if name == "FROM"] == ["python:${PYTHON}"] * 2
    (version,) = re.findall(r"^ARG PYTHON=(3\.\d+)-slim", DOCKERFILE, re.MULTILINE)
    assert distribution("signoff").metadata["Requires-Python"] == f">={version}"


def test_every_package_of_the_image_has_its_version_in_the_constraints() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {canonicalize_name(line.partition("==")[0]) for line in lines if not line.startswith("#")}
    assert packages_of("signoff", {"postgres", "tracing"}) | {"build", "hatchling"} <= pinned | {"signoff"}


def packages_of(name: str, extras: set[str]) -> set[str]:
    """Return a package and all that it needs on this machine, by the metadata of what is installed."""
    found, waiting = set[str](), [(name, frozenset(extras))]
    while waiting:
        package, its_extras = waiting.pop()
        if canonicalize_name(package) in found:
            continue
        found.add(canonicalize_name(package))
        for requirement in map(Requirement, distribution(package).requires or ()):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in its_extras | {""}):
                waiting.append((requirement.name, frozenset(requirement.extras)))
    return found


# -- compose.yaml -----------------------------------------------------------------------------------------------


def test_the_file_follows_the_compose_specification() -> None:
    compose = compose_spec.PyOptions(apply_merge=True).from_yaml(COMPOSE)
    assert set(compose.services or ()) == set(SERVICES)


@pytest.mark.parametrize("name", OURS)
def test_a_service_of_ours_runs_a_command_with_settings_that_exist(name: str) -> None:
    service = OURS[name]
    assert service["command"][0] in signoff.commands
    assert {variable for variable in service["environment"] if variable.startswith(PREFIX)} <= SETTINGS
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["env_file"] == ".env"


def test_there_are_two_bots_and_two_workers_behind_one_migration() -> None:
    roles = {
        name: (service["command"][0], service["environment"].get("SIGNOFF_ROLE")) for name, service in OURS.items()
    }
    assert roles == {
        "migrate": ("migrate", None),
        **dict.fromkeys(("bot-1", "bot-2"), ("serve", "bot")),
        **dict.fromkeys(("worker-1", "worker-2"), ("worker", None)),
    }
    for name, service in OURS.items():
        if name != "migrate":
            assert service["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
            assert service["restart"] == "unless-stopped"
    assert OURS["migrate"]["depends_on"] == {"db": {"condition": "service_healthy"}}


def test_the_address_of_the_database_is_the_one_of_its_service() -> None:
    (address,) = {service["environment"]["SIGNOFF_DATABASE_URL"] for service in OURS.values()}
    database = SERVICES["db"]["environment"]
    password = "${POSTGRES_PASSWORD:?write it into .env}"
    assert address == f"postgresql+asyncpg://{database['POSTGRES_USER']}:{password}@db/{database['POSTGRES_DB']}"
    assert parse_server_url(address.replace(password, "5a5a"))
    assert database["POSTGRES_PASSWORD"] == password


def test_every_service_stops_in_order_and_is_checked() -> None:
    assert all("stop_grace_period" in service for service in SERVICES.values())
    assert {name for name, service in SERVICES.items() if "healthcheck" in service} == {"db", "migrate", "balancer"}
    declared = yaml.safe_load(COMPOSE)
    (subnet,) = {service["environment"]["SIGNOFF_TRUSTED_PROXIES"] for service in OURS.values()}
    assert subnet == declared["networks"]["default"]["ipam"]["config"][0]["subnet"]
    assert set(declared["volumes"]) == {service.partition(":")[0] for service in SERVICES["db"]["volumes"]}


def test_the_load_balancer_knows_the_bots_and_their_ports() -> None:
    (volume,) = SERVICES["balancer"]["volumes"]
    assert (ROOT / volume.partition(":")[0]).resolve() == CONFIGURATION
    text = CONFIGURATION.read_text()
    bots = [name for name, service in OURS.items() if service["environment"].get("SIGNOFF_ROLE") == "bot"]
    assert re.findall(r"^ *server (\S+) (\S+)$", text, re.MULTILINE) == [(name, f"{name}:8000") for name in bots]
    assert f"check port {image_environment()['SIGNOFF_PROBE_PORT']} " in text
    assert SERVICES["balancer"]["healthcheck"]["test"][-1] == "http://127.0.0.1:8404/healthz"
