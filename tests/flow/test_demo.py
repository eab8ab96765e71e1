"""`signoff demo --play`: the story as a real process, and stories with a fault."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest

from bot import loaded_settings
from bot.cli import demo
from bot.cli.exit_codes import Exit
from bot.devtools.demo import email_chapter, first_chapters, last_chapters, payments, servers, story, templates
from bot.devtools.demo.email_chapter import MIA
from bot.devtools.demo.payments import Payments, Refund
from bot.devtools.demo.servers import DemoEnvironment
from bot.devtools.demo.story import Chapters
from bot.web.server import PortTaken
from bot.web.service import ReviewVisit, decision
from engine.domain import AskCode, CodeExpired, CodeSent, GiveCode, Link, ProvenIdentity, Refusal, Verdict, WrongCode
from tests.support.http_service import PATIENCE
from tests.support.processes import Installation, create_installation

STORY = """\
cleo registers a workflow
aprove_label
the error names the line and the right word
will ask Ada Approver and Ben Approver above 100 EUR and for VIPs
cleo refunds 40 EUR: below the limit, no one is asked
40 EUR was paid exactly once
no one was asked
cleo refunds 120 EUR: ada changes it to 95 and approves
ada, ben see “Refund 120.00 EUR for order A-1002?” [Pay the refund] [Edit] [Do not pay]
nothing is paid while it is
sees under the amount “Please enter a number of at least 0.01.”
ben’s copy says “Approved with edits by Ada Approver … 120.00 EUR → 95.00 EUR”, and has no buttons to decide
cleo hears “Done: Refund 95.00 EUR (was 120.00 EUR) for order A-1002”
95 EUR was paid exactly once
cleo refunds 30 EUR to a VIP: ben says no
ada’s copy says “Rejected by Ben Approver … Reason Paid back last week.”, and has no buttons to decide
cleo hears “Rejected: Refund 30.00 EUR for order A-1003”
nothing was paid
no one decides
ada’s copy says “Expired without a decision … It was rejected automatically”, and has no buttons to decide
cleo hears “Rejected: Refund 150.00 EUR for order A-1004”
it waited 2s from the moment it was shown
You can no longer decide it.
ada and ben approve at the same moment
already approved this request,
there is one decision on the record
130 EUR was paid exactly once
people who may not decide try to
gus is told
cleo is told “You started this, so another person decides. Ada Approver or Ben Approver can decide.”
the server answers 401 to a click that Slack did not sign
the request is still open for ada and ben
Only builders may register workflows here
ada’s copy says “The run was cancelled by Cleo Builder”, and has no buttons to decide
mia, who has no Slack, changes it to 180 by email
will ask Ada Approver, Ben Approver and mia@example.com above 100 EUR and for VIPs
gets the email “Refund 200.00 EUR for order A-1007? (Cleo Builder)” from Signoff <signoff@example.com>
its only link is to review; none decides
opening the link does not decide anything
values of the email
she is asked for a code first
nothing is decided or paid without it
it has eight digits, and no link of ours
a wrong code decides nothing
kim gets no further than the page for the code
kim is told “That is not the right code.”
a person who has only the link cannot decide
sees “You approved this with edits,
the receipt says that she approved it
and what identified her
ada’s copy says “Approved with edits by mia@example.com … 200.00 EUR → 180.00 EUR”, and has no buttons to decide
cleo hears “Done: Refund 180.00 EUR (was 200.00 EUR) for order A-1007”
180 EUR was paid exactly once
gets the email “Re: Refund 200.00 EUR for order A-1007? (Cleo Builder)” from Signoff <signoff@example.com>
it is in the thread of the first
it has both amounts
cleo refunds 300 EUR by a workflow that needs two approvals: ada and ben decide together
ada’s copy says “Both have to approve.”, and has its buttons
ben’s copy says “1 of 2: Ada Approver approved … Waiting for you.”, and has its buttons
one approval of two pays nothing
cleo gets the message “Ben Approver has a question about “Refund 300.00 EUR
ben gets the message “Cleo Builder answered your question”
ben’s copy says “Is the whole order broken? … No, one cup of six.”, and has its buttons
ada gets the message “Ben Approver changed what you approved”
ada’s copy says “1 of 2: Ben Approver approved … 300.00 EUR → 250.00 EUR”, and has its buttons
ada approved 300 EUR, which does not count for 250
ada’s copy says “Approved with edits by Ben Approver and Ada Approver … 300.00 EUR → 250.00 EUR”, and has no
cleo hears “Done: Refund 250.00 EUR (was 300.00 EUR) for order A-1008”
250 EUR was paid exactly once
no run is left open
no one saw an error in Slack
the 4 emails went to mia alone, and the mail server had no complaints
the payment service paid 40 EUR, 95 EUR, 130 EUR, 180 EUR, 250 EUR, and nothing else
the audit log verifies
every changed entry is found
it has the five decisions
"""
TOTALS = re.compile(
    r"5 decisions, 5 payments, (\d+\.\d) seconds; (\d+) claims held; the audit log is whole \(\d+ entries\)\.\s*"
)


@pytest.fixture
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Return an installation with its own temporary folder. Its path is short, because it will hold a socket."""
    folder = tmp_path_factory.mktemp("d")
    (folder / "t").mkdir()
    new = create_installation(folder)
    new.settings["TMPDIR"] = str(folder / "t")
    return new


