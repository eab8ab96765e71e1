"""`signoff demo` as a real process: used, stopped, killed, restarted, and refused."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.cli.exit_codes import Exit
from bot.devtools.demo import browser, services, story_browser, workflows
from bot.devtools.demo.servers import free_port
from bot.devtools.sandbox.persistence import UnreadableFile
from engine import workflowfile
from engine.domain import DEFAULT_WORKSPACE
from engine.steps import registry
from engine.store import schema
from engine.store.workflows import load_workflows
from tests.support.documents import Page
from tests.support.http_service import PATIENCE
from tests.support.processes import Installation, Process, create_installation

LAST_LINE = "Ctrl-C stops the demo"
GONE_ON = "The demo goes on where it stopped"
PAY = "Pay the refund"
MIA = "mia@example.com"
REGISTERED = dict.fromkeys(workflows.WORKFLOWS, 1)
FOLLOWED = {name: 1 if name in ("approvals", "contract", "expense", "hiring") else 2 for name in workflows.WORKFLOWS}
"""The versions after the port of the services has changed: those that call none stay as they are."""
EXPENSE = 'expense what="Train to Bonn" amount=84.50 spent_on=2026-03-02'
EXPENSE_TITLE = "Pay back 84.50 EUR for Train to Bonn?"


class Demo:
    """The process, its folder, and the people in its local Slack."""

    def __init__(self, installation: Installation) -> None:
        self.installation, self.folder = installation, installation.folder / "demo"
        self.page, self.server, self.effects = free_port(), free_port(), free_port()
        self.process: Process | None = None

    @property
    def options(self) -> list[str]:
        ports = ["--port", self.page, "--server-port", self.server, "--effects-port", self.effects]
        return ["demo", "--folder", str(self.folder), *map(str, ports)]

    # -- its process --

    def start(self, *more: str) -> str:
        """Start the process, and return its output until it is ready."""
        self.process = self.installation.start(*self.options, *more)
        assert self.process.stdout is not None
        output = ""
        for line in self.process.stdout:
            output += line
            if line.startswith(LAST_LINE):
                return output
        raise AssertionError(output + self.process.communicate(timeout=PATIENCE)[1])

    def stop(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
        """Stop the process, and return its exit code and the rest of its output."""
        assert self.process is not None
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.wait(), out.strip(), err.strip()

    def restart(self, *more: str) -> str:
        assert self.stop() == (Exit.DONE, "Stopped. The next start continues from here.", "")
        return self.start(*more)

    def workflows(self) -> dict[str, int]:
        """Return the current version of each workflow."""
        with schema.reading(self.folder / "signoff.db") as connection:
            return {workflow.name: workflow.version for workflow in load_workflows(connection, DEFAULT_WORKSPACE)}

    def shown_copies(self) -> int:
        """Return how many copies are recorded as shown. A copy that a crash cut off waits for its lease."""
        with closing(sqlite3.connect(self.folder / "signoff.db")) as connection:
            (count,) = connection.execute("SELECT count(*) FROM delivery WHERE receipt IS NOT NULL").fetchone()
            return int(count)

    # -- its people --

    def call(self, method: str, path: str, **content: Any) -> Any:
        status, text = ask(self.page, method, f"/sandbox/api/{path}", content or None)
        assert status == 200, text
        return json.loads(text)

    def act(self, person: str, action: str, **content: Any) -> None:
        """Perform an act of a person, which the server must acknowledge."""
        ack = self.call("POST", f"people/{person}/{action}", **content)["ack"]
        assert (ack["problem"], ack["status"]) == (None, 200), ack

    def sees(self, person: str, channel: str = "") -> list[dict[str, Any]]:
        where = f"?channel={channel}" if channel else ""
        messages: list[dict[str, Any]] = self.call("GET", f"people/{person}/messages{where}")["messages"]
        return messages

    def start_run(self, line: str, title: str) -> None:
        """Start a run as cleo, and wait until the approvers have copies."""
        self.act("cleo", "command", line=f"/signoff run {line}", channel="general")
        for person in "ada", "ben":
            until(partial(self.waiting, person, title))

    def waiting(self, person: str, title: str) -> list[dict[str, Any]]:
        """Return a person's copies with this title that have buttons."""
        return [message for message in self.sees(person) if title in message["text"] and decision_buttons(message)]

    def settled(self, person: str, title: str) -> bool:
        return not self.waiting(person, title)

    def refund(self, order: str, amount: int = 120, more: str = "") -> None:
        self.start_run(f"refund order={order} amount={amount} reason=Broken {more}", f"for order {order}?")

    def wait_for_closed_copy(self, person: str, order: str, text: str) -> dict[str, Any]:
        """Wait until a person's copy has this text and can no longer be decided, and return it."""

        def look() -> dict[str, Any] | None:
            copies = [
                message for message in self.sees(person) if f"for order {order}?" in json.dumps(message["blocks"])
            ]
            return next((copy for copy in copies if text in json.dumps(copy) and not decision_buttons(copy)), None)

        closed_copy: dict[str, Any] = until(look)
        return closed_copy

    def wait_for_outcome(self, text: str) -> None:
        """Wait until cleo has a message with this text."""
        until(lambda: [message for message in self.sees("cleo", "general") if text in json.dumps(message)])

    def mails(self, subject: str = "") -> list[dict[str, Any]]:
        """Return the emails to mia with this text in their subject."""
        emails: list[dict[str, Any]] = self.call("GET", f"mail?to={MIA}&subject={subject}")["mails"]
        return emails

    def mail(self, name: str) -> dict[str, Any]:
        email: dict[str, Any] = self.call("GET", f"mail/{name}")["mail"]
        return email

    def booked(self) -> list[str]:
        """Return the lines of the ledger."""
        status, text = ask(self.effects, "GET", "/")
        assert status == 200
        return [" ".join(line.split()) for line in text.splitlines()]

    def booked_page(self) -> str:
        """Return the ledger as a browser gets it."""
        status, text = ask(self.effects, "GET", "/", wants="text/html,*/*;q=0.8")
        assert status == 200
        return text


