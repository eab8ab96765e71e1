"""The other outcomes: a rejection, an expiry, two decisions at once, and attempts without permission."""

from __future__ import annotations

import asyncio
from typing import Final

from bot.devtools.demo import forged_click, templates
from bot.devtools.demo.first_chapters import open_register_modal, submit_workflow
from bot.devtools.demo.scene import NAMES, PAY, REJECT, Scene, ShownRequest, await_ack
from bot.devtools.demo.workflows import refund
from engine.domain import RunStatus

_EXPIRES: Final = "2s"
_MAX_DELAY: Final = 5.0
"""Seconds by which a busy machine may be late; an idle one is late by half a second at most."""


async def reject_request(scene: Scene) -> None:
    """Refund a VIP, which always needs an approval, and reject it with a reason as ben."""
    scene.narrator.chapter("cleo refunds 30 EUR to a VIP: ben says no")
    request = await scene.request_refund("refund", "A-1003", amount="30", why="Changed their mind", vip=True)
    ben = scene.person("ben")
    act = ben.click(REJECT, on=scene.copy("ben", request.order))
    await scene.open_modal("ben", f"clicks [{REJECT}]", act, title=REJECT)
    why = "Paid back last week."
    await scene.act("ben", f"writes “{why}”, and sends it", ben.submit({"Reason": why}))
    for name in "ben", "ada":
        await scene.expect_closed(name, request.order, "Rejected by Ben Approver", f"Reason {why}")
    await scene.expect_end(request.run, RunStatus.REJECTED, f"Rejected: Refund 30.00 EUR for order {request.order}")
    scene.expect_not_paid(request.order)


async def let_request_expire(scene: Scene) -> None:
    """Let a request expire without a decision."""
    scene.narrator.chapter(f"cleo refunds 150 EUR by a workflow that waits {_EXPIRES}: no one decides")
    text = templates.replace_once(refund(scene.env.payments.url), "name: refund\n", "name: refund-today\n")
    text = templates.replace_once(text, "expires: 3d", f"expires: {_EXPIRES}")
    # The demo runs at night as well.
    text = templates.replace_once(text, "hours: true", "hours: false")
    await open_register_modal(scene)
    await submit_workflow(scene, f"pastes refund.yaml under the name refund-today, with expires: {_EXPIRES}", text)
    request = await scene.request_refund("refund-today", "A-1004", amount="150", why="Arrived twice")
    scene.narrator.line("ada, ben", "do nothing")
    for name in "ada", "ben":
        await scene.expect_closed(name, request.order, "Expired without a decision", "It was rejected automatically")
    await scene.expect_end(request.run, RunStatus.REJECTED, f"Rejected: Refund 150.00 EUR for order {request.order}")
    await _check_waiting_time(scene, request)
    before = len(scene.ephemeral_texts("ben"))
    act = scene.person("ben").click(PAY, on=request.copies["ben"], stale=True)
    await scene.act("ben", f"clicks [{PAY}] in a window that is not up to date", act)
    await scene.expect_ephemeral("ben", before, "You can no longer decide it.")
    scene.expect_not_paid(request.order)


async def _check_waiting_time(scene: Scene, request: ShownRequest) -> None:
    """Check that the request expired in time, counted from the first shown copy."""
    (view,) = await scene.env.app.engine.requests_of_run(request.run)
    shown_at, closed_at = view.model.deadlines.first_shown_at, view.model.closed_at
    waited = (closed_at - shown_at).total_seconds() if shown_at is not None and closed_at is not None else 0.0
    scene.narrator.claim(
        f"it waited {_EXPIRES} from the moment it was shown",
        2.0 <= waited < 2.0 + _MAX_DELAY,
        actual=f"{waited:.2f} s",
    )