def remaining_files(installation: Installation) -> list[str]:
    """Return the files that the command left."""
    return sorted(
        str(file.relative_to(installation.folder))
        for file in installation.folder.rglob("*")
        if file != installation.folder / "t"
    )


def open_addresses(out: str) -> list[str]:
    """Return the addresses of the story that still accept connections."""
    addresses = re.findall(r"http://(127\.0\.0\.1):(\d+)", out)
    assert len(set(addresses)) >= 3, out
    return [f"{host}:{port}" for host, port in addresses if _accepts(host, int(port))]


def _accepts(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


# -- the real command ---------------------------------------------------------------------------------------


def test_the_story_runs_in_order_and_leaves_no_files(installation: Installation) -> None:
    began = monotonic()
    finished = installation.run("demo", "--play")
    took = monotonic() - began
    assert (finished.code, finished.err) == (Exit.DONE, ""), finished.out + finished.err
    words, position = " ".join(finished.out.split()), 0
    for line in STORY.splitlines():
        position = words.find(line, position)
        assert position >= 0, (line, finished.out)
    last = TOTALS.fullmatch(finished.out.splitlines()[-1])
    assert last is not None, finished.out
    assert 2 < float(last[1]) <= took, "one request waits for two seconds until it expires"
    assert int(last[2]) == finished.out.count("✓")
    assert "✕" not in finished.out
    assert remaining_files(installation) == []
    assert open_addresses(finished.out) == []


def test_neither_settings_nor_proxies_of_the_user_are_taken(installation: Installation) -> None:
    installation.settings.update(
        SIGNOFF_SLACK_APP_TOKEN="xapp-of-the-user",
        SIGNOFF_SLACK_BOT_TOKEN="of-the-user",
        SIGNOFF_BUILDERS="gus@example.com",
        SIGNOFF_ADMINS="gus@example.com",
        SIGNOFF_LOG_LEVEL="loud",
        SIGNOFF_NO_SUCH_SETTING="1",
        HTTPS_PROXY="http://127.0.0.1:9",
        HTTP_PROXY="http://127.0.0.1:9",
    )
    (installation.folder / ".env").write_bytes(b"SIGNOFF_PORT=\xff\n")
    finished = installation.run("demo", "--play")
    assert (finished.code, finished.err) == (Exit.DONE, ""), finished.out + finished.err
    assert remaining_files(installation) == [".env"]


@pytest.mark.parametrize("other", [["--port", "8700"], ["--fresh"], ["--folder", "x"], ["--no-browser"]])
def test_the_story_takes_no_other_option(installation: Installation, other: list[str]) -> None:
    finished = installation.run("demo", "--play", *other)
    assert finished.code == Exit.USAGE
    assert "--play takes no other option" in finished.err
    assert remaining_files(installation) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_story_that_is_stopped_leaves_nothing(installation: Installation, number: signal.Signals) -> None:
    process = installation.start("demo", "--play")
    out = _until(process.stdout, "cleo refunds 40 EUR")
    assert remaining_files(installation) != []
    process.send_signal(number)
    rest, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err.strip()) == (130, "Stopped."), rest
    assert remaining_files(installation) == []
    assert open_addresses(out + rest) == []


