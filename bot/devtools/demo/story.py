"""The story from its beginning to its end, and its totals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from rich.console import Console

from bot.devtools.demo import email_chapter, first_chapters, last_chapters, servers, together_chapter
from bot.devtools.demo.narration import ClaimFailed, Narrator
from bot.devtools.demo.scene import Scene
from bot.devtools.demo.servers import DemoEnvironment
from engine import verify_audit
from engine.domain import DEFAULT_WORKSPACE
from engine.read_models import PageQuery
from engine.store import audit_log, schema

Chapters: TypeAlias = Sequence[Callable[[Scene], Awaitable[None]]]
CLAIM_SECONDS: Final = 10.0
"""Seconds that a claim may take to come true, also on a slow machine."""
CHAPTERS: Final[Chapters] = (
    *first_chapters.CHAPTERS,
    *last_chapters.CHAPTERS,
    *email_chapter.CHAPTERS,
    *together_chapter.CHAPTERS,
)
_DECISIONS: Final = ("request.approved", "request.rejected")
_PAID: Final = ["40 EUR", "95 EUR", "130 EUR", "180 EUR", "250 EUR"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Totals of the story. `entries`: verified entries of the audit log."""

    decisions: int
    payments: int
    entries: int


def no_sabotage(_: DemoEnvironment) -> None:
    """Change nothing."""


async def play(
    console: Console,
    *,
    sabotage: Callable[[DemoEnvironment], None] = no_sabotage,
    patience: float = CLAIM_SECONDS,
    chapters: Chapters = CHAPTERS,
) -> bool:
    """Play the story, and return whether every claim held. The first that does not hold ends it.

    `sabotage` is called once all parts run. The story must find the fault that it introduces. `chapters`: those that
    are told before the totals.
    """
    clock = asyncio.get_running_loop().time
    narrator, started = Narrator(console, patience=patience), clock()
    narrator.text(
        "The story of an approval, with the real server on a local Slack and mail server. Nothing leaves this machine."
    )
    try:
        async with servers.run_servers() as env:
            sabotage(env)
            totals = await _play(Scene(env, narrator), chapters)
    except ClaimFailed as failure:
        narrator.print_failure(failure)
        return False
    narrator.text("")
    narrator.text(
        f"{totals.decisions} decisions, {totals.payments} payments, {clock() - started:.1f} seconds; "
        f"{narrator.claims_held} claims held; the audit log is whole ({totals.entries} entries).",
        style="bold",
    )
    return True


async def _play(scene: Scene, chapters: Chapters) -> Totals:
    scene.narrator.line("server", f"accepts Slack’s deliveries at {scene.env.url}")
    scene.narrator.line("Slack", f"is local, at {scene.env.slack.base_url}")
    scene.narrator.line("mail", f"server is at {scene.env.slack.mail.url}")
    scene.narrator.line("payments", f"are accepted at {scene.env.payments.url}")
    for chapter in chapters:
        await chapter(scene)
    return await _check_totals(scene)


async def _check_totals(scene: Scene) -> Totals:
    """Check the end of the story: no open run, no error in Slack, and a complete audit log."""
    narrator, env = scene.narrator, scene.env
    narrator.chapter("The books")
    open_runs = await env.app.engine.runs(PageQuery(limit=100, open_only=True))
    narrator.claim("no run is left open", not open_runs, actual=open_runs)
    transports = {delivery.over for delivery in env.slack.deliveries}
    narrator.claim(
        f"Slack delivered {len(env.slack.deliveries)} times, by signed HTTP only",
        transports == {"http"},
        actual=transports,
    )
    errors = [error.code for name in env.slack.world.users for error in env.slack.person(name).troubles]
    narrator.claim("no one saw an error in Slack", not errors, actual=errors)
    _check_emails(scene)
    paid = [refund.amount for refund in env.payments.booked]
    narrator.claim(f"the payment service paid {', '.join(_PAID)}, and nothing else", paid == _PAID, actual=paid)
    with schema.reading(env.app.settings.database) as connection:
        lines = list(audit_log.export(connection, DEFAULT_WORKSPACE))
    report = verify_audit.verify(lines)
    narrator.line("server", f"exports its audit log: {report.entries} entries, head {report.head[:20]}…")
    narrator.claim("the audit log verifies", not report.findings, actual="; ".join(map(str, report.findings[:3])))
    _check_tampering(narrator, lines)
    kinds = [json.loads(json.loads(line)["leaf"])["kind"] for line in lines]
    decisions = sum(kinds.count(kind) for kind in _DECISIONS)
    narrator.claim("it has the five decisions, one for each decided request", decisions == 5, actual=decisions)
    return Totals(decisions=decisions, payments=len(paid), entries=report.entries)


def _check_emails(scene: Scene) -> None:
    """Check that only the person without Slack got emails."""
    emails = scene.env.slack.mail.received()
    recipients = {recipient for email in emails for recipient in email.recipients}
    complaints = {complaint for email in emails for complaint in email.complaints}
    scene.narrator.claim(
        f"the {len(emails)} emails went to mia alone, and the mail server had no complaints",
        recipients == {email_chapter.MIA} and not complaints,
        actual=complaints or recipients,
    )


def _check_tampering(narrator: Narrator, lines: list[str]) -> None:
    """Check that the verification finds changed entries."""
    tampered = [_tamper(line) for line in lines]
    changed = sum(after != before for after, before in zip(tampered, lines, strict=True))
    findings = verify_audit.verify(tampered).findings
    narrator.claim(
        "a copy of it with 9500 EUR in place of 95 does not verify: every changed entry is found",
        changed > 0 and len(findings) == changed,
        actual=f"{changed} entries were changed, {len(findings)} found",
    )


def _tamper(line: str) -> str:
    entry = json.loads(line)
    content = entry["content"].replace('"amount":"95"', '"amount":"9500"')
    return line if content == entry["content"] else json.dumps({**entry, "content": content})
