"""A backup in the place of the database: noticed, told with what may happen twice, and used only after a yes."""

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
def run(at: Installation, signoff: Commands, world: HttpService) -> str:
    """A run that waits to be approved."""
    at.write("pay.yaml", PAY.replace("URL", world.url))
    signoff.done("register", "pay.yaml")
    return str(signoff.json("run", "pay")["run"])


def by_the_command(at: Installation, signoff: Commands) -> Path:
    signoff.done("backup", "copy.db")
    return at.folder / "copy.db"


def by_hand(at: Installation, signoff: Commands) -> Path:
    shutil.copy(at.database, at.folder / "copy.db")
    return at.folder / "copy.db"


def decide(signoff: Commands, run: str) -> None:
    (asked,) = signoff.json("requests")
    signoff.done("decide", asked["id"], "approve")
    assert signoff.json("runs", run)["status"] == "succeeded"


def restore(at: Installation, copy: Path) -> None:
    for one in at.folder.glob("signoff.db-*"):
        one.unlink()
    shutil.copy(copy, at.database)


WAYS: list[Callable[[Installation, Commands], Path]] = [by_the_command, by_hand]


@pytest.mark.parametrize("saved", WAYS)
def test_a_restored_backup_is_noticed_and_nothing_is_done_with_it(
    at: Installation, signoff: Commands, world: HttpService, run: str, saved: Callable[[Installation, Commands], Path]
) -> None:
    copy = saved(at, signoff)
    decide(signoff, run)
    assert len(world.posts) == 1
    restore(at, copy)
    before = at.database.read_bytes()
    refused = at.run("serve")
    assert refused.code == 4
    assert f"The database {at.database} may be older than what has happened since." in refused.said
    assert "was written here already." in refused.said
    assert (
        f"1 request waits in it, so people may be asked again what they have decided since; and open runs ({run})"
        in (refused.said)
    )
    assert "signoff serve --restored" in refused.said
    for command in (["run", "pay"], ["cancel", run], ["register", "pay.yaml"]):
        finished = signoff(*command)
        assert finished.code == 4
        assert "`signoff serve` says what may happen twice" in finished.err
    assert at.database.read_bytes() == before
    assert len(world.posts) == 1


@pytest.mark.parametrize("saved", WAYS)
def test_a_restored_backup_goes_on_once_the_operator_said_so_and_the_record_says_it(
    at: Installation, signoff: Commands, run: str, saved: Callable[[Installation, Commands], Path]
) -> None:
    copy = saved(at, signoff)
    decide(signoff, run)
    restore(at, copy)
    _go_on(at)
    with closing(sqlite3.connect(at.database)) as file:
        (told,) = file.execute("SELECT content FROM audit WHERE leaf LIKE '%database.restored%'").fetchone()
    assert "was written here already" in told
    assert '"by":"terminal:' in told
    decide(signoff, run)
    signoff.done("audit", "verify")


def _go_on(at: Installation) -> None:
    server = Server(at, "--restored")
    server.wait_until_ready()
    assert server.stop() == 0


@pytest.mark.parametrize("answer", ["y", "n"])
def test_at_a_terminal_the_server_asks(at: Installation, signoff: Commands, run: str, answer: str) -> None:
    copy = by_the_command(at, signoff)
    decide(signoff, run)
    restore(at, copy)
    with terminal(at, "serve") as person:
        person.see("Go on with this database? [y/N]")
        person.type(answer)
        person.see("Commands on this machine" if answer == "y" else "Nothing was done with it")
        assert (person.interrupt() if answer == "y" else person.end()) == (0 if answer == "y" else 4)


