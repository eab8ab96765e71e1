"""A command imports only modules that it needs, because every import delays its start."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import click
import pytest

from bot.cli.lazy import LazyCommand
from bot.cli.main import signoff
from tests.support.processes import HELLO, SIGNOFF, Installation, create_installation

ROOT = Path(__file__).parents[2]
RUN_AND_PRINT_MODULES = """
import json, sys
from bot.cli import main
try:
    main()
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""
SERVER = {"slack_bolt", "slack_sdk", "starlette", "uvicorn", "apscheduler", "bot.app"}
OTHERS = {"bot.devtools.bench", "bot.devtools.demo", "bot.doctor", "bot.devtools.sandbox"}
DATABASE = {"sqlalchemy", "sqlmodel"}
CALLS = {"aiohttp"}
UPGRADE = {"alembic"}
DATA = {"pydantic", "yaml", "rich"}


@pytest.fixture
def installation(tmp_path: Path, empty_database: bytes) -> Installation:
    installation = create_installation(tmp_path)
    installation.database.write_bytes(empty_database)
    installation.write("hello.yaml", HELLO)
    return installation


def loaded_modules(installation: Installation, source: str, *arguments: str | Path) -> set[str]:
    """Run `source`, which prints the names of its loaded modules, and return them."""
    finished = subprocess.run(
        [sys.executable, "-c", source, *map(str, arguments)],
        cwd=installation.folder,
        env={**installation.environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return set(json.loads(finished.stderr))


@pytest.mark.parametrize(
    ("arguments", "unneeded"),
    [
        (["--help"], SERVER | OTHERS | UPGRADE | CALLS | DATABASE | DATA),
        (["version"], SERVER | OTHERS | UPGRADE | CALLS | DATABASE | DATA),
        (["check", "hello.yaml"], SERVER | OTHERS | UPGRADE | DATABASE),
        (["runs"], SERVER | OTHERS | UPGRADE | CALLS),
        (["requests"], SERVER | OTHERS | UPGRADE | CALLS),
        (["workflows"], SERVER | OTHERS | UPGRADE | CALLS),
        (["audit", "export"], SERVER | OTHERS | UPGRADE | CALLS),
        (["backup", "copy.db"], SERVER | OTHERS | UPGRADE | CALLS),
        (["migrate"], SERVER | OTHERS | UPGRADE | CALLS),
        (["register", "hello.yaml"], OTHERS | UPGRADE),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_imports_only_what_it_needs(
    installation: Installation, arguments: list[str], unneeded: Iterable[str]
) -> None:
    assert loaded_modules(installation, RUN_AND_PRINT_MODULES, *arguments) & set(unneeded) == set()


def test_a_database_of_the_current_schema_is_opened_without_the_modules_of_upgrades(installation: Installation) -> None:
    source = """
import json, sys
from pathlib import Path
from bot.devtools.bench import engine
with engine.open_engine(Path(sys.argv[1])):
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""
    assert (
        loaded_modules(installation, source, installation.database)
        & (SERVER - {"apscheduler"} | UPGRADE | CALLS | {"rich"})
        == set()
    )


def test_the_list_of_commands_has_the_description_of_each_command() -> None:
    for name, lazy_command in signoff.commands.items():
        assert isinstance(lazy_command, LazyCommand)
        command = lazy_command.load()
        assert isinstance(command, click.Command)
        assert (command.name, command.get_short_help_str(200)) == (name, lazy_command.get_short_help_str(200))
        assert (command.hidden, command.deprecated) == (lazy_command.hidden, lazy_command.deprecated)


@pytest.mark.parametrize(
    "arguments",
    [["version"], ["--help"], ["check", "hello.yaml"], ["check", "missing.yaml"], ["runs"], ["runs", "--x"]],
)
def test_the_processes_of_other_tests_behave_as_the_installed_command(
    installation: Installation, arguments: list[str]
) -> None:
    installed = subprocess.run(
        [str(SIGNOFF), *arguments],
        cwd=installation.folder,
        env=installation.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    forked = installation.run(*arguments)
    assert (forked.code, forked.out, forked.err) == (installed.returncode, installed.stdout, installed.stderr)