def ask(port: int, method: str, path: str, content: Any = None, *, wants: str = "*/*") -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        body = None if content is None else json.dumps(content)
        connection.request(method, path, body, {"Content-Type": "application/json", "Accept": wants})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def until(look: Callable[[], Any]) -> Any:
    """Wait until `look` returns a value, and return it."""
    ends = time.monotonic() + PATIENCE / 4
    while not (value := look()):
        assert time.monotonic() < ends
        time.sleep(0.02)
    return value


def decision_buttons(message: dict[str, Any]) -> list[str]:
    """Return the labels of the buttons of a message, without the one that only shows the details."""
    rows = [block["elements"] for block in message.get("blocks", []) if block["type"] == "actions"]
    found = [item for row in rows for item in row if item["type"] == "button"]
    return [item["text"]["text"] for item in found if item["text"]["text"] != "Details"]


@pytest.fixture
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo in a folder with a short path, which a socket needs."""
    new_demo = Demo(create_installation(tmp_path_factory.mktemp("d")))
    yield new_demo
    if new_demo.process is not None and new_demo.process.poll() is None:
        new_demo.process.kill()
        new_demo.process.communicate(timeout=PATIENCE)


# -- in use --------------------------------------------------------------------------------------------


def test_the_printed_steps_work(demo: Demo) -> None:
    demo.installation.settings.update(
        SIGNOFF_SLACK_BOT_TOKEN="of-the-user",
        SIGNOFF_BUILDERS="gus@example.com",
        SIGNOFF_LOG_LEVEL="loud",
        SIGNOFF_NO_SUCH_SETTING="1",
        HTTPS_PROXY="http://127.0.0.1:9",
    )
    output = demo.start()
    assert f"Cleo asks for things: http://127.0.0.1:{demo.page}/sandbox?as=cleo" in " ".join(output.split())
    assert f"Ada approves them: http://127.0.0.1:{demo.page}/sandbox?as=ada" in " ".join(output.split())
    assert re.findall(r"^  (\d)\. ", output, flags=re.MULTILINE) == ["1", "2", "3", "4", "5", "6", "7", "8"]
    assert f"Mia approves by email: http://127.0.0.1:{demo.page}/sandbox/mail?to={MIA}" in " ".join(output.split())
    assert f"http://127.0.0.1:{demo.effects}" in output
    assert "--fresh" in output

    demo.act("cleo", "command", line="/signoff run refund", channel="general")
    until(lambda: demo.call("GET", "people/cleo")["modal"])
    demo.act("cleo", "submit", values={"Order number": "A-1", "Amount (EUR)": "120", "Why": "Arrived broken"})
    until(lambda: demo.sees("ada"))
    assert demo.booked() == ["Nothing was paid or deployed so far."]
    demo.act("ada", "click", button=PAY)
    for person in "ada", "ben":
        demo.wait_for_closed_copy(person, "A-1", "Approved by Ada Approver")
    demo.wait_for_outcome("Done: Refund 120.00 EUR for order A-1")
    assert demo.booked() == ["paid 120 EUR for order A-1 (Arrived broken)"]

    demo.refund("A-2", 5, "vip=yes")
    demo.act("cleo", "command", line="/signoff run refund order=A-3 amount=5 reason=Late", channel="general")
    until(lambda: "paid 5 EUR for order A-3 (Late)" in demo.booked())
    assert "A-2" not in " ".join(demo.booked())
    assert demo.call("GET", "people/ada")["troubles"] == []
    assert demo.stop() == (Exit.DONE, "Stopped. The next start continues from here.", "")


def test_a_deployment_is_carried_out_and_asked_about_again_where_the_service_is_ill(demo: Demo) -> None:
    demo.start()
    demo.start_run("deploy version=1.4 changes=Faster settle=1s", "Deploy 1.4 to production?")
    demo.act("ben", "click", button="Approve")
    demo.wait_for_outcome("Done: Deploy 1.4 to production")
    assert demo.booked() == ["deployed version 1.4"]
    demo.start_run("deploy version=2-broken changes=Worse settle=1s", "Deploy 2-broken to production?")
    demo.act("ada", "click", button="Approve")
    title = "The health page answers 503. Go back from 2-broken?"
    until(lambda: [message for message in demo.sees("cleo") if title in message["text"]])
    assert demo.booked() == ["deployed version 1.4", "deployed version 2-broken"]
    assert "Keep it" in json.dumps(demo.sees("cleo"))
    demo.act("cleo", "click", button="Go back")
    back = 'did went back from a version ({"version":"2-broken"})'
    until(lambda: demo.booked()[2:])
    assert demo.booked()[-1] == back


def test_the_ledger_is_a_page_in_a_browser(demo: Demo) -> None:
    demo.start()
    assert "Nothing was paid" in demo.booked_page()
    demo.act("cleo", "command", line="/signoff run refund order=A-1 amount=5 reason=<b>Late", channel="general")
    until(lambda: "Paid 5 EUR for order A-1" in demo.booked_page())
    page = demo.booked_page()
    assert "&lt;b&gt;Late" in page
    assert "No approval was needed" in page
    assert re.search(r'<time datetime="\d{4}-\d\d-\d\dT[\d:]+\+00:00">\w{3} \d+, \d{4}, \d+:\d\d [AP]M', page)
    assert 'rel="icon"' in page, "or the browser asks for one that is not there"
    demo.refund("A-2")
    demo.act("ada", "click", button=PAY)
    until(lambda: "Paid 120 EUR for order A-2" in demo.booked_page())
    page = demo.booked_page()
    assert "Approved by Ada Approver" in page
    assert page.index("A-2") < page.index("A-1"), "the newest is first"


def test_people_are_advised_to_do_what_can_be_done(demo: Demo) -> None:
    demo.start()
    advice = demo.call("GET", "advice")["advice"]
    addresses = {mailbox["address"] for mailbox in demo.call("GET", "mailboxes")["mailboxes"]}
    assert set(advice) <= {""} | addresses | {user["name"] for user in demo.call("GET", "users")["users"]}
    assert {"", "ada", "ben", "cleo", MIA} <= set(advice)
    hints = [item for many in advice.values() for item in many]
    lines = {completion["line"] for completion in demo.call("GET", "completions")["completions"]}
    assert {hint["line"] for hint in hints if hint["line"]} <= lines
    for page in {hint["page"] for hint in hints if hint["page"]}:
        assert ask(demo.page, "GET", page)[0] == 200


def test_an_expense_is_asked_about(demo: Demo) -> None:
    demo.start()
    demo.start_run(EXPENSE, EXPENSE_TITLE)
    demo.act("ada", "click", button="Pay back")
    demo.wait_for_outcome(f"Done: {EXPENSE_TITLE.removesuffix('?')}")


def test_a_person_without_slack_decides_from_the_email_also_after_a_restart(demo: Demo) -> None:
    demo.start()
    demo.start_run(EXPENSE, EXPENSE_TITLE)
    (request_email,) = until(demo.mails)
    before = demo.restart()
    assert f"{GONE_ON}; 1 request waiting." in before
    assert [email["id"] for email in demo.mails()] == [request_email["id"]]
    asyncio.run(_decide_by_email(demo, request_email["id"]))
    demo.wait_for_outcome("Done: Pay back 80.00 EUR (was 84.50 EUR) for Train to Bonn")
    for person in "ada", "ben":
        until(partial(demo.settled, person, EXPENSE_TITLE))
    until(lambda: [email for email in demo.mails() if email["subject"] == f"Re: {request_email['subject']}"])
    demo.restart("--fresh")
    assert demo.mails() == []


async def _decide_by_email(demo: Demo, email: str) -> None:
    """Decide as mia: follow the link, change the amount, and type the code."""
    (link,) = re.findall(r"^Review and decide: (\S+)$", demo.mail(email)["text"], flags=re.MULTILINE)
    async with story_browser.open_browser() as mia_browser:
        page = await mia_browser.follow(link)
        code_page = await mia_browser.press(page, "Pay back", {"Amount in EUR": "80"})
        (newest,) = until(partial(demo.mails, "code"))
        (code,) = re.findall(r"^\d{8}$", demo.mail(newest["id"])["text"], flags=re.MULTILINE)
        receipt = await mia_browser.press(code_page, "Confirm", {"Code": code})
    assert "You approved this with edits" in receipt.page.words


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_it_is_stopped_by_other_signals_too(demo: Demo, number: signal.Signals) -> None:
    demo.start()
    assert demo.stop(number) == (Exit.DONE, "Stopped. The next start continues from here.", "")


# -- restarts -----------------------------------------------------------------------------


def test_the_next_start_goes_on_where_the_first_stopped(demo: Demo) -> None:
    demo.start()
    demo.refund("A-1")
    demo.refund("A-2")
    demo.act("ada", "click", button=PAY)
    for person in "ada", "ben":
        demo.wait_for_closed_copy(person, "A-2", "Pay the refund: done")
    demo.wait_for_outcome("Done: Refund 120.00 EUR for order A-2")
    before = {person: demo.sees(person) for person in ("ada", "ben", "cleo")}

    demo.server = free_port()
    assert f"{GONE_ON}; 1 request waiting." in demo.restart()
    assert {person: demo.sees(person) for person in ("ada", "ben", "cleo")} == before
    demo.act("ada", "click", button=PAY)
    copy = demo.wait_for_closed_copy("ben", "A-1", "Approved by Ada Approver")
    assert copy["ts"] in [item["ts"] for item in before["ben"]]
    assert len(demo.sees("ada")) == len(before["ada"])
    until(lambda: demo.booked() == ["paid 120 EUR for order A-2 (Broken)", "paid 120 EUR for order A-1 (Broken)"])
    assert demo.workflows() == REGISTERED


def test_a_kill_loses_no_message_that_was_shown(demo: Demo) -> None:
    demo.start()
    demo.refund("A-1")
    until(lambda: demo.shown_copies() == 2)
    # A copy gets its date once a first one was shown.
    until(lambda: "Expires in" not in json.dumps(demo.sees("ada")))
    before = demo.sees("ada")
    assert demo.stop(signal.SIGKILL)[0] == -signal.SIGKILL
    assert GONE_ON in demo.start()
    assert demo.sees("ada") == before
    demo.act("ada", "click", button=PAY)
    demo.wait_for_closed_copy("ben", "A-1", "Approved by Ada Approver")
    until(lambda: demo.booked() == ["paid 120 EUR for order A-1 (Broken)"])


def test_a_message_that_a_kill_lost_is_posted_again(demo: Demo) -> None:
    demo.start()
    demo.refund("A-1")
    until(lambda: demo.shown_copies() == 2)
    file = demo.folder / "slack.json"
    assert demo.stop(signal.SIGKILL)[0] == -signal.SIGKILL
    world = json.loads(file.read_text())
    (ada,) = [user["id"] for user in world["users"].values() if user["name"] == "ada"]
    for channel in world["channels"].values():
        if channel["kind"] == "im" and ada in channel["members"]:
            world["messages"][channel["id"]] = []
    file.write_text(json.dumps(world))
    demo.start()
    until(lambda: demo.sees("ben"))
    demo.act("ben", "click", button=PAY)
    for person in "ben", "ada":
        demo.wait_for_closed_copy(person, "A-1", "Approved by Ben Approver")


def test_fresh_deletes_the_saved_state(demo: Demo) -> None:
    demo.start()
    demo.refund("A-1")
    demo.act("ada", "click", button=PAY)
    until(lambda: demo.booked() == ["paid 120 EUR for order A-1 (Broken)"])
    demo.folder.joinpath("mine.txt").write_text("stays")
    output = demo.restart("--fresh")
    assert GONE_ON not in output
    assert demo.sees("ada") == []
    assert demo.booked() == ["Nothing was paid or deployed so far."]
    assert demo.folder.joinpath("mine.txt").read_text() == "stays"
    demo.refund("A-1")


def test_a_changed_workflow_stays_and_follows_the_services(demo: Demo) -> None:
    demo.start()
    changed = workflows.WORKFLOWS["refund"](f"http://127.0.0.1:{demo.effects}").replace(
        "amount > 100 or", "amount > 1000 or"
    )
    demo.act("cleo", "command", line="/signoff register", channel="general")
    until(lambda: demo.call("GET", "people/cleo")["modal"])
    demo.act("cleo", "submit", values={"Workflow file": changed})
    assert demo.workflows() == {**REGISTERED, "refund": 2}
    demo.effects = free_port()
    demo.restart()
    assert demo.workflows() == {**FOLLOWED, "refund": 3}
    demo.act("cleo", "command", line="/signoff run refund order=A-1 amount=900 reason=Late", channel="general")
    until(lambda: demo.booked() == ["paid 900 EUR for order A-1 (Late)"])


def test_a_draft_of_the_local_language_model_is_sent_once_it_is_approved(demo: Demo) -> None:
    demo.start()
    line = "/signoff run outreach prospect=P-1001 to=nora@example.com"
    demo.act("cleo", "command", line=line, channel="general")
    title = "Send the first email to Harbour Bakery?"
    until(partial(demo.waiting, "ada", title))
    demo.act("ada", "click", button="Send email")
    until(partial(demo.settled, "ada", title))
    until(lambda: "nora@example.com" in {mailbox["address"] for mailbox in demo.call("GET", "mailboxes")["mailboxes"]})


# -- refused ------------------------------------------------------------------------------------------------


def test_a_program_of_the_user_asks_as_the_page_says(demo: Demo, tmp_path: Path) -> None:
    (exported,) = re.findall(r"^ +export (.*)$", demo.start(), flags=re.MULTILINE)
    (program,) = (block.text for block in Page.of("agents/README.md").blocks if block.info == "python agent.py")
    (tmp_path / "agent.py").write_text(program, encoding="utf-8")
    environment = dict(setting.split("=", 1) for setting in exported.split())
    with subprocess.Popen(
        [sys.executable, "agent.py"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, encoding="utf-8"
    ) as agent:
        try:
            title = "Your agent wants to refund 120.5 EUR"
            until(partial(demo.waiting, "ada", title))
            assert "Your agent (API key)" in json.dumps(demo.sees("ada"))
            demo.act("ada", "click", button="Edit")
            until(lambda: demo.call("GET", "people/ada")["modal"])
            demo.act("ada", "submit", values={"Amount": "80"})
            assert agent.communicate(timeout=PATIENCE)[0] == "Refunding 80.00, approved by Ada Approver\n"
            assert agent.returncode == 0
            until(partial(demo.settled, "ben", title))
        finally:
            agent.kill()
    assert exported in demo.restart()
    assert exported not in demo.restart("--fresh")


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.mark.parametrize(
    ("part", "flag"), [("page", "--port"), ("server", "--server-port"), ("effects", "--effects-port")]
)
def test_a_port_that_is_taken_is_an_error_with_its_flag(demo: Demo, part: str, flag: str) -> None:
    with taken_port() as port:
        setattr(demo, part, port)
        finished = demo.installation.run(*demo.options)
    assert (finished.code, finished.out) == (Exit.USAGE, "")
    named = rf"Error: Port {port} is taken by another program; name another one with {flag}, (.+)\.\n$"
    (advice,) = re.findall(named, finished.err)
    assert re.fullmatch(rf'with make as in: make demo DEMOFLAGS="{flag} \d+"', advice)
    demo.start()
    demo.refund("A-1")


@pytest.mark.parametrize("more", [[], ["--fresh"]])
def test_a_second_demo_in_the_same_folder_is_refused(demo: Demo, more: list[str]) -> None:
    demo.start()
    finished = demo.installation.run("demo", "--folder", demo.folder, *more)
    assert (finished.code, finished.out) == (Exit.STORE, "")
    assert finished.err.startswith(f"Another `signoff demo` runs with the folder {demo.folder}. Stop it")
    demo.refund("A-1")


@pytest.mark.parametrize("name", ["slack.json", "effects.json", "signoff.db"])
def test_a_file_that_cannot_be_used_is_named_and_kept(demo: Demo, name: str) -> None:
    demo.folder.mkdir()
    demo.folder.joinpath("demo.lock").touch()
    file = demo.folder / name
    file.write_bytes(b'{"version":' + b" " * 200)
    finished = demo.installation.run(*demo.options)
    assert (finished.code, finished.out) == (Exit.STORE, "")
    reason = rf"(The file )?{file} (cannot be read: .+\.|is not a Signoff database, or is damaged\. .+\.)"
    assert re.fullmatch(rf"{reason} With --fresh the demo starts anew and deletes the saved state\.", finished.output)
    assert file.read_bytes() == b'{"version":' + b" " * 200
    assert GONE_ON not in demo.start("--fresh")


@pytest.mark.parametrize("more", [[], ["--fresh"]])
def test_a_real_database_is_neither_opened_nor_forgotten(demo: Demo, more: list[str]) -> None:
    demo.folder.mkdir()
    database = demo.folder / "signoff.db"
    database.write_bytes(b"of a real server")
    finished = demo.installation.run(*demo.options, *more)
    assert finished.code == Exit.STORE
    assert "holds a database that is not a demo’s; name another folder with --folder." in finished.output
    assert [(file.name, file.read_bytes()) for file in demo.folder.iterdir()] == [("signoff.db", b"of a real server")]


def test_a_folder_that_cannot_be_made_is_named(demo: Demo) -> None:
    demo.folder.write_text("a file")
    finished = demo.installation.run(*demo.options)
    assert finished.code == Exit.STORE
    assert f"The folder {demo.folder} cannot be written (File exists)" in finished.output


# -- its parts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", workflows.WORKFLOWS)
def test_its_workflows_are_the_ready_made_ones_and_call_this_machine_only(name: str) -> None:
    text = workflows.WORKFLOWS[name]("http://127.0.0.1:8702")
    assert workflowfile.load(text.encode(), kinds=registry.builtin()).name == name
    assert "https://" not in "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    assert '"role:' not in text
    assert (MIA in text) is (name in ("expense", "hiring"))


def test_the_services_remember_what_they_did(tmp_path: Path) -> None:
    file = tmp_path / "effects.json"
    assert services.load_ledger(file) is None
    file.write_text('{"version": 2, "port": 1}')
    with pytest.raises(UnreadableFile, match="another version"):
        services.load_ledger(file)


async def test_the_other_services_accept_a_call_once_also_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "effects.json"
    for _ in range(2):
        async with (
            services.run_services(file, port=free_port(), token="t") as running,
            aiohttp.ClientSession(running.url) as session,
        ):
            for method, path in (("POST", "/transfers"), ("POST", "/grants"), ("DELETE", "/grants/G-2")):
                headers = {"Idempotency-Key": f"{method}{path}"}
                async with session.request(method, path, json={"to": "Paper"}, headers=headers) as answer:
                    assert answer.status == 201
            async with session.post("/transfers", json={}) as answer:
                assert answer.status == 400
            async with session.get("/records") as answer:
                assert len((await answer.json())["records"]) == 3
            async with session.get("/") as answer:
                assert "did       took an access away" in await answer.text()
            whats = [call.what for call in running.others.accepted]
            assert whats == ["Paid a vendor", "Changed an access", "Took an access away"]


async def test_a_repeated_deployment_is_made_once_also_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "effects.json"
    deployment = {"version": "1", "environment": "production"}
    for token in "one", "two":
        async with (
            services.run_services(file, port=free_port(), token=token) as running,
            aiohttp.ClientSession(running.url) as session,
        ):
            for headers, status in (
                ({"Authorization": f"Bearer {token}", "Idempotency-Key": "k"}, 201),
                ({"Authorization": f"Bearer {token}"}, 400),
                ({"Authorization": "Bearer guessed", "Idempotency-Key": "k"}, 401),
            ):
                async with session.post("/deployments", json=deployment, headers=headers) as answer:
                    assert answer.status == status
                    if status == 201:
                        assert await answer.json() == {"deployment": "D-1", "version": "1"}
            assert len(running.deployments.deployed) == 1


class RecordingBrowser(webbrowser.BaseBrowser):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.urls: list[str] = []

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        self.urls.append(url)
        return True


@pytest.mark.parametrize(
    ("environment", "name", "opens"),
    [
        ({"DISPLAY": ":0"}, "/usr/bin/firefox", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "xdg-open", True),
        ({}, "firefox", False),
        ({"DISPLAY": ":0", "CI": "true"}, "firefox", False),
        ({"DISPLAY": ":0"}, "/usr/bin/w3m", False),
        ({"DISPLAY": ":0"}, "www-browser", False),
    ],
)
def test_a_browser_opens_only_where_it_has_windows(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], name: str, opens: bool
) -> None:
    recording_browser = RecordingBrowser(name)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("webbrowser.get", lambda: recording_browser)
    assert browser.open_page("http://x", environment) is opens
    if opens:
        until(lambda: recording_browser.urls == ["http://x"])


def test_where_there_is_no_browser_none_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    def raise_error() -> None:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr("webbrowser.get", raise_error)
    assert browser.open_page("http://x", {"DISPLAY": ":0"}) is False