def test_a_copy_beside_the_log_of_a_killed_server_is_left_alone(at: Installation, signoff: Commands, run: str) -> None:
    copy = by_the_command(at, signoff)
    with serving(at) as server:
        (asked,) = signoff.json("requests")
        signoff.done("decide", asked["id"], "approve")
        while signoff.json("runs", run)["status"] != "succeeded":
            assert server.process.poll() is None
        # As after much has been written: from now on the log holds single pages, which are of no use to another file.
        with closing(sqlite3.connect(at.database)) as file:
            file.execute("PRAGMA wal_checkpoint(RESTART)")
        signoff.done("run", "pay")
        server.kill()
    log = Path(f"{at.database}-wal")
    assert log.stat().st_size
    shutil.copy(copy, at.database)
    before = at.database.read_bytes(), log.read_bytes()
    for command in (["serve"], ["serve", "--restored"], ["run", "pay"], ["migrate"]):
        refused = at.run(*command)
        assert refused.code == 4
        assert f"Move {log} and {at.database}-shm away, and start again." in refused.said
    assert (at.database.read_bytes(), log.read_bytes()) == before
    log.unlink()
    assert "may be older than what has happened since." in at.run("serve").said
    _go_on(at)
    decide(signoff, run)
    signoff.done("audit", "verify")


def test_a_copy_that_is_in_use_goes_on_after_a_kill(at: Installation, signoff: Commands, run: str) -> None:
    restore(at, by_the_command(at, signoff))
    server = Server(at, "--restored")
    try:
        server.wait_until_ready()
        (asked,) = signoff.json("requests")
        signoff.done("decide", asked["id"], "approve")
    finally:
        server.kill()
    with serving(at):
        assert [one["state"] for one in signoff.json("requests", "--all")] == ["approved"]


def test_a_database_that_was_removed_is_not_begun_anew_without_a_yes(
    at: Installation, signoff: Commands, run: str
) -> None:
    at.database.unlink()
    refused = signoff("serve")
    assert refused.code == 4
    assert "It is new, and entry" in refused.said
    assert f"If that is meant, remove {at.database}.head too." in refused.said
    Path(f"{at.database}.head").unlink()
    with serving(at):
        assert signoff.json("requests") == []


def test_a_backup_in_a_place_where_no_database_was_is_noticed_too(
    at: Installation, signoff: Commands, run: str
) -> None:
    by_the_command(at, signoff)
    signoff.set(database_url=f"sqlite:///{at.folder / 'copy.db'}")
    assert [one["state"] for one in signoff.json("requests")] == ["pending"]
    assert "It is a copy that `signoff backup` made." in signoff("serve").said


def test_a_database_without_its_note_is_noticed_once(at: Installation, signoff: Commands, run: str) -> None:
    """Copied by hand to another place, as a snapshot of long ago would be."""
    moved = at.folder / "other" / "signoff.db"
    moved.parent.mkdir()
    shutil.copy(at.database, moved)
    there = Installation(at.folder, moved)
    assert f"The note of how far it was ({moved}.head) is missing or cannot be read." in there.run("serve").said
    _go_on(there)
    with serving(there) as server:
        assert server.stop() == 0


def test_a_log_that_was_written_anew_is_noticed(at: Installation, signoff: Commands, run: str) -> None:
    with closing(sqlite3.connect(at.database)) as file, file:
        file.execute("DROP TRIGGER audit_unchanged")
        file.execute("UPDATE audit SET hash = zeroblob(32)")
    assert "of its log is not the one that was written here." in signoff("serve").said


def test_what_was_lost_with_the_log_of_a_killed_server_is_noticed(
    at: Installation, signoff: Commands, run: str
) -> None:
    with serving(at) as server:
        decide_there = signoff.json("requests")
        signoff.done("decide", decide_there[0]["id"], "approve")
        while signoff.json("runs", run)["status"] != "succeeded":
            pass
        with closing(sqlite3.connect(at.database)) as file:
            (last,) = file.execute("SELECT max(seq) FROM audit").fetchone()
        while (noted := log_head.read(at.database)) is None or noted[0] < last:
            assert server.process.poll() is None
        server.kill()
    for one in at.folder.glob("signoff.db-*"):
        one.unlink()
    assert "was written here already." in signoff("serve").said


def test_a_database_that_was_moved_with_its_note_or_killed_or_stopped_asks_nothing(
    at: Installation, signoff: Commands, run: str
) -> None:
    with serving(at) as server:
        server.kill()
    with serving(at) as server:
        assert server.stop() == 0
    moved = at.folder / "other"
    moved.mkdir()
    for one in at.folder.glob("signoff.db*"):
        one.rename(moved / one.name)
    with serving(Installation(at.folder, moved / "signoff.db")):
        pass
