"""The commands about secrets, through the socket of a server and without one, as a user types them."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.flow.test_doctor import run_doctor
from tests.support import postgres_server
from tests.support.calls_with_secret import CALL
from tests.support.cli import Commands
from tests.support.http_service import HttpService
from tests.support.processes import SIGNOFF, Installation, create_installation, serving

VALUE, OTHER = "canary-of-the-shop-4711", "canary-of-the-bank-0815"


@pytest.fixture
def shop(tmp_path: Path, empty_database: bytes) -> Installation:
    """Return an installation with an empty database, whose settings a test may change."""
    made = create_installation(tmp_path)
    made.database.write_bytes(empty_database)
    made.database.chmod(0o600)
    return made


def run_ok(shop: Installation, *arguments: str, stdin: str = "") -> str:
    finished = shop.run(*arguments, stdin=stdin)
    assert finished.code == 0, finished.output
    return finished.output


def key_file(shop: Installation) -> Path:
    return shop.database.with_name(f"{shop.database.name}.secrets-key")


def test_a_value_from_standard_input_is_used_and_shown_nowhere(shop: Installation, http_service: HttpService) -> None:
    shop.write("call.yaml", CALL.replace("URL", http_service.url))
    assert "The secret SHOP is not set." in run_ok(shop, "register", "call.yaml")
    assert run_ok(shop, "secret", "set", "SHOP", stdin=f"{VALUE}\n") == "The secret SHOP is set, for all workflows."
    assert key_file(shop).stat().st_mode & 0o777 == 0o600
    run_ok(shop, "run", "call")
    assert http_service.posts[0].authorization == f"Bearer {VALUE}"
    again = run_ok(shop, "secret", "set", "SHOP", "--workflow", "call", stdin=OTHER)
    assert again == "The secret SHOP is set, for the workflow call."
    run_ok(shop, "run", "call")
    assert http_service.posts[1].authorization == f"Bearer {OTHER}"
    listed = run_ok(shop, "secret", "list")
    for word in ("SHOP", "all workflows", "call", "lee@example.com"):
        assert word in listed
    assert all(row["used_at"] for row in json.loads(shop.run("secret", "list", "--json").out))
    shown = listed + run_ok(shop, "audit", "export") + run_ok(shop, "secret", "list", "--json")
    assert VALUE not in shown
    assert OTHER not in shown
    assert VALUE.encode() not in shop.database.read_bytes()


def test_a_running_server_uses_a_new_value_at_once(shop: Installation, http_service: HttpService) -> None:
    shop.write("call.yaml", CALL.replace("URL", http_service.url))
    with serving(shop) as server:
        run_ok(shop, "register", "call.yaml")
        for number, value in enumerate((VALUE, OTHER)):
            run_ok(shop, "secret", "set", "SHOP", stdin=value)
            run_ok(shop, "run", "call")
            http_service.wait_for(number + 1)
            assert http_service.posts[number].authorization == f"Bearer {value}"
        assert run_ok(shop, "secret", "rotate").startswith("2 values were encrypted with the current key.")
        run_ok(shop, "run", "call")
        http_service.wait_for(3)
        assert http_service.posts[2].authorization == f"Bearer {OTHER}"
        deleted = run_ok(shop, "secret", "delete", "SHOP")
        assert deleted == (
            "The secret SHOP for all workflows is deleted. The workflow call uses it. Its steps with this secret fail "
            "until you set it again."
        )
        assert VALUE not in server.output
    assert len(key_file(shop).read_text().split()) == 1


def test_a_person_is_asked_without_an_echo(shop: Installation) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(shop.folder)
        os.execve(SIGNOFF, [str(SIGNOFF), "secret", "set", "SHOP"], shop.environment)
    shown = b""
    while b"(not shown)" not in shown:
        shown += os.read(terminal, 1000)
    os.write(terminal, f"{VALUE}\n".encode())
    with contextlib.suppress(OSError):  # Linux says so when the other end is closed
        while chunk := os.read(terminal, 1000):
            shown += chunk
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert status == 0
    assert b"The secret SHOP is set" in shown
    assert VALUE.encode() not in shown
    assert [row["name"] for row in json.loads(shop.run("secret", "list", "--json").out)] == ["SHOP"]


@pytest.mark.parametrize(
    ("arguments", "stdin", "sentence"),
    [
        (("set", "shop"), VALUE, "A secret cannot be called “shop”. Use A-Z, 0-9 and _"),
        (("set", "SHOP"), "", "There is no value."),
        (("set", "SHOP"), "abc\n", "The value needs at least 4 characters."),
        (("set", "SHOP", "--workflow", "none"), VALUE, "There is no workflow “none”."),
        (("delete", "SHOP"), "", "There is no secret “SHOP”. See the secrets: signoff secret list"),
    ],
)
def test_what_cannot_be_done_has_a_sentence(
    shop: Installation, arguments: tuple[str, ...], stdin: str, sentence: str
) -> None:
    refused = shop.run("secret", *arguments, stdin=stdin)
    assert refused.code == 1
    assert sentence in refused.output
    assert not key_file(shop).exists()


def test_a_value_is_never_an_argument(shop: Installation) -> None:
    refused = shop.run("secret", "set", "SHOP", VALUE)
    assert refused.code == 2
    assert "unexpected extra argument" in refused.output


def test_doctor_names_secrets_that_are_missing_twice_or_closed(signoff: Commands) -> None:
    shop = signoff.installation
    shop.write("call.yaml", CALL.replace("URL", "https://shop.example.com"))
    signoff.run_ok("register", "call.yaml")
    said = [finding["said"] for finding in run_doctor(signoff, code=1)["workflows.secrets"]]
    assert said == ["The secret SHOP is not set; workflows that name it: call 1."]
    run_ok(shop, "secret", "set", "SHOP", stdin=VALUE)
    said = [finding["said"] for finding in run_doctor(signoff, code=0)["workflows.secrets"]]
    assert said == ["All secrets that workflows name are set: 1."]
    signoff.set(secret_SHOP=OTHER)
    findings = run_doctor(signoff)["workflows.secrets"]
    assert "in the database and in the environment. That in the database counts." in findings[1]["said"]
    signoff.set(secret_SHOP="")
    key_file(shop).chmod(0o644)
    said = [finding["said"] for finding in run_doctor(signoff, code=1)["workflows.secrets"]]
    assert any("Other users of this machine may read or write the key" in sentence for sentence in said)
    key_file(shop).unlink()
    said = [finding["said"] for finding in run_doctor(signoff, code=1)["workflows.secrets"]]
    assert "No key of this server decrypts the secrets SHOP." in said


def test_a_backup_and_a_dump_of_the_rows_hold_no_value(shop: Installation) -> None:
    run_ok(shop, "secret", "set", "SHOP", stdin=VALUE)
    run_ok(shop, "backup", "copy.db")
    copy = shop.folder / "copy.db"
    assert VALUE.encode() not in copy.read_bytes()
    with closing(sqlite3.connect(copy)) as connection:
        assert VALUE not in "\n".join(connection.iterdump())


def test_the_keys_move_with_the_rows_to_postgresql(shop: Installation, postgres_url: str) -> None:
    run_ok(shop, "secret", "set", "SHOP", stdin=VALUE)
    run_ok(shop, "secret", "rotate")
    with postgres_server.database(postgres_url) as url:
        moved = run_ok(shop, "move", "--to", url)
        assert f"Set SIGNOFF_SECRETS_KEY to what {key_file(shop)} holds" in moved
        server = {"SIGNOFF_DATABASE_URL": url, "SIGNOFF_KEY": "ab" * 32}
        shop.settings.update(server)
        refused = shop.run("secret", "set", "BANK", stdin=OTHER)
        assert "This server has no key for secrets. Set SIGNOFF_SECRETS_KEY" in refused.output
        shop.settings["SIGNOFF_SECRETS_KEY"] = key_file(shop).read_text().strip()
        assert run_ok(shop, "secret", "rotate").startswith("0 values were")
        assert run_ok(shop, "secret", "set", "BANK", stdin=OTHER) == "The secret BANK is set, for all workflows."