def test_a_story_ends_when_its_output_is_closed(installation: Installation) -> None:
    process = installation.start("demo", "--play")
    assert process.stdout is not None
    assert process.stderr is not None
    out = _until(process.stdout, "cleo refunds 40 EUR")
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(PATIENCE) == Exit.DONE
    assert remaining_files(installation) == []
    assert open_addresses(out) == []


def _until(lines: Iterable[str] | None, part: str) -> str:
    """Return the output up to the line that contains `part`."""
    assert lines is not None
    read = ""
    for line in lines:
        read += line
        if part in line:
            return read
    raise AssertionError(f"{part!r} was never printed:\n{read}")


# -- sabotage --------------------------------------------------------------------------------------


def book_wrongly(book: Callable[[Refund], list[Refund]]) -> Callable[[DemoEnvironment], None]:
    def sabotage(env: DemoEnvironment) -> None:
        env.payments.book = book

    return sabotage


def fault(on: str, kind: str, **details: object) -> Callable[[DemoEnvironment], None]:
    def sabotage(env: DemoEnvironment) -> None:
        env.slack.fault(on, kind, **{"times": None, **details})  # type: ignore[arg-type]

    return sabotage


def refuse_emails(skip: int) -> Callable[[DemoEnvironment], None]:
    """Return a sabotage that permanently refuses all emails to mia after the first `skip` ones."""

    def sabotage(env: DemoEnvironment) -> None:
        env.slack.mail.fault("rcpt", "error", code=550, to=MIA, skip=skip, times=None)

    return sabotage


def decide_without_code(env: DemoEnvironment) -> None:
    """Enter the code in the place of the page."""
    identity, codes, label = env.app.review.identity, env.app.codes, "nobody"
    ask_code = identity.ask_code

    async def decide(command: AskCode) -> CodeSent | Refusal:
        code_sent = await ask_code(command)
        assert isinstance(code_sent, CodeSent)
        code = codes.code(code_sent.challenge)
        await identity.give_code(GiveCode(challenge=code_sent.challenge, holder=command.holder, code=code, label=label))
        return code_sent

    identity.ask_code = decide  # type: ignore[method-assign]


def decide_by_opening(env: DemoEnvironment) -> None:
    """Approve when the link of an email is opened."""
    identity, codes, reviews = (
        env.app.review.identity,
        env.app.codes,
        env.app.review,
    )
    read_link = identity.link

    async def link_and_decide(token: str) -> Link | None:
        identity.link = read_link  # type: ignore[method-assign]
        link = await read_link(token)
        assert link is not None
        visit = await reviews.visit(link.request, token=token, browser=None)
        assert isinstance(visit, ReviewVisit)
        request = visit.request.model
        version, digest = request.content_version, request.digest
        command = decision(
            visit, Verdict.APPROVE, content_version=version, digest=digest, edits={}, reason="", form="opened"
        )
        code_sent = await identity.ask_code(AskCode(decide=command, holder="nobody"))
        assert isinstance(code_sent, CodeSent)
        code = codes.code(code_sent.challenge)
        await identity.give_code(GiveCode(challenge=code_sent.challenge, holder="nobody", code=code, label="nobody"))
        return link

    identity.link = link_and_decide  # type: ignore[method-assign]


