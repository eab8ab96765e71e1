"""The story from its beginning to its end, and what is counted then."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rich.console import Console

from bot.devtools.demo import email_chapter, first_chapters, last_chapters, servers
from bot.devtools.demo.narration import Broken, Teller
from bot.devtools.demo.scene import Scene
from bot.devtools.demo.servers import DemoEnvironment
from engine import verify_audit
from engine.domain import DEFAULT_WORKSPACE
from engine.read_models import PageQuery
from engine.store import audit_log, schema

PATIENCE: Final = 10.0
"""Seconds that a claim may take to come true, also on a slow machine."""
_CHAPTERS: Final = (*first_chapters.CHAPTERS, *last_chapters.CHAPTERS, *email_chapter.CHAPTERS)
_DECISIONS: Final = ("request.approved", "request.rejected")
_PAID: Final = ["40 EUR", "95 EUR", "130 EUR", "180 EUR"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What the story came to. `entries`: of the audit log, verified."""

    decisions: int
    payments: int
    entries: int


def untouched(_: DemoEnvironment) -> None:
    """Leaves the stage as it is."""


async def play(
    console: Console, *, rig: Callable[[DemoEnvironment], None] = untouched, patience: float = PATIENCE
) -> bool:
    """Play the story; whether every claim held. The first that does not ends it.

    `rig`: called when all parts stand and nothing has happened yet. What it breaks, the story must find.
    """
    clock = asyncio.get_running_loop().time
    teller, begun = Teller(console, patience=patience), clock()
    teller.plain(
        "The story of an approval, with the real server on a local Slack and mail server. Nothing leaves this machine."
    )
    try:
        async with servers.standing() as standing:
            rig(standing)
            totals = await _play(Scene(standing, teller))
    except Broken as broken:
        teller.broke(broken)
        return False
    teller.plain("")
    teller.plain(
        f"{totals.decisions} decisions, {totals.payments} payments, {clock() - begun:.1f} seconds; "
        f"{teller.held} claims held; the audit log is whole ({totals.entries} entries).",
        style="bold",
    )
    return True


async def _play(scene: Scene) -> Totals:
    scene.teller.line("server", f"takes Slack’s deliveries at {scene.stage.url}")
    scene.teller.line("Slack", f"is local, at {scene.stage.slack.base_url}")
    scene.teller.line("mail", f"is taken at {scene.stage.slack.mail.url}, for everybody")
    scene.teller.line("payments", f"are taken at {scene.stage.payments.url}")
    for chapter in _CHAPTERS:
        await chapter(scene)
    return await _count(scene)


async def _count(scene: Scene) -> Totals:
    """The end: nothing is left open, nobody saw an error, and the record is whole and agrees."""
    teller, running = scene.teller, scene.stage
    teller.chapter("The books")
    left = await running.app.engine.runs(PageQuery(limit=100, open_only=True))
    teller.claim("no run is left open", not left, instead=left)
    over = {one.over for one in running.slack.deliveries}
    teller.claim(
        f"Slack delivered {len(running.slack.deliveries)} times, by signed HTTP only", over == {"http"}, instead=over
    )
    troubles = [one.code for name in running.slack.world.users for one in running.slack.person(name).troubles]
    teller.claim("nobody saw an error of Slack", not troubles, instead=troubles)
    _mails(scene)
    paid = [one.amount for one in running.payments.booked]
    teller.claim(f"the payment service paid {', '.join(_PAID)}, and nothing else", paid == _PAID, instead=paid)
    with schema.reading(running.app.settings.database) as connection:
        lines = list(audit_log.export(connection, DEFAULT_WORKSPACE))
    report = verify_audit.verify(lines)
    teller.line("server", f"exports its audit log: {report.entries} entries, head {report.head[:20]}…")
    teller.claim("the audit log verifies", not report.findings, instead="; ".join(map(str, report.findings[:3])))
    _notices(teller, lines)
    kinds = [json.loads(json.loads(line)["leaf"])["kind"] for line in lines]
    decisions = sum(kinds.count(one) for one in _DECISIONS)
    teller.claim("it holds the four decisions, one for each answered request", decisions == 4, instead=decisions)
    return Totals(decisions=decisions, payments=len(paid), entries=report.entries)


def _mails(scene: Scene) -> None:
    """Whoever is asked in Slack gets none."""
    mails = scene.stage.slack.mail.received()
    to = {one for mail in mails for one in mail.recipients}
    complaints = {complaint for one in mails for complaint in one.complaints}
    scene.teller.claim(
        f"the {len(mails)} mails went to mia alone, and the mail server had nothing to complain of",
        to == {email_chapter.MIA} and not complaints,
        instead=complaints or to,
    )


def _notices(teller: Teller, lines: list[str]) -> None:
    """The verification is worth something only if a change does not pass it."""
    forged = [_forged(line) for line in lines]
    changed = sum(one != line for one, line in zip(forged, lines, strict=True))
    findings = verify_audit.verify(forged).findings
    teller.claim(
        "a copy of it that says 9500 EUR where it said 95 does not: every changed entry is found",
        changed > 0 and len(findings) == changed,
        instead=f"{changed} entries were changed, {len(findings)} found",
    )


def _forged(line: str) -> str:
    entry = json.loads(line)
    content = entry["content"].replace('"amount":"95"', '"amount":"9500"')
    return line if content == entry["content"] else json.dumps({**entry, "content": content})
