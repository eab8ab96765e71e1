"""The key of a server is created once, readable for its user only, and read at each start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import server_key
from bot.key_file import KeyUnusable

ROOT = Path(__file__).parents[3]


@pytest.fixture(params=[0o022, 0o000, 0o077, 0o277, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_a_key_is_created_once_and_then_read(tmp_path: Path) -> None:
    database = tmp_path / "signoff.db"
    codes = server_key.load_codes(database)
    assert server_key.load_codes(database) == codes
    assert server_key.load_codes(tmp_path / "other.db") != codes
    assert sorted(file.name for file in tmp_path.iterdir()) == ["other.db.key", "signoff.db.key"]


def test_a_database_has_one_key_through_any_link(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "data" / "signoff.db")
    assert server_key.load_codes(tmp_path / "link.db") == server_key.load_codes(tmp_path / "data" / "signoff.db")


def test_only_its_user_may_read_a_key_with_any_umask_and_it_is_never_printed(tmp_path: Path, umask: int) -> None:
    codes = server_key.load_codes(tmp_path / "signoff.db")
    assert server_key.key_path(tmp_path / "signoff.db").stat().st_mode & 0o777 == 0o600
    assert codes.key.hex() not in repr(codes)
    assert str(codes.key) not in repr(codes)


@pytest.mark.parametrize("text", ["", "not hexadecimal", "abcd", "ü" * 64])
def test_the_error_for_an_unusable_key_names_the_file_and_what_to_do(tmp_path: Path, text: str) -> None:
    path = server_key.key_path(tmp_path / "signoff.db")
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(
        KeyUnusable, match=r"signoff\.db\.key cannot be used: it has no key in it\. Put the key"
    ) as error:
        server_key.load_codes(tmp_path / "signoff.db")
    assert "or remove it. Signoff then makes a new key" in str(error.value)


def test_a_key_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable):
        server_key.load_codes(tmp_path / "no folder" / "signoff.db")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o666, 0o777])
def test_a_key_that_others_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    database = tmp_path / "signoff.db"
    codes = server_key.load_codes(database)
    path = server_key.key_path(database)
    path.chmod(mode)
    with pytest.raises(KeyUnusable, match="may read or write the key") as error:
        server_key.load_codes(database)
    assert f"chmod 600 {path}" in str(error.value)
    assert codes.key.hex() not in str(error.value)
    path.chmod(0o600)
    assert server_key.load_codes(database) == codes


@pytest.mark.parametrize("kind", ["folder", "fifo", "device", "link to a fifo"])
def test_a_key_that_is_no_regular_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = server_key.key_path(tmp_path / "signoff.db")
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path, 0o600)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        os.mkfifo(tmp_path / "fifo", 0o600)
        path.symlink_to(tmp_path / "fifo")
    with pytest.raises(KeyUnusable, match="is not a regular file"):
        server_key.load_codes(tmp_path / "signoff.db")


KILLED = """
import os, signal, sys
from pathlib import Path
from bot import server_key

left = int(sys.argv[2])

def count(event, arguments):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
server_key.load_codes(Path(sys.argv[1]))
"""


def test_a_kill_at_any_moment_leaves_a_whole_key_or_none(tmp_path: Path) -> None:
    """The process is killed before its first audit event, in the next round before its second, and so on."""
    for moment in range(1, 50):
        database = tmp_path / f"{moment}.db"
        process = subprocess.run(
            [sys.executable, "-c", KILLED, str(database), str(moment)], cwd=ROOT, check=False, timeout=60
        )
        codes = server_key.load_codes(database)
        assert server_key.load_codes(database) == codes
        assert server_key.key_path(database).stat().st_mode & 0o777 == 0o600
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL
    assert process.returncode == 0
    assert moment > 5


def test_a_disk_without_room_leaves_no_empty_key(tmp_path: Path) -> None:
    database = tmp_path / "signoff.db"
    script = (
        "import resource, sys; from pathlib import Path; from bot import server_key\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); server_key.load_codes(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", script, str(database)]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False, timeout=60)
    assert "KeyUnusable" in process.stderr
    assert list(tmp_path.iterdir()) == []
    server_key.load_codes(database)
