"""A decision that cannot be taken is answered with the same sentence in Slack, on a page and in a terminal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import text

from bot.local.service import OperatorCommands
from bot.presentation import dates, refusals
from bot.roles import file
from bot.roles.directory import DirectoryWithRoles
from bot.slack.ids import Ref
from bot.slack.payloads import Actor
from bot.slack.service import SlackService
from engine.domain import Address, ApprovalUndone, Assurance, Cancel, Refusal, Undo, Verdict
from engine.errors import Conflict
from engine.read_models import RequestView
from tests.support.account_directory import AccountDirectory
from tests.support.engine_env import SAM, TERMINAL
from tests.support.web_env import ADA, BEN, WebEnv, open_web

Prepare = Callable[[WebEnv, RequestView], Awaitable[object]]


class OvertakenStore:
    """A store in which every write conflicts, because another process is always faster. Reads work."""

    def __init__(self, store: Any) -> None:
        self.read = store.read

    async def transact(self, unit: object) -> None:
        raise Conflict("another process was faster")


async def reject(env: WebEnv, request: RequestView) -> None:
    await env.engine_env.decide(request.run, Verdict.REJECT, by=Address("email", BEN))


async def cancel(env: WebEnv, request: RequestView) -> None:
    await env.engine_env.engine.cancel(Cancel(run=request.run, actor=SAM, origin=TERMINAL))


async def let_expire(env: WebEnv, request: RequestView) -> None:
    env.engine_env.pass_time(hours=5)


async def tamper(env: WebEnv, request: RequestView) -> None:
    forged = "UPDATE request SET content = replace(content, 'refund', 'salary')"
    await env.engine_env.store.transact(lambda tx: tx.connection.execute(text(forged)).close())


async def overtake(env: WebEnv, request: RequestView) -> None:
    env.engine_env.engine.store = OvertakenStore(env.engine_env.store)  # type: ignore[assignment]


async def undo(env: WebEnv, request: RequestView) -> None:
    ben = Address("email", BEN)
    await env.engine_env.decide(request.run, by=ben)
    command = Undo(request=request.id, actor=ben, origin=TERMINAL, assurance=Assurance.TERMINAL)
    assert isinstance(await env.engine_env.engine.undo(command), ApprovalUndone)


async def leave(env: WebEnv, request: RequestView) -> None:
    """Leave the request unchanged."""


EXPIRES: Final = "      expires: 4h"
REASON: Final = "      reason_required: always"
OTHER: Final = "0" * 64
"""The digest of another content."""

REFUSED: Final[dict[str, tuple[Prepare, str, str | None, str]]] = {
    "decided": (reject, "", None, "ben@example.com already rejected this request, "),
    "cancelled": (cancel, "", None, "The run was cancelled, "),
    "undone": (undo, "      hold: 10m", None, "ben@example.com already undid the approval, "),
    "expired": (let_expire, EXPIRES, None, "This request expired "),
    "changed": (leave, "", OTHER, "This request has changed since you opened it"),
    "tampered": (tamper, "", None, "is not what was approved, so nothing was run."),
    "overtaken": (overtake, "", None, "Others changed this request at the same moment"),
    "no reason": (leave, REASON, None, "Please say why you approve this. The person who asked will read it."),
}


@pytest.mark.parametrize("why", REFUSED)
async def test_every_surface_says_the_same(tmp_path: Path, why: str) -> None:
    prepare, keys, digest, sentence = REFUSED[why]
    async with open_web(tmp_path / "signoff.db", directory=AccountDirectory(uada=ADA)) as env:
        request = await env.request_approval(keys)
        browser, opened = await env.open_link()
        await prepare(env, request)
        digest = digest or request.model.digest

        refusal = await in_slack(env, request, digest)
        assert sentence in refusals.sentence(refusal)
        assert await in_a_terminal(env, request, digest) == refusals.sentence(refusal)
        page = (await browser.send(opened.page.form, digest=digest)).page
        assert refusals.sentence(refusal, dates.in_zone(None)) in " ".join(page.text.split())


RISK: Final = """      risk:
        impact: "{{ content.text | length }}"
        levels: {high: {if: {impact: over 70}, confirm_with: code}}"""


async def test_an_edit_that_raises_the_risk_is_refused_alike(tmp_path: Path) -> None:
    async with open_web(tmp_path / "signoff.db", directory=AccountDirectory(uada=ADA)) as env:
        request = await env.request_approval(RISK)
        browser, opened = await env.open_link()
        edits = {"text": "x" * 80}
        refusal = await in_slack(env, request, request.model.digest, edits)
        assert refusals.sentence(refusal).startswith("With this change the risk is high and not low,")
        assert await in_a_terminal(env, request, request.model.digest, edits) == refusals.sentence(refusal)
        name = next(name for name, _ in opened.page.form.fields if name.startswith("f-"))
        page = (await browser.send(opened.page.form, typed={name: edits["text"]})).page
        assert refusals.sentence(refusal) in " ".join(page.text.split())


LIMITS: Final = f"""
roles: {{support: [{ADA}]}}
limits: {{support: 5 EUR}}
"""


async def test_an_amount_above_the_limit_is_refused_alike(tmp_path: Path) -> None:
    roles = file.read(LIMITS.encode())
    directory = DirectoryWithRoles(AccountDirectory(uada=ADA), lambda: roles)
    async with open_web(tmp_path / "signoff.db", directory=directory) as env:
        request = await env.request_approval("      amount: 8.00 EUR")
        browser, opened = await env.open_link()
        refusal = await in_slack(env, request, request.model.digest)
        sentence = "You may approve up to 5.00 EUR, and this is 8.00 EUR. ben@example.com can decide."
        assert refusals.sentence(refusal) == sentence
        assert await in_a_terminal(env, request, request.model.digest) == sentence
        page = (await browser.send(opened.page.form)).page
        assert sentence in " ".join(page.text.split())


async def in_slack(env: WebEnv, request: RequestView, digest: str, edits: Mapping[str, str] | None = None) -> Refusal:
    home = env.engine_env
    service = SlackService(home.engine, home.advancer.kinds, home.advancer.directory, home.clock)
    ref = Ref(request=request.id, content_version=request.model.content_version, digest=digest)
    refusal = await service.decide(Actor(team="T1", user="uada"), ref, Verdict.APPROVE, edits=dict(edits or {}))
    assert isinstance(refusal, Refusal)
    return refusal


async def in_a_terminal(env: WebEnv, request: RequestView, digest: str, edits: Mapping[str, str] | None = None) -> str:
    home = env.engine_env
    commands = OperatorCommands(home.engine, home.identity, home.advancer.kinds, operator=ADA, login="ada")
    arguments: dict[str, Any] = {
        "request": request.id,
        "verdict": "approve",
        "edits": dict(edits or {}),
        "digest": digest,
    }
    reply = await commands.carry_out("decide", arguments)
    assert reply.refused is not None
    return reply.refused
