"""docs/deploying.md and the files beside it: what they name exists, and the units hold the server in its folder."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bot.cli.lazy import LazyCommand
from bot.cli.main import signoff
from bot.settings import Settings
from bot.variable_checks import PREFIX
from tests.support.documents import DOCS, Page
from tests.support.load_balancer import HAPROXY

PAGE = Page.of("deploying.md")
UNITS = sorted((DOCS / "deploying").glob("*.service"))
SERVICES = yaml.safe_load((DOCS.parent / "compose.yaml").read_text(encoding="utf-8"))["services"]
SETTINGS = {PREFIX + name.upper() for name in Settings.model_fields}


def shell_lines() -> Iterator[list[str]]:
    """Yield each command of the page as its words."""
    for block in PAGE.blocks:
        if block.info == "sh":
            for line in block.text.replace("\\\n", " ").splitlines():
                yield from (shlex.split(part) for part in line.split("&&"))


def test_every_kind_of_block_of_the_page_is_known() -> None:
    assert {block.info for block in PAGE.blocks} == {"sh", "", "caddyfile"}


def called_commands() -> Iterator[list[str]]:
    """Yield each command of Signoff on the page, in whatever it is run."""
    for words in shell_lines():
        match words:
            case ["signoff", *command]:
                yield command
            case ["docker", "exec", "signoff", "signoff", *command]:
                yield command
            case ["docker", "compose", "exec", _, "signoff", *command]:
                yield command
            case ["docker", "compose", "run", "--rm", service, *command]:
                yield command or SERVICES[service]["command"]
            case ["runuser", "-u", "signoff", "--", "env", _, "/opt/signoff/bin/signoff", *command]:
                yield command
            case ["runuser", "-u", "signoff", "--", "/opt/signoff/bin/signoff", *command]:
                yield command


def test_every_command_of_signoff_on_the_page_exists() -> None:
    called = list(called_commands())
    assert {command for command, *_ in called} == {
        "backup", "doctor", "health", "migrate", "move", "serve", "workflows"
    }  # fmt: skip
    for command, *arguments in called:
        lazy = signoff.commands[command]
        assert isinstance(lazy, LazyCommand)
        known = {name for option in lazy.load().params for name in option.opts}
        assert {argument for argument in arguments if argument.startswith("-")} <= known, command


def test_every_service_of_the_page_is_in_the_compose_file() -> None:
    named = {word for words in shell_lines() if words[:2] == ["docker", "compose"] for word in words if "-" in word[1:]}
    assert {name for name in named if not name.startswith("-")} <= SERVICES.keys()
    assert {"bot-1", "bot-2", "worker-1", "worker-2"} <= named


def test_every_setting_of_the_page_and_of_the_units_exists() -> None:
    texts = [PAGE.text, *(unit.read_text(encoding="utf-8") for unit in UNITS)]
    assert {name for text in texts for name in re.findall(r"SIGNOFF_[A-Z_]+", text)} <= SETTINGS


# -- the load balancer --------------------------------------------------------------------------------------


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """Return the configuration that the command of the page makes for two bots on one machine."""
    (command,) = re.findall(r"^sed .*?haproxy\.cfg$", PAGE.text, re.MULTILINE | re.DOTALL)
    target = tmp_path / "haproxy.cfg"
    line = command.replace("/etc/haproxy/haproxy.cfg", str(target))
    subprocess.run(["sh", "-c", line], cwd=DOCS.parent, check=True)
    return target


def test_the_load_balancer_of_one_machine_finds_the_bots_of_the_units(configuration: Path) -> None:
    lines = {line.strip() for line in configuration.read_text(encoding="utf-8").splitlines()}
    assert {"user haproxy", "group haproxy", "bind 127.0.0.1:8080"} <= lines
    environment = read(DOCS / "deploying" / "signoff-bot@.service")["Environment"]
    for number in "12":
        bot = dict(variable.split("=") for variable in environment.replace("%i", number).split())
        port, probes = bot["SIGNOFF_PORT"], bot["SIGNOFF_PROBE_PORT"]
        assert f"server bot-{number} 127.0.0.1:{port} check port {probes}" in lines


def test_the_ports_of_the_units_differ() -> None:
    variables = [
        variable.replace("%i", number)
        for unit in UNITS
        for variable in read(unit).get("Environment", "").split()
        if "PORT" in variable
        for number in map(str, range(1, 10))
    ]
    ports = [variable.partition("=")[2] for variable in variables]
    assert len(ports) == len(set(ports)) == 27


@pytest.mark.skipif(HAPROXY is None, reason="HAProxy is not installed")
def test_haproxy_understands_the_configuration(configuration: Path) -> None:
    subprocess.run([str(HAPROXY), "-c", "-f", configuration], check=True, capture_output=True)


# -- units --------------------------------------------------------------------------------------------------


def read(unit: Path) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(unit.read_text(encoding="utf-8"))
    return parser["Service"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_runs_a_command_as_its_own_user_in_its_folder(unit: Path) -> None:
    service = read(unit)
    assert (service["User"], service["UMask"], service["WorkingDirectory"]) == ("signoff", "0077", "/var/lib/signoff")
    program, command = service["ExecStart"].split(" ")
    assert program == "/opt/signoff/bin/signoff"
    assert command == {"signoff": "serve", "signoff-bot@": "serve", "signoff-worker@": "worker"}[unit.stem]
    assert service["ProtectSystem"] == "strict"
    writable = service.get("ReadWritePaths")
    assert writable == (service["WorkingDirectory"] if unit.stem == "signoff" else None), (
        "a server keeps all in PostgreSQL"
    )


def test_the_units_are_held_alike() -> None:
    held = ("Protect", "Restrict", "System", "Private")
    hardened = [{name: value for name, value in read(unit).items() if name.startswith(held)} for unit in UNITS]
    assert len(hardened) == 3
    assert hardened[0] == hardened[1] == hardened[2]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_understands_the_units_and_finds_them_safe(tmp_path: Path) -> None:
    for unit in UNITS:
        copy = tmp_path / unit.name
        copy.write_text(
            unit.read_text(encoding="utf-8").replace("/opt/signoff/bin/signoff", shutil.which("true") or "")
        )
    copies = sorted(map(str, tmp_path.glob("*.service")))
    verified = subprocess.run(["systemd-analyze", "verify", *copies], capture_output=True, text=True, check=False)
    assert "signoff" not in verified.stderr
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", *copies], capture_output=True, check=False
    )
    assert judged.returncode == 0, judged.stdout
