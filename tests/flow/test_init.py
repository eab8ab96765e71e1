"""`signoff init`: from an empty folder to a first workflow, with and without questions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot import env_file
from bot.slack import manifest
from tests.support.processes import Installation, create_installation, serving


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
    assert "lunch.yaml exists already, so no workflow was registered." in again.output


def test_tokens_come_from_the_environment_and_the_operator_may_register(tmp_path: Path) -> None:
    tokens = {"SLACK_BOT_TOKEN": "xoxb-1-ab", "SLACK_APP_TOKEN": "xapp-1-b"}
    empty = create_installation(tmp_path, SLACK_API_URL="http://127.0.0.1:9/api/", **tokens)
    empty.run("init", "--yes")
    assert env_file.read(empty.folder / ".env") == {
        "SIGNOFF_SLACK_BOT_TOKEN": "xoxb-1-ab",
        "SIGNOFF_SLACK_APP_TOKEN": "xapp-1-b",
        "SIGNOFF_OPERATOR": "lee@example.com",
        "SIGNOFF_BUILDERS": "lee@example.com",
    }


def test_a_person_is_asked_and_a_wrong_answer_is_asked_again(tmp_path: Path) -> None:
    empty = create_installation(tmp_path, OPERATOR="")
    made = empty.run("init", stdin="\nsam\nsam@example.com\n\n")
    assert "https://api.slack.com/apps?new_app=1&manifest_json=" in made.output
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
    assert re.fullmatch(r"https://api\.slack\.com/apps\?new_app=1&manifest_json=[\w%.~-]+", manifest.link())
