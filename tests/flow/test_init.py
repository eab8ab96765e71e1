"""`signoff init`: from an empty folder to a first workflow, with and without questions."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from bot import env_file
from bot.slack import manifest
from tests.support.processes import HELLO, Installation, create_installation, serving
from tests.support.terminals import Terminal, terminal

BOT_TOKEN, APP_TOKEN = "xoxb-1-ab", "xapp-1-b"
MAIL_SERVER = "smtps://signoff:hunter22@127.0.0.1:9"
NO_SLACK = "http://127.0.0.1:9/api/"


@pytest.fixture
def empty(tmp_path: Path) -> Installation:
    """Return an installation in whose folder nothing is yet."""
    return create_installation(tmp_path, OPERATOR="sam@example.com")


def test_a_script_sets_it_up_and_the_server_runs_the_first_workflow(empty: Installation) -> None:
    made = empty.run("init", "--yes", "--operator", "sam@example.com")
    assert made.code == 0, made.output
    path = empty.folder / ".env"
    assert env_file.read(path) == {"SIGNOFF_OPERATOR": "sam@example.com"}
    assert path.stat().st_mode & 0o777 == 0o600
    assert "0 problems" in made.output
    assert "The workflow lunch is registered, from lunch.yaml." in made.output
    with serving(empty):
        started = empty.run("run", "lunch", "-i", "place=Roma", "-i", "amount=40")
        assert started.code == 0, started.output
        assert "You were asked" in started.output or "signoff decide" in started.output, started.output


def test_what_is_set_already_is_kept(empty: Installation) -> None:
    empty.write(".env", "SIGNOFF_OPERATOR=lee@example.com\n")
    made = empty.run("init", "--yes", "--operator", "sam@example.com")
    assert "SIGNOFF_OPERATOR stays as it is in .env." in made.output
    assert env_file.read(empty.folder / ".env") == {"SIGNOFF_OPERATOR": "lee@example.com"}
    again = empty.run("init", "--yes")
    assert "There is a workflow lunch already, so none was registered." in again.output


def test_tokens_come_from_the_environment_and_the_operator_may_register(tmp_path: Path) -> None:
    tokens = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN}
    empty = create_installation(tmp_path, SLACK_API_URL=NO_SLACK, **tokens)
    made = empty.run("init", "--yes")
    assert made.code == 1
    assert "There are problems, listed above. Fix them, and check again: signoff doctor" in made.output
    assert "The workflow lunch is registered" in made.output
    assert env_file.read(empty.folder / ".env") == {
        "SIGNOFF_SLACK_BOT_TOKEN": BOT_TOKEN,
        "SIGNOFF_SLACK_APP_TOKEN": APP_TOKEN,
        "SIGNOFF_OPERATOR": "lee@example.com",
        "SIGNOFF_BUILDERS": "lee@example.com",
    }


def test_a_person_is_asked_and_a_wrong_answer_is_asked_again(tmp_path: Path) -> None:
    empty = create_installation(tmp_path, OPERATOR="")
    made = empty.run("init", stdin="\nsam\nsam@example.com\n\n")
    assert "https://api.slack.com/apps?new_app=1&manifest_yaml=" in made.output
    assert "SIGNOFF_OPERATOR: " in made.err
    assert env_file.read(empty.folder / ".env") == {"SIGNOFF_OPERATOR": "sam@example.com"}


def test_without_an_operator_it_says_what_is_missing(tmp_path: Path) -> None:
    empty = create_installation(tmp_path, OPERATOR="")
    refused = empty.run("init", "--yes")
    assert refused.code == 2
    assert "--operator and your email address" in refused.output
    assert not (empty.folder / ".env").exists()


def test_the_address_of_the_manifest_fits_into_a_browser() -> None:
    assert len(manifest.link("https://signoff.example.com", "https://signoff.example.com")) < 4_000
    assert re.fullmatch(r"https://api\.slack\.com/apps\?new_app=1&manifest_yaml=[\w%.~-]+", manifest.link())


# -- tokens and passwords -----------------------------------------------------------------------------------


def test_tokens_come_from_files_and_from_standard_input(tmp_path: Path) -> None:
    empty = create_installation(tmp_path, SLACK_API_URL=NO_SLACK, OPERATOR="")
    empty.write("app-token", f"{APP_TOKEN}\n")
    empty.write("mail-server", MAIL_SERVER)
    made = empty.run(
        "init",
        "--yes",
        *("--operator", "sam@example.com", "--public-url", "https://signoff.example.com"),
        *("--slack-bot-token-file", "-", "--slack-app-token-file", "app-token"),
        *("--smtp-url-file", "mail-server", "--email-from", "signoff@example.com"),
        stdin=f"{BOT_TOKEN}\n",
    )
    assert env_file.read(empty.folder / ".env") == {
        "SIGNOFF_OPERATOR": "sam@example.com",
        "SIGNOFF_PUBLIC_URL": "https://signoff.example.com",
        "SIGNOFF_EMAIL_FROM": "signoff@example.com",
        "SIGNOFF_SLACK_BOT_TOKEN": BOT_TOKEN,
        "SIGNOFF_SLACK_APP_TOKEN": APP_TOKEN,
        "SIGNOFF_SMTP_URL": MAIL_SERVER,
        "SIGNOFF_BUILDERS": "sam@example.com",
    }
    assert not {BOT_TOKEN, APP_TOKEN, "hunter22"} & {*re.split(r"[\s:@/]", made.output)}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "must have one line"),
        (f"{BOT_TOKEN}\n{APP_TOKEN}\n", "must have one line"),
        ("x" * 20_000, "must have one line"),
        ("hunter22", "SIGNOFF_SLACK_BOT_TOKEN"),
    ],
)
def test_a_file_without_a_token_is_refused_before_anything_is_written(tmp_path: Path, content: str, says: str) -> None:
    empty = create_installation(tmp_path)
    empty.write("token", content)
    refused = empty.run("init", "--yes", "--slack-bot-token-file", "token")
    assert refused.code == 2
    assert says in refused.output
    assert "hunter22" not in refused.output
    assert not (empty.folder / ".env").exists()


def test_two_values_cannot_both_come_from_standard_input(empty: Installation) -> None:
    both = ("--slack-bot-token-file", "-", "--slack-app-token-file", "-")
    refused = empty.run("init", "--yes", *both, stdin=f"{BOT_TOKEN}\n")
    assert refused.code == 2
    assert "Standard input can have one of the values." in refused.output


def test_a_wrong_address_is_refused_before_anything_is_written(empty: Installation) -> None:
    refused = empty.run("init", "--yes", "--public-url", "signoff")
    assert refused.code == 2
    assert "SIGNOFF_PUBLIC_URL: " in refused.output
    assert not (empty.folder / ".env").exists()


# -- a person at a terminal ---------------------------------------------------------------------------------


def answer_tokens(person: Terminal) -> None:
    person.see("Slack bot token")
    person.see(": ")
    person.type(BOT_TOKEN)
    person.see("Slack app-level token")
    person.see(": ")
    person.type(APP_TOKEN)
    person.see("Your email address, as in Slack: ")


def test_what_is_typed_for_a_token_is_not_shown(tmp_path: Path) -> None:
    empty = create_installation(tmp_path, SLACK_API_URL=NO_SLACK, OPERATOR="")
    with terminal(empty, "init") as person:
        answer_tokens(person)
        person.type("sam@example.com")
        person.see("Public address")
        person.type("")
        person.see("The settings are in")
        person.see("The workflow lunch is registered")
        person.end()
        assert "sam@example.com" in person.screen
        assert BOT_TOKEN not in person.raw
        assert APP_TOKEN not in person.raw
    assert env_file.read(empty.folder / ".env")["SIGNOFF_SLACK_APP_TOKEN"] == APP_TOKEN


@pytest.mark.parametrize("asked", ["Slack bot token", "Your email address", "Public address"])
def test_ctrl_c_at_a_question_leaves_everything_as_it_was(tmp_path: Path, asked: str) -> None:
    empty = create_installation(tmp_path, SLACK_API_URL=NO_SLACK, OPERATOR="")
    before = "# mine\nSIGNOFF_LOG_LEVEL=debug\n"
    empty.write(".env", before)
    with terminal(empty, "init") as person:
        if asked != "Slack bot token":
            answer_tokens(person)
        if asked == "Public address":
            person.type("sam@example.com")
            person.see(asked)
        assert person.interrupt() == 130
        assert "Stopped." in person.screen
    assert (empty.folder / ".env").read_text() == before
    assert sorted(path.name for path in empty.folder.iterdir() if path.name != ".cache") == [".env"]


def test_a_person_is_asked_before_a_value_is_replaced(empty: Installation) -> None:
    written = empty.write(".env", "# mine\nSIGNOFF_OPERATOR=lee@example.com\nSIGNOFF_LOG_LEVEL=debug\n")
    written.chmod(0o644)
    for answer, operator in (("n", "lee@example.com"), ("y", "sam@example.com")):
        with terminal(empty, "init", "--operator", "sam@example.com") as person:
            person.see("Slack bot token")
            person.type("")
            person.see("Public address")
            person.type("")
            person.see("SIGNOFF_OPERATOR has another value in .env. Replace it?")
            person.type(answer)
            assert person.end() == 0
        assert env_file.read(written) == {"SIGNOFF_OPERATOR": operator, "SIGNOFF_LOG_LEVEL": "debug"}
        assert written.read_text().startswith("# mine\n")
        assert written.stat().st_mode & 0o777 == 0o600


# -- again, and where it cannot work ------------------------------------------------------------------------


def test_what_was_stopped_before_the_workflow_was_registered_goes_on(empty: Installation) -> None:
    empty.run("init", "--yes")
    for left in empty.folder.glob("signoff.db*"):
        left.unlink()
    again = empty.run("init", "--yes")
    assert "The workflow lunch is registered, from lunch.yaml." in again.output
    assert again.code == 0


def test_a_file_of_the_person_is_left_alone(empty: Installation) -> None:
    theirs = empty.write("lunch.yaml", HELLO)
    made = empty.run("init", "--yes")
    assert "lunch.yaml has another workflow, so none was registered." in made.output
    assert theirs.read_text() == HELLO


def test_a_workflow_that_was_changed_since_is_left_alone(empty: Installation) -> None:
    empty.run("init", "--yes")
    path = empty.folder / "lunch.yaml"
    path.write_text(path.read_text().replace("2h", "3h"))
    empty.run("register", "lunch.yaml")
    path.unlink()
    again = empty.run("init", "--yes")
    assert "There is a workflow lunch already, so none was registered." in again.output
    assert [version["version"] for version in empty.run("versions", "lunch", "--json").json] == [2, 1]


def test_a_folder_that_takes_no_file_is_refused_before_a_question(tmp_path: Path) -> None:
    nowhere = Installation(Path("/proc"), tmp_path / "signoff.db")  # no one can create files there, also not root
    refused = nowhere.run("init")
    assert refused.code == 2
    assert "Nothing can be written in /proc:" in refused.output
    assert "Go to a folder of your own" in refused.output
    assert "Slack" not in refused.output


@pytest.mark.parametrize("kind", ["folder", "damaged"])
def test_a_file_of_settings_that_cannot_be_read_is_refused_and_kept(empty: Installation, kind: str) -> None:
    path = empty.folder / ".env"
    if kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"\xff\xfe")
    refused = empty.run("init", "--yes")
    assert refused.code == 2
    assert ".env" in refused.output
    assert "incident" not in refused.output
    assert os.path.lexists(path)
    assert not (empty.folder / "lunch.yaml").exists()
