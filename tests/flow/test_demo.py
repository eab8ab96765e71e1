"""`signoff demo --play`: the story as a real process, and stories in which something is broken on purpose."""

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

import pytest

from bot import settings
from bot.cli import demo
from bot.cli.exit_codes import Exit
from bot.devtools.demo import payments, servers, templates
from bot.devtools.demo.email_chapter import MIA
from bot.devtools.demo.payments import Payments, Refund
from bot.devtools.demo.servers import DemoEnvironment
from bot.web.server import PortTaken
from bot.web.service import ReviewService, ReviewVisit, decision
from engine.domain import AskCode, CodeExpired, CodeSent, GiveCode, Link, ProvenIdentity, Refusal, Verdict, WrongCode
from tests.support.http_service import PATIENCE
from tests.support.processes import Installation, installation

STORY = """\
cleo registers a workflow
aprove_label
the error names the line and the right word
will ask Ada Approver and Ben Approver above 100 EUR and for VIPs
cleo refunds 40 EUR: below the limit, nobody is asked
40 EUR was paid exactly once
nobody was asked
cleo refunds 120 EUR: ada changes it to 95 and approves
ada, ben see “Refund order A-1002?” [Pay the refund] [Edit] [Do not pay]
nothing is paid while it is
sees under the amount “Please enter a number of at least 0.01.”
ben’s copy says “Approved with edits by Ada Approver … 120 EUR → 95 EUR”, and has no buttons
cleo hears “Refund a customer: done”
95 EUR was paid exactly once
cleo refunds 30 EUR to a VIP: ben says no
ada’s copy says “Rejected by Ben Approver … Reason: Paid back last week.”, and has no buttons
cleo hears “Refund a customer: rejected”
nothing was paid
nobody decides
ada’s copy says “Expired at … without a decision; the run was stopped”, and has no buttons
cleo hears “Refund a customer: expired without a decision”
it waited 2s from the moment it was shown
can no longer be decided
ada and ben approve at the same moment
is told “This request was already approved by
there is one decision on the record
130 EUR was paid exactly once
some who may not decide try to
gus is told
cleo is told “Cleo Builder is not an approver of this request; it waits for Ada Approver, Ben Approver.”
the server answers 401 to what Slack did not sign
the request still waits for ada or ben
Only builders may register workflows here
the run was cancelled by Cleo Builder
mia, who has no Slack, changes it to 180 by mail
will ask Ada Approver, Ben Approver and mia@example.com above 100 EUR and for VIPs
gets the mail “Refund order A-1007?” from Signoff <signoff@example.com>
its one link is to review; none decides
opening it decides nothing
the page says all 11 facts that the mail says
she is asked for a code first
nothing is decided or paid without it
it holds eight digits, and no link of ours
a wrong code decides nothing
kim gets no further than the page for the code
kim is told “That is not the code.”
whoever has the link alone cannot decide
sees “Approved with edits Refund order A-1007?
the receipt says who approved it
and what identified her
ada’s copy says “Approved with edits by mia@example.com … 200 EUR → 180 EUR”, and has no buttons
cleo hears “Refund a customer: done”
180 EUR was paid exactly once
gets the mail “Re: Refund order A-1007?” from Signoff <signoff@example.com>
it is in the thread of the first
it tells both amounts
no run is left open
nobody saw an error of Slack
the 4 mails went to mia alone, and the mail server had nothing to complain of
the payment service paid 40 EUR, 95 EUR, 130 EUR, 180 EUR, and nothing else
the audit log verifies
every changed entry is found
it holds the four decisions
"""
TOTALS = re.compile(
    r"4 decisions, 4 payments, (\d+\.\d) seconds; (\d+) claims held; the audit log is whole \(\d+ entries\)\.\s*"
)


