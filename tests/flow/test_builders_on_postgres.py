"""Secrets, files and sync on PostgreSQL: real processes of the command that share one database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from bot import template_files
from tests.flow.test_many_processes import KEY, ok, serving, until
from tests.support import postgres_server
from tests.support.calls_with_secret import CALL
from tests.support.http_service import HttpService
from tests.support.killed_syncs import kill_syncs
from tests.support.processes import Installation, create_installation

OLD_KEY, NEW_KEY = "ab" * 32, "cd" * 32
VALUE, LAST = "canary-of-the-shop-4711", "canary-of-the-shop-2718"
FILE = """\
name: NAME
title: TITLE
steps: [{id: pay, uses: set, with: {n: 1}, gate: {approvers: [owner]}}]
"""
RUNS: Final = 6
KILLS: Final = 5


@pytest.fixture
def installation(tmp_path: Path, postgres_url: str) -> Iterator[Installation]:
    """Yield an installation with a database on a server, which has a key for secrets and no place for files."""
    with postgres_server.empty(postgres_url) as url:
        made = create_installation(tmp_path, DATABASE_URL=url, KEY=KEY, SECRETS_KEY=OLD_KEY, LOG_LEVEL="warning")
        ok(made.run("migrate"))
        yield made


# -- secrets --


def call(installation: Installation, service: HttpService) -> str:
    """Start a run, and return with what value the service was called."""
    before = len(service.posts)
    ok(installation.run("run", "call"))
    service.wait_for(before + 1)
    return str(service.posts[before].authorization).removeprefix("Bearer ")


def test_a_secret_that_one_process_sets_is_used_by_the_others(
    installation: Installation, http_service: HttpService
) -> None:
    installation.write("call.yaml", CALL.replace("URL", http_service.url))
    ok(installation.run("register", "call.yaml"))
    ok(installation.run("secret", "set", "SHOP", stdin=VALUE))
    both = f"{NEW_KEY},{OLD_KEY}"
    with ExitStack() as stack:
        stack.enter_context(serving(installation, SIGNOFF_ROLE="bot", SIGNOFF_SECRETS_KEY=both))
        for _ in range(2):
            stack.enter_context(serving(installation, "worker", SIGNOFF_SECRETS_KEY=both))
        assert call(installation, http_service) == VALUE
        installation.settings["SIGNOFF_SECRETS_KEY"] = both
        rotate_while_runs_go_on(installation, http_service)
        assert "0 values were" in ok(installation.run("secret", "rotate")).output
        installation.settings["SIGNOFF_SECRETS_KEY"] = NEW_KEY  # no process needs the old one any more
        ok(installation.run("secret", "set", "SHOP", stdin=LAST))
        until(lambda: call(installation, http_service) == LAST)
        ok(installation.run("secret", "delete", "SHOP"))
        until(lambda: fails(installation))
    assert "intact" in ok(installation.run("audit", "verify")).out
    shown = installation.run("audit", "export").out + installation.run("runs", "--json").out
    assert not [value for value in (VALUE, LAST) if value in shown]


def rotate_while_runs_go_on(installation: Installation, service: HttpService) -> None:
    """Encrypt all values with the new key while workers use them, and check that each call had the right one."""
    before = len(service.posts)
    starting = [installation.start("run", "call") for _ in range(RUNS)]
    rotated = ok(installation.run("secret", "rotate"))
    assert "1 value was encrypted with the current key." in rotated.output
    for process in starting:
        process.communicate()
        assert process.wait() == 0
    service.wait_for(before + RUNS)
    assert {post.authorization for post in service.posts[before:]} == {f"Bearer {VALUE}"}


def fails(installation: Installation) -> bool:
    """Return whether a new run fails because there is no secret."""
    run = str(ok(installation.run("run", "call", "--json")).json["run"])
    shown = dict[str, str]()

    def ended() -> bool:
        shown.update(ok(installation.run("runs", run, "--json")).json)
        return shown["status"] in ("succeeded", "failed", "waiting")

    until(ended)
    return shown["status"] != "succeeded"


# -- files --


def test_a_workflow_with_an_optional_file_runs_without_one(installation: Installation) -> None:
    folder = template_files.folder() / "workflows"
    registered = ok(installation.run("register", folder / "expense.yaml"))
    assert "a start with a file is refused. This server has no place for files" in registered.output
    given = ("-i", "what=Train", "-i", "amount=84.50", "-i", "spent_on=2026-03-02")
    receipt = installation.folder / "receipt.pdf"
    receipt.write_bytes(b"%PDF-1.4")
    refused = installation.run("run", "expense", *given, "-i", f"receipt=@{receipt}")
    assert refused.code == 1
    assert refused.err.strip().endswith(
        "“receipt.pdf” was not kept: this server has no place for files. Ask the person who runs Signoff."
    )
    assert len(refused.err.splitlines()) == 1
    assert ok(installation.run("runs", "--json")).json == []
    ok(installation.run("run", "expense", *given))
    assert len(ok(installation.run("runs", "--json")).json) == 1
    needed = installation.run("register", folder / "contract.yaml")
    assert needed.code == 1
    assert "The workflow takes files. This server has no place for files" in needed.output


# -- sync --


def test_kill_9_at_any_moment_of_a_sync_leaves_all_or_none(installation: Installation) -> None:
    folder = installation.folder / "workflows"
    folder.mkdir()
    names = [f"flow-{number}" for number in range(40)]

    def write(number: int) -> None:
        for name in names:
            text = FILE.replace("NAME", name).replace("TITLE", f"Title {number}")
            (folder / f"{name}.yaml").write_text(text, encoding="utf-8")

    def registered() -> set[int]:
        views = ok(installation.run("workflows", "--json")).json
        assert len(views) == len(names)
        return {view["version"] for view in views}

    kill_syncs(installation, folder, write=write, registered=registered, kills=KILLS, seed=21)
    assert "intact" in ok(installation.run("audit", "verify")).out