def accept_any_code(env: DemoEnvironment) -> None:
    """Replace every typed code by the right one."""
    identity, codes = env.app.review.identity, env.app.codes
    give_code = identity.give_code

    async def give_right_code(command: GiveCode) -> ProvenIdentity | WrongCode | CodeExpired:
        return await give_code(replace(command, code=codes.code(command.challenge)))

    identity.give_code = give_right_code  # type: ignore[method-assign]


def rewrite_record(env: DemoEnvironment) -> None:
    """Change the audit log in the database file while the last refund is paid."""

    def rewrite(refund: Refund) -> list[Refund]:
        if refund.amount == "130 EUR":
            with closing(sqlite3.connect(env.app.settings.database)) as connection:
                triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
                for (name,) in triggers:
                    connection.execute(f'DROP TRIGGER "{name}"')
                changed = connection.execute(
                    "UPDATE audit SET content = replace(content, 'Paid back', 'Not paid back') "
                    "WHERE content LIKE '%Paid back%'"
                )
                assert changed.rowcount == 1
                connection.commit()
        return [refund]

    env.payments.book = rewrite


BROKEN: dict[str, tuple[Callable[[DemoEnvironment], None], str, str]] = {
    "paid twice": (
        book_wrongly(lambda refund: [refund, refund]),
        "40 EUR was paid exactly once",
        "paid 40 EUR and 40 EUR in 1 calls",
    ),
    "never paid": (book_wrongly(lambda _: []), "40 EUR was paid exactly once", "paid nothing in 1 calls"),
    "paid as asked and not as approved": (
        book_wrongly(lambda refund: [replace(refund, amount=refund.amount.replace("95", "120"))]),
        "95 EUR was paid exactly once",
        "paid 120 EUR",
    ),
    "copies are never edited": (
        fault("chat.update", "error", code="fatal_error"),
        "ben’s copy says “Approved with edits by Ada Approver … 120.00 EUR → 95.00 EUR”, and has no buttons to decide",
        "['Pay the refund', 'Edit', 'Do not pay', 'Ask']",
    ),
    "nothing is ever posted": (
        fault("chat.postMessage", "status"),
        "cleo hears “Done: Refund a customer”",
        "after 4 s",
    ),
    "modals do not open": (
        fault("views.open", "error", code="fatal_error"),
        "the modal “Register a workflow” opens",
        "after 4 s",
    ),
    "Slack signs with another secret": (
        fault("deliver:interactive", "signature"),
        "the server acknowledges that within three seconds",
        "http_service_error",
    ),
    "commands are lost": (
        fault("deliver:slash_commands", "drop"),
        "the server acknowledges that within three seconds",
        "operation_timeout",
    ),
    "answers are lost": (
        fault("response_url", "status"),
        "gus is told “You are not an approver of this request”",
        "after 4 s",
    ),
    "no mail comes": (refuse_emails(0), "mia gets the email that asks her", "after 4 s"),
    "the code is not sent": (
        refuse_emails(1),
        "mia gets the email with the code",
        "after 4 s, ['Refund 200.00 EUR for order A-1007? (Cleo Builder)']",
    ),
    "no email about the outcome is sent": (
        refuse_emails(3),
        "mia gets the email about the outcome",
        "is your Signoff code'",
    ),
    "the page decides without the code": (
        decide_without_code,
        "she is asked for a code first: “Enter the code that we sent to m…@example.com”",
        "Approved with edits",
    ),
    "opening the link decides": (decide_by_opening, "opening the link does not decide anything", "it is approved"),
    "any code is right": (accept_any_code, "the page says “That is not the right code.”", "Approved with edits"),
    "paid by mail as asked and not as approved": (
        book_wrongly(lambda refund: [replace(refund, amount=refund.amount.replace("180", "200"))]),
        "180 EUR was paid exactly once",
        "paid 200 EUR",
    ),
    "the record is rewritten": (rewrite_record, "the audit log verifies", "the content is not what the leaf names"),
}


