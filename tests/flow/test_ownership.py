"""A database has one server, under every name of the file, and whatever happens to the files beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import StoreLocked
from engine.store import lock
from tests.support.cli import Commands
from tests.support.http_service import PATIENCE, HttpService
from tests.support.processes import HELLO, SIGNOFF, Installation, serving

GATED = HELLO + "    gate: {approvers: [lee@example.com]}\n"


@pytest.fixture
def installation(tmp_path: Path, empty_database: bytes) -> Installation:
    folder = tmp_path / "data"
    folder.mkdir()
    new_installation = Installation(tmp_path, folder / "signoff.db")
    new_installation.database.write_bytes(empty_database)
    new_installation.database.chmod(0o600)
    new_installation.write("hello.yaml", GATED)
    return new_installation


CALL = """\
name: call
owner: sam@example.com
steps:
  - id: call
    uses: http
    with: {method: POST, url: "URL/pay", json: {}}
"""


def create_other_folder(installation: Installation) -> Path:
    folder = installation.folder / "other"
    folder.mkdir()
    return folder


def hard_link(installation: Installation) -> Path:
    path = create_other_folder(installation) / "second.db"
    path.hardlink_to(installation.database)
    return path


def link_to_a_hard_link(installation: Installation) -> Path:
    path = installation.folder / "third.db"
    path.symlink_to(hard_link(installation))
    return path


def symbolic_link(installation: Installation) -> Path:
    path = create_other_folder(installation) / "second.db"
    path.symlink_to(installation.database)
    return path


def linked_folder(installation: Installation) -> Path:
    (installation.folder / "other").symlink_to(installation.database.parent)
    return installation.folder / "other" / "signoff.db"


def relative_link(installation: Installation) -> Path:
    path = create_other_folder(installation) / "second.db"
    path.symlink_to("../data/signoff.db")
    return installation.folder / "data" / ".." / "other" / "second.db"


SECOND_NAMES: list[Callable[[Installation], Path]] = [
    hard_link,
    link_to_a_hard_link,
    symbolic_link,
    linked_folder,
    relative_link,
]


@pytest.mark.parametrize("second_name", SECOND_NAMES)
def test_a_server_under_a_second_name_of_the_file_is_refused(
    installation: Installation, signoff: Commands, second_name: Callable[[Installation], Path]
) -> None:
    second = second_name(installation)
    with serving(installation) as server:
        signoff.run_ok("register", "hello.yaml")
        run = signoff.json("run", "hello")["run"]
        signoff.set(database_url=f"sqlite:///{second}")
        for command in ("migrate", "serve"):
            refused = signoff(command)
            assert refused.code == 4
            assert refused.err.startswith(f"Another Signoff process uses {second}. ")
        signoff.set(database_url=f"sqlite:///{installation.database}")
        (request,) = signoff.json("requests")
        signoff.run_ok("decide", request["id"], "approve")
        assert server.stop() == 0
    assert signoff.json("runs", run)["status"] == "succeeded"
    assert signoff.run_ok("audit", "verify").code == 0


def test_a_server_on_the_file_mounted_elsewhere_is_refused(installation: Installation, signoff: Commands) -> None:
    second = create_other_folder(installation) / "second.db"
    second.touch()
    script = f'mount --bind "{installation.database}" "{second}" && exec "{SIGNOFF}" serve'
    with serving(installation):
        finished = subprocess.run(
            ["unshare", "--mount", "--map-root-user", "sh", "-c", script],
            env={**installation.environment, "SIGNOFF_DATABASE_URL": f"sqlite:///{second}"},
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
        if "unshare" in finished.stderr or "mount" in finished.stderr:
            pytest.skip(f"this machine mounts nothing for us: {finished.stderr}")
        assert finished.returncode == 4
        assert finished.stderr.startswith(f"Another Signoff process uses {second}. ")
        signoff.run_ok("register", "hello.yaml")


@pytest.mark.parametrize("second_name", [symbolic_link, linked_folder, relative_link])
def test_commands_that_follow_a_symbolic_link_reach_the_server(
    installation: Installation, signoff: Commands, second_name: Callable[[Installation], Path]
) -> None:
    second = second_name(installation)
    with serving(installation) as server:
        signoff.set(database_url=f"sqlite:///{second}")
        signoff.run_ok("register", "hello.yaml")
        started = signoff.run_ok("run", "hello")
        assert started.err == "", "the server tells the approvers, not the command"
        (request,) = signoff.json("requests")
        signoff.run_ok("decide", request["id"], "approve")
        assert server.stop() == 0
    assert f"signoff decide {request['id']} approve" in server.output


def test_a_server_that_was_given_a_symbolic_link_is_reached_by_the_file_itself(
    installation: Installation, signoff: Commands
) -> None:
    signoff.run_ok("register", "hello.yaml")
    linked = Installation(installation.folder, symbolic_link(installation))
    with serving(linked) as server:
        assert signoff.run_ok("run", "hello").err == ""
        assert server.socket == installation.database.with_name("signoff.db.sock")
        assert signoff("serve").code == 4
    assert not any(file.name.endswith(".key") for file in linked.database.parent.iterdir())


def test_a_file_that_takes_the_place_of_an_owned_one_has_no_second_owner(installation: Installation) -> None:
    with lock.own(installation.database):
        installation.database.rename(installation.folder / "moved.db")
        with pytest.raises(StoreLocked), lock.own(installation.database):
            pytest.fail("there are two owners")


def test_a_loop_of_symbolic_links_is_reported_in_a_sentence(installation: Installation, signoff: Commands) -> None:
    loop = installation.folder / "loop.db"
    loop.symlink_to(loop)
    signoff.set(database_url=f"sqlite:///{loop}")
    for command in ("serve", "migrate", "workflows"):
        finished = signoff(command)
        assert finished.code == 4, finished.output
        assert len(finished.err.splitlines()) == 1
        assert str(loop) in finished.err


def test_looking_for_the_owner_leaves_the_locks_of_sqlite_alone(installation: Installation, signoff: Commands) -> None:
    """No lock file lies beside a second name of the database, so only the file itself shows its owner."""
    second = hard_link(installation)
    assert not lock.is_held(second)
    with serving(installation):
        signoff.set(database_url=f"sqlite:///{second}")
        findings = signoff("doctor", "--json").json
        owner = next(finding for finding in findings if finding["check"] == "database.owner")
        assert owner["state"] == "warning"
        assert "owns the database" in owner["said"]
    assert os.listdir(second.parent) == [second.name]


# -- what happens to the files of a server that runs --------------------------------------------------------


def move_database(installation: Installation) -> Path:
    return installation.database.rename(installation.folder / "moved.db")


def move_the_folder(installation: Installation) -> Path:
    installation.database.parent.rename(installation.folder / "elsewhere")
    return installation.folder / "elsewhere" / installation.database.name


def remove(installation: Installation) -> Path:
    installation.database.unlink()
    return installation.database.with_name("signoff.db.rescued")


def replace(installation: Installation) -> Path:
    other = installation.folder / "other.db"
    shutil.copy(installation.database, other)
    other.replace(installation.database)
    return installation.database.with_name("signoff.db.rescued")


def remove_all_beside_it(installation: Installation) -> Path:
    for file in installation.database.parent.iterdir():
        file.unlink(missing_ok=True)  # the server may remove its socket first, because it stops meanwhile
    return installation.database.with_name("signoff.db.rescued")


def remove_file_with(suffix: str) -> Callable[[Installation], Path]:
    def remove_beside(installation: Installation) -> Path:
        installation.database.with_name(installation.database.name + suffix).unlink()
        return installation.database

    return remove_beside


def replace_the_lock(installation: Installation) -> Path:
    beside = lock.lock_path(installation.database)
    beside.unlink()
    beside.touch()
    return installation.database


INTERFERENCES: list[Callable[[Installation], Path]] = [
    *(move_database, move_the_folder, remove, replace, remove_all_beside_it, replace_the_lock),
    *map(remove_file_with, ("-wal", "-shm", ".lock")),
]


@pytest.mark.parametrize("interfere", INTERFERENCES)
def test_a_server_whose_files_are_taken_away_stops_says_why_and_loses_nothing(
    installation: Installation, signoff: Commands, interfere: Callable[[Installation], Path]
) -> None:
    with serving(installation) as server:
        signoff.run_ok("register", "hello.yaml")
        run = signoff.json("run", "hello")["run"]
        rescued = interfere(installation)
        assert server.wait() == 4
    last = server.output.splitlines()[-1]
    assert "so Signoff stops." in last
    assert f"All that was saved is in {rescued}." in last or f"all that was saved is in {rescued}." in last
    assert "Traceback" not in server.output
    if rescued != installation.database:
        assert f"back to {installation.database}" in last or f"to {installation.database}, and start again." in last
        installation.database.parent.mkdir(exist_ok=True)
        rescued.replace(installation.database)
    assert rescued.stat().st_mode & 0o777 == 0o600 if rescued.exists() else True
    (request,) = signoff.json("requests")
    assert request["run"] == run
    signoff.run_ok("decide", request["id"], "approve")
    signoff.run_ok("audit", "verify")


def test_an_effect_under_way_when_the_database_is_removed_is_recorded_in_what_is_saved(
    installation: Installation, signoff: Commands, http_service: HttpService
) -> None:
    installation.write("call.yaml", CALL.replace("URL", http_service.url))
    signoff.run_ok("register", "call.yaml")
    http_service.may_answer.clear()
    with serving(installation) as server:
        run = signoff.json("run", "call")["run"]
        http_service.wait_for(1)
        rescued = remove(installation)
        while server.socket.exists():  # the server takes no more commands, and waits for the effect
            assert server.process.poll() is None
        http_service.may_answer.set()
        assert server.wait() == 4
    rescued.replace(installation.database)
    recorded_run = signoff.json("runs", run)
    assert (recorded_run["steps"][0]["status"], len(http_service.posts)) == ("succeeded", 1)


def test_a_server_whose_database_is_written_over_stops_and_says_what_to_do(
    installation: Installation, signoff: Commands
) -> None:
    signoff.run_ok("register", "hello.yaml")
    signoff.run_ok("backup", "copy.db")
    with serving(installation) as server:
        signoff.run_ok("run", "hello")
        with (installation.folder / "copy.db").open("rb") as copy, installation.database.open("r+b") as file:
            shutil.copyfileobj(copy, file)
        assert server.wait() == 4
    assert "Something else was written into the database" in server.output.splitlines()[-1]
    assert "restore a backup while no server runs" in server.output.splitlines()[-1]
