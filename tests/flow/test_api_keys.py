"""The commands about API keys, through the socket of a server and without one; and that no text of a key is written."""

from __future__ import annotations

import json
import logging
import time
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

import aiohttp
import pytest

from bot import log
from bot.app import wait_for_run
from bot.devtools.demo.servers import free_port
from engine import api_key_text
from engine.api_key_text import KeyText
from engine.system import RandomIds, SystemClock
from tests.flow import test_many_processes
from tests.support import postgres_server
from tests.support.cli import Commands
from tests.support.http_service import PATIENCE, open_http_service
from tests.support.log_state import restored_logging
from tests.support.processes import Installation, create_installation, serving
from tests.support.server_env import open_server

CALL = """\
name: call
title: Call
owner: sam@example.com
steps:
  - id: call
    uses: http
    with: {method: GET, url: "URL/pay?key=KEY", headers: {X-Key: KEY}}
"""


def new_text() -> str:
    """Return the text of a key as another installation has it."""
    ids = RandomIds()
    return api_key_text.write(ids.new(SystemClock().now()), ids.token())


def kinds(log_text: str) -> list[str]:
    leaves = [json.loads(json.loads(line)["leaf"]) for line in log_text.splitlines()]
    return [str(leaf["kind"]) for leaf in leaves]


# -- commands -----------------------------------------------------------------------------------------------


def test_only_the_key_goes_to_standard_output_and_nothing_shows_it_again(signoff: Commands) -> None:
    made = signoff.run_ok("keys", "create", "Support agent", "--expires", "90d", "--workflow", "refund*")
    text = made.out.removesuffix("\n")
    parts = api_key_text.parse(text)
    assert isinstance(parts, KeyText)
    said = " ".join(made.err.split())
    assert "This is the API key “Support agent”. Keep it now: it is not shown again. It works until " in said
    assert "No registered workflow fits “refund*” yet." in said
    shown = "".join(
        signoff.run_ok(*command).output
        for command in (
            ("keys", "list"),
            ("keys", "list", "--json"),
            ("keys", "show", "Support agent"),
            ("keys", "show", parts.id, "--json"),
            ("people", "list", "--json"),
            ("audit", "export"),
            ("doctor", "--json"),
        )
    )
    assert parts.secret not in shown
    assert parts.id in shown


def test_a_key_is_listed_with_what_it_may_do_and_who_made_it(signoff: Commands) -> None:
    arguments = ("--action", "read", "--action", "start", "--acts-for", "lee@example.com", "--per-minute", "30")
    signoff.run_ok("keys", "create", "Nightly job", *arguments)
    signoff.run_ok("keys", "create", "Agent")
    shown = signoff.run_ok("keys", "show", "Nightly job").output
    for part in ("State: active", "May: start, read, with all workflows", "Acts for: lee@example.com"):
        assert part in shown
    for part in ("Calls: at most 30 a minute", "Created: by lee@example.com", "Expires: never", "Last used: never"):
        assert part in shown
    agent, nightly = signoff.json("keys", "list")
    assert (agent["name"], agent["actions"], agent["state"]) == ("Agent", ["ask"], "active")
    assert (nightly["actions"], nightly["created_by"]) == (["start", "read"], "lee@example.com")
    assert "Agent" in signoff.run_ok("keys", "list").out


def test_a_key_is_found_by_its_text_that_was_found_somewhere(signoff: Commands) -> None:
    text = signoff.json("keys", "create", "Agent")["key"]
    assert signoff.json("keys", "show", text)["name"] == "Agent"
    assert signoff.json("keys", "show", text[:30])["name"] == "Agent"
    assert signoff.json("keys", "revoke", text)["already"] is False
    other = new_text()
    unknown = signoff("keys", "show", other)
    assert unknown.code == 1
    assert unknown.output == f"There is no API key “{other[4:21]}”. See the keys: signoff keys list"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("create", " "), "Give the key a name of 1 to 80 visible characters, such as “Support agent”."),
        (("create", "Agent"), "There is an API key “Agent” already. Choose another name"),
        (("create", "B", "--acts-for", "role:x"), "“role:x” is not an email address."),
        (("create", "B", "--workflow", "a b"), "“a b” is not the name of a workflow."),
        (("rotate", "Agent", "--overlap", "60d"), "The text before can work for at most 30 days more."),
        (("rotate", "Other"), "There is no API key “Other”. See the keys: signoff keys list"),
        (("revoke", "Other"), "There is no API key “Other”. See the keys: signoff keys list"),
    ],
)
def test_what_cannot_be_done_has_a_sentence(signoff: Commands, arguments: tuple[str, ...], sentence: str) -> None:
    signoff.run_ok("keys", "create", "Agent")
    refused = signoff("keys", *arguments)
    assert refused.code == 1
    assert sentence in refused.output