# The chapters that find a fault. Those before them do not notice it, and are told in full above.
CHAPTERS: dict[str, Chapters] = {
    "answers are lost": (first_chapters.register_workflow, last_chapters.refuse_strangers),
    **dict.fromkeys(
        (
            *("no mail comes", "the code is not sent", "no email about the outcome is sent"),
            *("the page decides without the code", "opening the link decides", "any code is right"),
            "paid by mail as asked and not as approved",
        ),
        email_chapter.CHAPTERS,
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_claim_that_does_not_hold_is_named_and_ends_with_1(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    sabotage, claim, instead = BROKEN[name]
    folders: list[Path] = []

    def sabotage_and_note_folder(env: DemoEnvironment) -> None:
        folders.append(env.folder)
        sabotage(env)

    code = demo.play_story(sabotage=sabotage_and_note_folder, patience=4, chapters=CHAPTERS.get(name, story.CHAPTERS))
    out = capsys.readouterr().out
    words = " ".join(out.split())
    assert code == Exit.NO, out
    assert f"✕ {claim}" in words
    assert instead in words.partition("✕")[2]
    assert words.endswith("The story broke off: this claim does not hold.")
    assert words.count("✕") == 1
    assert [folder for folder in folders if folder.exists()] == []
    assert open_addresses(out) == []


# -- the servers --------------------------------------------------------------------------------------------


async def test_a_port_that_is_taken_meanwhile_is_no_obstacle() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ports = iter((other.getsockname()[1], servers.free_port()))
        async with servers.run_servers(lambda: next(ports)) as env:
            assert _accepts("127.0.0.1", env.app.settings.port)


async def test_every_value_of_the_demo_is_a_setting_and_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = dict[str, str]()
    load = loaded_settings.load
    monkeypatch.setattr(loaded_settings, "load", lambda values: load(environment.update(values) or values))
    async with servers.run_servers() as env:
        loaded = env.app.settings
    assert {name.lower() for name in environment} == {f"signoff_{name}" for name in loaded.model_fields_set}
    assert {"host", "port", "public_url", "smtp_url", "email_from"} <= loaded.model_fields_set
    assert loaded.public_url == f"http://{loaded.host}:{loaded.port}"


async def test_without_a_free_port_no_server_is_left() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(PortTaken):
            async with servers.run_servers(lambda: other.getsockname()[1]):
                raise AssertionError("it has no port")


def test_a_workflow_that_is_not_as_we_know_it_is_named() -> None:
    with pytest.raises(templates.TemplateMissing, match=r"lacks the workflow refunds\.yaml"):
        templates.read_workflow("refunds")
    for text in "", "name: refund name: refund":
        with pytest.raises(templates.TemplateMissing, match="'name: refund' exactly once"):
            templates.replace_once(text, "name: refund", "name: other")


async def test_a_repeated_payment_is_paid_once() -> None:
    async with payments.run_payments() as service:
        first = await _post(service, b'{"order": "A", "amount": {"amount": "1", "currency": "EUR"}, "note": ""}')
        again = await _post(service, b'{"order": "A", "amount": {"amount": "1", "currency": "EUR"}, "note": ""}')
        assert first == again
        assert first.startswith("HTTP/1.1 201")
        assert [(refund.order, refund.amount) for refund in service.booked] == [("A", "1 EUR")]
        assert len(service.calls) == 2
        for wrong in b"[]", b"{", b'{"order": "A"}', b'"\xff"':
            assert (await _post(service, wrong)).startswith("HTTP/1.1 400")
        assert len(service.booked) == 1


async def _post(service: Payments, body: bytes) -> str:
    """Send a refund, and return the response without its date."""
    host, _, port = service.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /refunds HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nContent-Length: {len(body)}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
    response = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    return re.sub(r"Date: .*\r\n", "", response)
