"""A restored backup is noticed. It is used only after the operator confirms it, knowing what may happen twice."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from engine.store import log_head
from tests.support.cli import Commands
from tests.support.http_service import HttpService
from tests.support.processes import Installation, Server, serving
from tests.support.terminals import terminal

PAY = """\
name: pay
owner: sam@example.com
steps:
  - id: call
    uses: http
    with: {method: POST, url: "URL/pay", json: {}}
    gate: {approvers: [lee@example.com]}
"""


@pytest.fixture
def run(installation: Installation, signoff: Commands, http_service: HttpService) -> str:
    """Start a run that waits for approval, and return its id."""
    installation.write("pay.yaml", PAY.replace("URL", http_service.url))
    signoff.run_ok("register", "pay.yaml")
    return str(signoff.json("run", "pay")["run"])


def back_up_by_command(installation: Installation, signoff: Commands) -> Path:
    signoff.run_ok("backup", "copy.db")
    return installation.folder / "copy.db"


def copy_by_hand(installation: Installation, signoff: Commands) -> Path:
    shutil.copy(installation.database, installation.folder / "copy.db")
    return installation.folder / "copy.db"


def approve(signoff: Commands, run: str) -> None:
    (request,) = signoff.json("requests")
    signoff.run_ok("decide", request["id"], "approve")
    assert signoff.json("runs", run)["status"] == "succeeded"


def restore(installation: Installation, copy: Path) -> None:
    for file in installation.folder.glob("signoff.db-*"):
        file.unlink()
    shutil.copy(copy, installation.database)


BACKUP_WAYS: list[Callable[[Installation, Commands], Path]] = [back_up_by_command, copy_by_hand]


@pytest.mark.parametrize("back_up", BACKUP_WAYS)
def test_a_restored_backup_is_noticed_and_nothing_is_done_with_it(
    installation: Installation,
    signoff: Commands,
    http_service: HttpService,
    run: str,
    back_up: Callable[[Installation, Commands], Path],
) -> None:
    copy = back_up(installation, signoff)
    approve(signoff, run)
    assert len(http_service.posts) == 1
    restore(installation, copy)
    before = installation.database.read_bytes()
    refused = installation.run("serve")
    assert refused.code == 4
    assert f"The database {installation.database} may be an older copy." in refused.output
    assert "but the database here already had entry" in refused.output
    assert (
        "1 request is open in it. People may be asked again about requests that they have decided since. "
        f"Open runs ({run}) may repeat calls and messages." in refused.output
    )
    assert "signoff serve --restored" in refused.output
    for command in (["run", "pay"], ["cancel", run], ["register", "pay.yaml"]):
        finished = signoff(*command)
        assert finished.code == 4
        assert "Start `signoff serve`: it shows what may happen twice" in finished.err
    assert installation.database.read_bytes() == before
    assert len(http_service.posts) == 1


@pytest.mark.parametrize("back_up", BACKUP_WAYS)
def test_a_restored_backup_goes_on_once_the_operator_said_so_and_the_record_says_it(
    installation: Installation, signoff: Commands, run: str, back_up: Callable[[Installation, Commands], Path]
) -> None:
    copy = back_up(installation, signoff)
    approve(signoff, run)
    restore(installation, copy)
    _serve_restored(installation)
    with closing(sqlite3.connect(installation.database)) as file:
        (content,) = file.execute("SELECT content FROM audit WHERE leaf LIKE '%database.restored%'").fetchone()
    assert "the database here already had entry" in content
    assert '"by":"terminal:' in content
    approve(signoff, run)
    signoff.run_ok("audit", "verify")


def _serve_restored(installation: Installation) -> None:
    server = Server(installation, "--restored")
    server.wait_until_ready()
    assert server.stop() == 0


@pytest.mark.parametrize("answer", ["y", "n"])
def test_at_a_terminal_the_server_asks(installation: Installation, signoff: Commands, run: str, answer: str) -> None:
    copy = back_up_by_command(installation, signoff)
    approve(signoff, run)
    restore(installation, copy)
    with terminal(installation, "serve") as person:
        person.see("Continue with this database? [y/N]")
        person.type(answer)
        person.see("Commands on this machine" if answer == "y" else "Nothing was changed")
        assert (person.interrupt() if answer == "y" else person.end()) == (0 if answer == "y" else 4)


def test_a_copy_beside_the_log_of_a_killed_server_is_left_alone(
    installation: Installation, signoff: Commands, run: str
) -> None:
    copy = back_up_by_command(installation, signoff)
    with serving(installation) as server:
        (request,) = signoff.json("requests")
        signoff.run_ok("decide", request["id"], "approve")
        while signoff.json("runs", run)["status"] != "succeeded":
            assert server.process.poll() is None
        # After a checkpoint the log has only single pages, as it has after many writes. They do not fit another file.
        with closing(sqlite3.connect(installation.database)) as file:
            file.execute("PRAGMA wal_checkpoint(RESTART)")
        signoff.run_ok("run", "pay")
        server.kill()
    log = Path(f"{installation.database}-wal")
    assert log.stat().st_size
    shutil.copy(copy, installation.database)
    before = installation.database.read_bytes(), log.read_bytes()
    for command in (["serve"], ["serve", "--restored"], ["run", "pay"], ["migrate"]):
        refused = installation.run(*command)
        assert refused.code == 4
        assert f"Move {log} and {installation.database}-shm away, and start again." in refused.output
    assert (installation.database.read_bytes(), log.read_bytes()) == before
    log.unlink()
    assert "may be an older copy." in installation.run("serve").output
    _serve_restored(installation)
    approve(signoff, run)
    signoff.run_ok("audit", "verify")


def test_a_copy_that_is_in_use_goes_on_after_a_kill(installation: Installation, signoff: Commands, run: str) -> None:
    restore(installation, back_up_by_command(installation, signoff))
    server = Server(installation, "--restored")
    try:
        server.wait_until_ready()
        (request,) = signoff.json("requests")
        signoff.run_ok("decide", request["id"], "approve")
    finally:
        server.kill()
    with serving(installation):
        assert [decided["state"] for decided in signoff.json("requests", "--all")] == ["approved"]


def test_a_database_that_was_removed_is_not_begun_anew_without_a_yes(
    installation: Installation, signoff: Commands, run: str
) -> None:
    installation.database.unlink()
    refused = signoff("serve")
    assert refused.code == 4
    assert "It is new, but the database here already had entry" in refused.output
    assert f"If you want to begin anew, remove {installation.database}.head too." in refused.output
    Path(f"{installation.database}.head").unlink()
    with serving(installation):
        assert signoff.json("requests") == []


def test_a_backup_in_a_place_where_no_database_was_is_noticed_too(
    installation: Installation, signoff: Commands, run: str
) -> None:
    back_up_by_command(installation, signoff)
    signoff.set(database_url=f"sqlite:///{installation.folder / 'copy.db'}")
    assert [request["state"] for request in signoff.json("requests")] == ["pending"]
    assert "It is a copy that `signoff backup` made." in signoff("serve").output


def test_a_database_without_its_note_is_noticed_once(installation: Installation, signoff: Commands, run: str) -> None:
    """The file is copied to another folder, as an old snapshot would be."""
    moved = installation.folder / "other" / "signoff.db"
    moved.parent.mkdir()
    shutil.copy(installation.database, moved)
    copy = Installation(installation.folder, moved)
    assert f"The file {moved}.head, which has its last entry, is missing or cannot be read." in copy.run("serve").output
    _serve_restored(copy)
    with serving(copy) as server:
        assert server.stop() == 0


def test_a_log_that_was_written_anew_is_noticed(installation: Installation, signoff: Commands, run: str) -> None:
    with closing(sqlite3.connect(installation.database)) as file, file:
        file.execute("DROP TRIGGER audit_unchanged")
        file.execute("UPDATE audit SET hash = zeroblob(32)")
    assert "of its audit log is not the one that the database here had." in signoff("serve").output


def test_a_lost_log_of_a_killed_server_is_noticed(installation: Installation, signoff: Commands, run: str) -> None:
    with serving(installation) as server:
        pending = signoff.json("requests")
        signoff.run_ok("decide", pending[0]["id"], "approve")
        while signoff.json("runs", run)["status"] != "succeeded":
            pass
        with closing(sqlite3.connect(installation.database)) as file:
            (last,) = file.execute("SELECT max(seq) FROM audit").fetchone()
        while (noted := log_head.read(installation.database)) is None or noted[0] < last:
            assert server.process.poll() is None
        server.kill()
    for log_file in installation.folder.glob("signoff.db-*"):
        log_file.unlink()
    assert "the database here already had entry" in signoff("serve").output


def test_a_database_that_was_moved_with_its_note_or_killed_or_stopped_asks_nothing(
    installation: Installation, signoff: Commands, run: str
) -> None:
    with serving(installation) as server:
        server.kill()
    with serving(installation) as server:
        assert server.stop() == 0
    moved = installation.folder / "other"
    moved.mkdir()
    for file in installation.folder.glob("signoff.db*"):
        file.rename(moved / file.name)
    with serving(Installation(installation.folder, moved / "signoff.db")):
        pass