def test_wrong_options_are_usage_errors(signoff: Commands) -> None:
    for arguments in (("--action", "decide"), ("--expires", "soon"), ("--per-minute", "0")):
        assert signoff("keys", "create", "Agent", *arguments).code == 2
    assert signoff.json("keys", "list") == []


def test_revoked_keys_are_listed_on_demand_only(signoff: Commands) -> None:
    for name in ("Old", "New"):
        signoff.run_ok("keys", "create", name)
    signoff.run_ok("keys", "revoke", "Old")
    assert [key["name"] for key in signoff.json("keys", "list")] == ["New"]
    assert {key["name"]: key["state"] for key in signoff.json("keys", "list", "--all")} == {
        "New": "active",
        "Old": "revoked",
    }
    assert "Old" not in signoff.run_ok("keys", "list").out
    assert "revoked" in signoff.run_ok("keys", "list", "--all").out


def test_without_keys_the_list_says_how_to_make_one(signoff: Commands) -> None:
    assert signoff("keys", "list").output == 'There are no API keys. Create one: signoff keys create "Support agent"'


# -- processes ----------------------------------------------------------------------------------------------


def test_keys_go_through_the_server_and_outlive_its_death(installation: Installation) -> None:
    with serving(installation) as server:
        made = installation.run("keys", "create", "Agent", "--json").json
        server.kill()
    (key,) = installation.run("keys", "list", "--json").json
    assert key["id"] == made["id"]
    with serving(installation) as server:
        rotated = installation.run("keys", "rotate", "Agent", "--json").json
        assert installation.run("keys", "revoke", "Agent").code == 0
        server.kill()
    assert made["key"][-43:] not in server.output
    assert rotated["key"][-43:] not in server.output
    assert installation.run("keys", "show", "Agent", "--json").json["state"] == "revoked"
    assert kinds(installation.run("audit", "export").out) == ["api_key.created", "api_key.rotated", "api_key.revoked"]
    assert installation.run("audit", "verify").code == 0


def test_keys_are_made_and_revoked_on_every_database(tmp_path: Path, server_database: dict[str, str]) -> None:
    installation = create_installation(tmp_path)
    installation.settings.update(server_database)
    made = installation.run("keys", "create", "Agent", "--json").json
    rotated = installation.run("keys", "rotate", "Agent", "--json").json
    assert (rotated["id"], rotated["key"] != made["key"]) == (made["id"], True)
    assert installation.run("keys", "revoke", made["id"]).code == 0
    assert installation.run("keys", "show", "Agent", "--json").json["state"] == "revoked"
    assert kinds(installation.run("audit", "export").out) == ["api_key.created", "api_key.rotated", "api_key.revoked"]


def test_of_two_rotations_at_once_one_is_refused(installation: Installation) -> None:
    with serving(installation):
        installation.run("keys", "create", "Agent")
        started = [installation.start("keys", "rotate", "Agent", "--json") for _ in range(2)]
        outputs = [process.communicate() for process in started]
        codes = [process.wait() for process in started]
    assert sorted(codes) == [0, 1]
    refused = " ".join(outputs[codes.index(1)][1].split())
    assert "rotated the API key “Agent” already" in refused
    (key,) = installation.run("keys", "list", "--json").json
    assert key["previous_until"] == json.loads(outputs[codes.index(0)][0])["previous_until"]


def reached(folder: Path, empty_database: bytes, **settings: str) -> Installation:
    """Return an installation whose server programs can call."""
    port = free_port()
    installation = create_installation(
        folder, public_url=f"http://127.0.0.1:{port}", port=str(port), log_level="warning", **settings
    )
    if "database_url" not in settings:
        installation.database.write_bytes(empty_database)
        installation.database.chmod(0o600)
    return installation


