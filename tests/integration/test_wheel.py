"""People install the wheel, not the checkout: build it, install it elsewhere, and use it there, without the network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

WORKFLOW = """\
name: hello
title: Hello
owner: sam@example.com
inputs:
  who: {type: text, default: world}
steps:
  - id: greet
    uses: set
    with: {text: "Hello {{ inputs.who }}"}
    gate: true
"""


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Run a command without a terminal and return its output. Fail with all of the output if the command fails."""
    finished = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, f"{command} exited with {finished.returncode}:\n{finished.stdout}"
    return finished.stdout


@dataclass(frozen=True)
class Installed:
    """A virtual environment that holds the wheel, and an empty folder to work in."""

    bin: Path
    folder: Path
    env: dict[str, str]

    def python(self, code: str) -> str:
        return run(self.bin / "python", "-c", code, cwd=self.folder, env=self.env).strip()

    def signoff(self, *arguments: str) -> str:
        return run(self.bin / "signoff", *arguments, cwd=self.folder, env=self.env)


def stranger(home: Path) -> dict[str, str]:
    """Return environment variables that name neither this checkout nor its virtual environment."""
    inherited = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    return {**inherited, "HOME": str(home), "PATH": os.defpath, "PYTHONUTF8": "1"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    base = tmp_path_factory.mktemp("elsewhere")
    home, folder, venv = base / "home", base / "folder", base / "venv"
    home.mkdir()
    folder.mkdir()
    (folder / "hello.yaml").write_text(WORKFLOW, encoding="utf-8")
    run(sys.executable, "-m", "venv", "--without-pip", venv, cwd=base)
    installation = Installed(bin=venv / "bin", folder=folder, env=stranger(home))
    pip = (sys.executable, "-m", "pip", "--python", installation.bin / "python", "--disable-pip-version-check")
    run(*pip, "install", "--no-index", "--no-deps", wheel, cwd=base)
    lend_dependencies(installation)
    return installation


def lend_dependencies(installation: Installed) -> None:
    """Let the new environment import our dependencies, but not the checkout.

    An editable install is a .pth file, and a .pth file in a folder that another .pth file names is not read.
    """
    theirs = Path(installation.python("import sysconfig; print(sysconfig.get_path('purelib'))"))
    ours = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (theirs / "dependencies.pth").write_text("".join(f"{folder}\n" for folder in sorted(ours)), encoding="utf-8")


def metadata(archive: zipfile.ZipFile) -> Message:
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(archive.read(name).decode())


def test_the_wheel_carries_every_template(wheel: Path) -> None:
    templates = [path for path in (ROOT / "templates").rglob("*") if path.is_file()]
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert templates
    assert {f"bot/_templates/{path.relative_to(ROOT / 'templates').as_posix()}" for path in templates} <= names


def test_the_wheel_carries_the_sandbox_s_page(wheel: Path) -> None:
    files = [path.relative_to(ROOT).as_posix() for path in (ROOT / "bot/devtools/sandbox/page").iterdir()]
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert files
    assert set(files) <= names


def test_the_wheel_carries_the_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        described = metadata(archive)
        (licence,) = (name for name in archive.namelist() if name.endswith(".dist-info/licenses/LICENSE"))
        text = archive.read(licence)
    assert described["License-Expression"] == "Apache-2.0"
    assert described.get_all("License-File") == ["LICENSE"]
    assert text == (ROOT / "LICENSE").read_bytes()


def test_the_wheel_puts_nothing_but_three_packages_among_the_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"bot", "engine", "signoff"}


