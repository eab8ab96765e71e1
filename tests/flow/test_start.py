"""What a command does not need it does not import: whoever asks for a list would wait for it."""

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
from tests.support.processes import HELLO, Installation, create_installation

ROOT = Path(__file__).parents[2]
NAMES = """
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


def imported(installation: Installation, source: str, *arguments: str | Path) -> set[str]:
    """The modules of a process that ran `source`, which prints them."""
    done = subprocess.run(
        [sys.executable, "-c", source, *map(str, arguments)],
        cwd=installation.folder,
        env={**installation.environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr))


@pytest.mark.parametrize(
    ("arguments", "spared"),
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
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_a_command_imports_only_what_it_needs(
    installation: Installation, arguments: list[str], spared: Iterable[str]
) -> None:
    assert imported(installation, NAMES, *arguments) & set(spared) == set()


def test_a_file_of_this_schema_is_opened_without_what_upgrades(installation: Installation) -> None:
    source = """
import json, sys
from pathlib import Path
from bot.devtools.bench import engine
with engine.open_engine(Path(sys.argv[1])):
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""
    assert (
        imported(installation, source, installation.database) & (SERVER - {"apscheduler"} | UPGRADE | CALLS | {"rich"})
        == set()
    )


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    for name, listed in signoff.commands.items():
        assert isinstance(listed, LazyCommand)
        command = listed.load()
        assert isinstance(command, click.Command)
        assert (command.name, command.get_short_help_str(200)) == (name, listed.get_short_help_str(200))
        assert (command.hidden, command.deprecated) == (listed.hidden, listed.deprecated)