async def decide_simultaneously(scene: Scene) -> None:
    """Approve as ada and ben at the same moment."""
    scene.narrator.chapter("cleo refunds 130 EUR: ada and ben approve at the same moment")
    request = await scene.request_refund("refund", "A-1005", amount="130", why="Wrong size")
    before = {name: len(scene.ephemeral_texts(name)) for name in request.copies}
    scene.narrator.line("ada, ben", f"click [{PAY}]")
    clicks = (scene.person(name).click(PAY, on=scene.copy(name, request.order)) for name in request.copies)
    await asyncio.gather(*(await_ack(name, click) for name, click in zip(request.copies, clicks, strict=True)))
    winner, loser = await _winner_and_loser(scene, request)
    scene.narrator.line("server", f"accepts the click of {winner}")
    await scene.expect_ephemeral(loser, before[loser], f"{NAMES[winner]} already approved this request")
    for name in request.copies:
        await scene.expect_closed(name, request.order, f"Approved by {NAMES[winner]}")
    await scene.expect_end(request.run, RunStatus.SUCCEEDED, f"Done: Refund 130.00 EUR for order {request.order}")
    entries = await scene.env.app.engine.story(request.run)
    decisions = [entry.kind for entry in entries].count("request.approved")
    scene.narrator.claim("there is one decision on the record", decisions == 1, actual=f"there are {decisions}")
    scene.narrator.claim(
        f"{winner} was told nothing else",
        len(scene.ephemeral_texts(winner)) == before[winner],
        actual=scene.ephemeral_texts(winner)[-1:],
    )
    scene.expect_paid_once(request.run, request.order, "130 EUR")


async def _winner_and_loser(scene: Scene, request: ShownRequest) -> tuple[str, str]:
    """Return the person whose click decided, and the other one."""
    (view,) = await scene.env.app.engine.requests_of_run(request.run)
    winner = view.decision.person.name if view.decision is not None else "no one"
    scene.narrator.claim("one of the two clicks decided", winner in (NAMES["ada"], NAMES["ben"]), actual=winner)
    return ("ada", "ben") if winner == NAMES["ada"] else ("ben", "ada")


async def refuse_strangers(scene: Scene) -> None:
    """Try to decide as people who may not. Slack shows them no copy, so their clicks are forged."""
    scene.narrator.chapter("cleo refunds 500 EUR: people who may not decide try to")
    request = await scene.request_refund("refund", "A-1006", amount="500", why="Never arrived")
    strangers = (
        ("gus", "You are not an approver of this request"),
        ("cleo", "You started this, so another person decides"),
    )
    for name, refusal in strangers:
        before = len(scene.ephemeral_texts(name))
        act = scene.person(name).click(PAY, on=scene.copy("ada", request.order))
        await scene.act(name, f"has no copy, and clicks [{PAY}] on ada’s (forged)", act)
        await scene.expect_ephemeral(name, before, refusal)
    scene.narrator.line("attacker", "sends the server a click in the name of ada, signed with a guessed secret")
    status = await forged_click.send_click(scene.env, scene.person("ada").id)
    scene.narrator.claim("the server answers 401 to a click that Slack did not sign", status == 401, actual=status)
    (view,) = await scene.env.app.engine.requests_of_run(request.run)
    state = view.model.state
    scene.narrator.claim("the request is still open for ada and ben", state.value == "pending", actual=state)
    await _refuse_non_builder(scene)
    await scene.type_command(f"/signoff cancel {request.run}")
    for name in request.copies:
        await scene.expect_closed(name, request.order, "The run was cancelled by Cleo Builder")
    await scene.expect_status(request.run, RunStatus.CANCELLED)
    scene.expect_not_paid(request.order)


async def _refuse_non_builder(scene: Scene) -> None:
    gus = scene.person("gus")
    before = len(scene.ephemeral_texts("gus"))
    await scene.act("gus", "types /signoff register", gus.command("/signoff register"))
    await scene.expect_ephemeral("gus", before, "Only builders may register workflows here")
    scene.narrator.claim("no form opened", gus.modal is None, actual=gus.modal)


CHAPTERS = (reject_request, let_request_expire, decide_simultaneously, refuse_strangers)