def test_the_wheel_carries_the_package_of_programs_once_and_with_its_types(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    sources = {path.name for path in (ROOT / "bot/sdk/signoff").iterdir() if path.is_file()}
    assert {name for name in names if name.startswith("signoff/")} == {f"signoff/{name}" for name in sources}
    assert {"signoff/py.typed", "engine/py.typed"} <= names
    assert [name for name in names if name.startswith("bot/sdk")] == []
    assert "bot/clients/signoff.ts" in names


@pytest.mark.parametrize("package", ["bot", "engine", "signoff"])
def test_the_installed_packages_are_those_of_the_wheel(installed: Installed, package: str) -> None:
    file = Path(installed.python(f"import {package}; print({package}.__file__)"))
    assert file.is_relative_to(installed.bin.parent)
    assert str(ROOT) not in installed.python("import sys; print(*sys.path, sep='\\n')").splitlines()


def test_the_installed_command_tells_its_version(installed: Installed) -> None:
    assert installed.python("from importlib.metadata import version; print(version('signoff'))") in installed.signoff(
        "version"
    )


def test_the_installed_command_checks_a_workflow(installed: Installed) -> None:
    installed.signoff("check", "hello.yaml")


def test_the_installed_command_sets_itself_up_and_serves(installed: Installed) -> None:
    said = installed.signoff("init", "--yes", "--operator", "sam@example.com")
    assert "The workflow lunch is registered" in said
    server = subprocess.Popen(
        [installed.bin / "signoff", "serve"],
        cwd=installed.folder,
        env=installed.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    assert server.stdout is not None
    with server:
        assert any("Ready." in line for line in server.stdout)
        assert "Spend 40.00 EUR at Roma?" in installed.signoff("run", "lunch", "-i", "place=Roma", "-i", "amount=40")
        (asked,) = json.loads(installed.signoff("requests", "--json"))
        installed.signoff("decide", asked["id"], "approve")
        assert "40.00 EUR" in installed.signoff("runs")
        server.terminate()
    assert server.returncode == 0


def test_the_installed_command_tries_a_workflow(installed: Installed) -> None:
    installed.signoff("try", "hello.yaml", "--answer", "approve")


def test_the_installed_command_plays_the_demo(installed: Installed) -> None:
    assert "claims held" in installed.signoff("demo", "--play")


# -- the package of programs --------------------------------------------------------------------------------

AGENT = """\
import asyncio
from decimal import Decimal

import signoff
from signoff import approve, ask, requires_approval
from signoff.steps import StepContext, StepType


@requires_approval("Refund {amount}", editable=["amount"])
async def refund(order: str, amount: Decimal) -> int:
    return len(order)


@requires_approval()
def ship(order: str) -> None: ...


async def main() -> None:
    approval = await approve("Refund", amount=Decimal(5), order="A-1", editable=["amount"], risk="high")
    async with approval:
        reveal_type(approval["amount"])
    reveal_type(await ask("Which region?", fields={"region": "text"}))
    reveal_type(await refund("A-1", Decimal(5)))
    reveal_type(ship)
    with signoff.approve_sync("Refund") as taken:
        reveal_type(taken.by)
"""


def test_a_program_with_strict_types_uses_the_package(installed: Installed) -> None:
    agent = installed.folder / "agent.py"
    agent.write_text(AGENT, encoding="utf-8")
    mypy = (sys.executable, "-m", "mypy", "--strict", "--config-file", os.devnull)
    interpreter = ("--python-executable", installed.bin / "python")
    types = run(*mypy, *interpreter, agent, cwd=installed.folder, env=installed.env)
    assert [line.partition("Revealed type is ")[2] for line in types.splitlines() if "Revealed" in line] == [
        '"Any"',
        '"dict[str, Any]"',
        '"int"',
        '"def (order: str)"',
        '"str | None"',
    ]


def test_importing_the_package_loads_neither_the_server_nor_an_http_client(installed: Installed) -> None:
    loaded = installed.python("import signoff, sys; print(*{name.partition('.')[0] for name in sys.modules})").split()
    assert "signoff" in loaded
    assert {"bot", "engine", "httpx", "pydantic", "msgspec", "anyio", "asyncio", "ssl"} & {*loaded} == set()