@pytest.fixture
def at(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A place whose temporary folder is its own. Its path is short: it will hold a socket."""
    folder = tmp_path_factory.mktemp("d")
    (folder / "t").mkdir()
    made = installation(folder)
    made.settings["TMPDIR"] = str(folder / "t")
    return made


def left(at: Installation) -> list[str]:
    """What the command has left at the place."""
    return sorted(str(one.relative_to(at.folder)) for one in at.folder.rglob("*") if one != at.folder / "t")


def answers(out: str) -> list[str]:
    """The addresses that the story named and that somebody still answers at."""
    found = re.findall(r"http://(127\.0\.0\.1):(\d+)", out)
    assert len(set(found)) >= 3, out
    return [f"{host}:{port}" for host, port in found if _answers(host, int(port))]


def _answers(host: str, port: int) -> bool:
    with socket.socket() as knocking:
        return knocking.connect_ex((host, port)) == 0


# -- the real command ---------------------------------------------------------------------------------------


def test_the_story_is_told_in_its_order_and_leaves_nothing(at: Installation) -> None:
    finished = at.run("demo", "--play")
    assert (finished.code, finished.err) == (Exit.DONE, ""), finished.out + finished.err
    said, position = " ".join(finished.out.split()), 0
    for line in STORY.splitlines():
        position = said.find(line, position)
        assert position >= 0, (line, finished.out)
    last = TOTALS.fullmatch(finished.out.splitlines()[-1])
    assert last is not None, finished.out
    assert float(last[1]) < 20
    assert int(last[2]) == finished.out.count("✓")
    assert "✗" not in finished.out
    assert left(at) == []
    assert answers(finished.out) == []


def test_neither_settings_nor_proxies_of_the_user_are_taken(at: Installation) -> None:
    at.settings.update(
        SIGNOFF_SLACK_APP_TOKEN="xapp-of-the-user",
        SIGNOFF_SLACK_BOT_TOKEN="of-the-user",
        SIGNOFF_BUILDERS="gus@example.com",
        SIGNOFF_ADMINS="gus@example.com",
        SIGNOFF_LOG_LEVEL="loud",
        SIGNOFF_NO_SUCH_SETTING="1",
        HTTPS_PROXY="http://127.0.0.1:9",
        HTTP_PROXY="http://127.0.0.1:9",
    )
    (at.folder / ".env").write_bytes(b"SIGNOFF_PORT=\xff\n")
    finished = at.run("demo", "--play")
    assert (finished.code, finished.err) == (Exit.DONE, ""), finished.out + finished.err
    assert left(at) == [".env"]


@pytest.mark.parametrize("other", [["--port", "8700"], ["--fresh"], ["--folder", "x"], ["--no-browser"]])
def test_the_story_takes_no_other_option(at: Installation, other: list[str]) -> None:
    finished = at.run("demo", "--play", *other)
    assert finished.code == Exit.USAGE
    assert "--play takes no other option" in finished.err
    assert left(at) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_story_that_is_stopped_leaves_nothing(at: Installation, number: signal.Signals) -> None:
    process = at.start("demo", "--play")
    out = _until(process.stdout, "cleo refunds 40 EUR")
    assert left(at) != []
    process.send_signal(number)
    rest, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err.strip()) == (130, "Stopped."), rest
    assert left(at) == []
    assert answers(out + rest) == []


def test_a_story_that_nobody_reads_any_more_ends(at: Installation) -> None:
    process = at.start("demo", "--play")
    assert process.stdout is not None
    assert process.stderr is not None
    out = _until(process.stdout, "cleo refunds 40 EUR")
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(PATIENCE) == Exit.DONE
    assert left(at) == []
    assert answers(out) == []


def _until(lines: Iterable[str] | None, part: str) -> str:
    """What was printed up to the line with this in it."""
    assert lines is not None
    read = ""
    for line in lines:
        read += line
        if part in line:
            return read
    raise AssertionError(f"{part!r} was never printed:\n{read}")


# -- broken on purpose --------------------------------------------------------------------------------------


def books(what: Callable[[Refund], list[Refund]]) -> Callable[[DemoEnvironment], None]:
    def rig(standing: DemoEnvironment) -> None:
        standing.payments.books = what

    return rig


def fault(on: str, kind: str, **details: object) -> Callable[[DemoEnvironment], None]:
    def rig(standing: DemoEnvironment) -> None:
        standing.slack.fault(on, kind, **{"times": None, **details})  # type: ignore[arg-type]

    return rig


def unmailed(skip: int) -> Callable[[DemoEnvironment], None]:
    """Mails to mia that come after so many are refused for good."""

    def rig(standing: DemoEnvironment) -> None:
        standing.slack.mail.fault("rcpt", "error", code=550, to=MIA, skip=skip, times=None)

    return rig


def decided_without_a_code(standing: DemoEnvironment) -> None:
    """The page gives the code itself."""
    identity, codes, label = standing.app.identity, standing.app.codes, "nobody"
    asked = identity.ask_code

    async def decides(command: AskCode) -> CodeSent | Refusal:
        sent = await asked(command)
        assert isinstance(sent, CodeSent)
        code = codes.code(sent.challenge)
        await identity.give_code(GiveCode(challenge=sent.challenge, holder=command.holder, code=code, label=label))
        return sent

    identity.ask_code = decides  # type: ignore[method-assign]


def decided_by_opening(standing: DemoEnvironment) -> None:
    """Whoever opens the link of a mail approves."""
    identity, codes, desk = (
        standing.app.identity,
        standing.app.codes,
        ReviewService(standing.app.engine, standing.app.identity),
    )
    look = identity.link

    async def looks(token: str) -> Link | None:
        identity.link = look  # type: ignore[method-assign]
        found = await look(token)
        assert found is not None
        visit = await desk.visit(found.request, token=token, browser=None)
        assert isinstance(visit, ReviewVisit)
        asked = visit.request.model
        version, digest = asked.content_version, asked.digest
        command = decision(
            visit, Verdict.APPROVE, content_version=version, digest=digest, edits={}, reason="", form="opened"
        )
        sent = await identity.ask_code(AskCode(decide=command, holder="nobody"))
        assert isinstance(sent, CodeSent)
        code = codes.code(sent.challenge)
        await identity.give_code(GiveCode(challenge=sent.challenge, holder="nobody", code=code, label="nobody"))
        return found

    identity.link = looks  # type: ignore[method-assign]


def any_code_is_right(standing: DemoEnvironment) -> None:
    """What was typed is not compared."""
    identity, codes = standing.app.identity, standing.app.codes
    given = identity.give_code

    async def gives(command: GiveCode) -> ProvenIdentity | WrongCode | CodeExpired:
        return await given(replace(command, code=codes.code(command.challenge)))

    identity.give_code = gives  # type: ignore[method-assign]


def rewritten(standing: DemoEnvironment) -> None:
    """Somebody with the file in hand rewrites the record while the last refund is paid."""

    def rewrite(refund: Refund) -> list[Refund]:
        if refund.amount == "130 EUR":
            with closing(sqlite3.connect(standing.app.settings.database)) as connection:
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

    standing.payments.books = rewrite


BROKEN: dict[str, tuple[Callable[[DemoEnvironment], None], str, str]] = {
    "paid twice": (
        books(lambda refund: [refund, refund]),
        "40 EUR was paid exactly once",
        "paid 40 EUR and 40 EUR in 1 calls",
    ),
    "never paid": (books(lambda _: []), "40 EUR was paid exactly once", "paid nothing in 1 calls"),
    "paid as asked and not as approved": (
        books(lambda refund: [replace(refund, amount=refund.amount.replace("95", "120"))]),
        "95 EUR was paid exactly once",
        "paid 120 EUR",
    ),
    "copies are never edited": (
        fault("chat.update", "error", code="fatal_error"),
        "ben’s copy says “Approved with edits by Ada Approver … 120 EUR → 95 EUR”, and has no buttons",
        "['Pay the refund', 'Edit', 'Do not pay']",
    ),
    "nothing is ever posted": (
        fault("chat.postMessage", "status"),
        "cleo hears “Refund a customer: done”",
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
    "no mail comes": (unmailed(0), "mia gets the mail that asks her", "after 4 s"),
    "the code is not sent": (
        unmailed(1),
        "mia gets the mail with the code",
        "after 4 s, ['Refund order A-1007?']",
    ),
    "nobody is told by mail how it ended": (
        unmailed(3),
        "mia gets the mail that says how it ended",
        "'Your code to approve: Refund order A-1007?'",
    ),
    "the page decides without the code": (
        decided_without_a_code,
        "she is asked for a code first: “Type the code from your email”",
        "Approved with edits",
    ),
    "opening the link decides": (decided_by_opening, "opening it decides nothing", "it is approved"),
    "any code is right": (any_code_is_right, "the page says “That is not the code.”", "Approved with edits"),
    "paid by mail as asked and not as approved": (
        books(lambda refund: [replace(refund, amount=refund.amount.replace("180", "200"))]),
        "180 EUR was paid exactly once",
        "paid 200 EUR",
    ),
    "the record is rewritten": (rewritten, "the audit log verifies", "the content is not what the leaf names"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_claim_that_does_not_hold_is_named_and_ends_with_1(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    rig, claim, instead = BROKEN[what]
    folders: list[Path] = []

    def rigged(standing: DemoEnvironment) -> None:
        folders.append(standing.folder)
        rig(standing)

    code = demo.play_story(rig=rigged, patience=4)
    out = capsys.readouterr().out
    said = " ".join(out.split())
    assert code == Exit.NO, out
    assert f"✗ {claim}" in said
    assert instead in said.partition("✗")[2]
    assert said.endswith("The story broke off: this claim does not hold.")
    assert said.count("✗") == 1
    assert [one for one in folders if one.exists()] == []
    assert answers(out) == []


# -- the stage ----------------------------------------------------------------------------------------------


async def test_a_port_that_is_taken_meanwhile_is_no_obstacle() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ports = iter((other.getsockname()[1], servers.free_port()))
        async with servers.standing(lambda: next(ports)) as standing:
            assert _answers("127.0.0.1", standing.app.settings.port)


async def test_all_that_the_stage_sets_is_a_setting_and_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    given = dict[str, str]()
    load = settings.load
    monkeypatch.setattr(settings, "load", lambda chosen: load(given.update(chosen) or chosen))
    async with servers.standing() as standing:
        used = standing.app.settings
    assert {name.lower() for name in given} == {f"signoff_{name}" for name in used.model_fields_set}
    assert {"host", "port", "public_url", "smtp_url", "email_from"} <= used.model_fields_set
    assert used.public_url == f"http://{used.host}:{used.port}"


async def test_where_no_port_can_be_had_nothing_is_left() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(PortTaken):
            async with servers.standing(lambda: other.getsockname()[1]):
                raise AssertionError("it has no port")


def test_a_workflow_that_is_not_as_we_know_it_is_named() -> None:
    with pytest.raises(templates.TemplateMissing, match=r"lacks the workflow refunds\.yaml"):
        templates.workflow("refunds")
    for text in "", "name: refund name: refund":
        with pytest.raises(templates.TemplateMissing, match="'name: refund' exactly once"):
            templates.changed(text, "name: refund", "name: other")


async def test_a_repeated_payment_is_paid_once() -> None:
    async with payments.taking() as paying:
        first = await _post(paying, b'{"order": "A", "amount": {"amount": "1", "currency": "EUR"}, "note": ""}')
        again = await _post(paying, b'{"order": "A", "amount": {"amount": "1", "currency": "EUR"}, "note": ""}')
        assert first == again
        assert first.startswith("HTTP/1.1 201")
        assert [(one.order, one.amount) for one in paying.booked] == [("A", "1 EUR")]
        assert len(paying.calls) == 2
        for wrong in b"[]", b"{", b'{"order": "A"}', b'"\xff"':
            assert (await _post(paying, wrong)).startswith("HTTP/1.1 400")
        assert len(paying.booked) == 1


async def _post(paying: Payments, body: bytes) -> str:
    """The answer without its date."""
    host, _, port = paying.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /refunds HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nContent-Length: {len(body)}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    return re.sub(r"Date: .*\r\n", "", answer)