def status_of(installation: Installation, key: str) -> int:
    """Return the status of the answer to a call with a key."""
    url = f"{installation.settings['SIGNOFF_PUBLIC_URL']}/api/v1/asks"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return int(response.status)
    except HTTPError as error:
        with error:
            return error.code


def test_a_server_knows_a_key_at_once_and_a_revoked_one_no_more(tmp_path: Path, empty_database: bytes) -> None:
    installation = reached(tmp_path, empty_database)
    with serving(installation) as server:
        key = installation.run("keys", "create", "Agent").out.strip()
        assert [status_of(installation, key), status_of(installation, key[:-1])] == [200, 401]
        server.kill()
    assert kinds(installation.run("audit", "export").out) == ["api_key.created", "api_key.first_used"]
    with serving(installation) as server:
        assert status_of(installation, key) == 200
        shown = installation.run("keys", "show", "Agent", "--json").json
        assert shown["used_at"] is not None
        installation.run("keys", "revoke", "Agent")
        # What a process knows of a key is at most a second old.
        while status_of(installation, key) == 200:
            time.sleep(0.1)
        assert status_of(installation, key) == 401
        assert key[22:] not in server.output
    assert kinds(installation.run("audit", "export").out)[2:] == ["api_key.revoked", "api_key.refused"]


def test_a_key_that_is_revoked_ends_on_every_server_of_a_database(tmp_path: Path, postgres_url: str) -> None:
    with postgres_server.database(postgres_url) as url:
        first = reached(tmp_path, b"", database_url=url, key="ab" * 32)
        second = reached(tmp_path, b"", database_url=url, key="ab" * 32)
        key = first.run("keys", "create", "Agent").out.strip()
        with test_many_processes.serving(first), test_many_processes.serving(second):
            assert [status_of(server, key) for server in (first, second)] == [200, 200]
            assert first.run("keys", "revoke", "Agent").code == 0
            for server in (first, second):
                while status_of(server, key) == 200:
                    time.sleep(0.1)
                assert status_of(server, key) == 401
        assert kinds(first.run("audit", "export").out) == [
            "api_key.created",
            "api_key.first_used",
            "api_key.revoked",
            "api_key.refused",
        ]


# -- no text of a key is written ----------------------------------------------------------------------------


async def test_a_key_in_a_url_a_header_and_an_exception_is_in_no_log_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = new_text()
    with restored_logging(), open_http_service() as service:
        service.status = 500
        async with open_server(tmp_path, in_slack=True, more={"SIGNOFF_HTTP_ALLOW": "127.0.0.1"}) as env:
            log.set_up("debug", "text", env.app.settings.redact)
            async with aiohttp.ClientSession() as session:
                headers = {"Authorization": f"Bearer {key}", "Cookie": f"session={key}"}
                for path in (f"/review/{key}", f"/r/{key}", f"/inbox?search={key}", f"/hooks/{key}"):
                    await session.get(env.url + path, headers=headers)
                    await session.post(env.url + path, headers=headers, data={"key": key})
            await env.register(CALL.replace("URL", service.url).replace("KEY", key))
            run = await env.start("call")
            await wait_for_run(env.app, run)
            story = [*await env.app.engine.story(run)]
            failed = await env.app.engine.run(run)
            try:
                raise RuntimeError(f"the call with {key} broke")
            except RuntimeError as error:
                log.log_incident(error)
            logging.getLogger("uvicorn.error").warning("GET /asks?key=%s", key)
        written = capsys.readouterr().err
    assert "the call with (API key" in written
    assert f"GET /asks?key=(API key {key[4:21]})" in written
    assert key[-43:] not in written
    assert failed is not None
    assert key[-43:] not in (failed.error or "")
    assert all(key[-43:] not in str(entry.content) for entry in story if entry.kind == "step.failed")


def test_a_key_that_is_pasted_as_a_name_is_refused_and_not_repeated(signoff: Commands) -> None:
    key = new_text()
    refused = signoff("keys", "create", key)
    assert refused.code == 1
    assert key[-43:] not in refused.output
