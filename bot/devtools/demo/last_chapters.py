"""The other ends: a rejection, a request that nobody decides, two who decide at once, and some who may not."""

from __future__ import annotations

import asyncio
from typing import Final

from bot.devtools.demo import forged_click, templates
from bot.devtools.demo.first_chapters import opens_register, sends_workflow
from bot.devtools.demo.scene import NAMES, PAY, REFUSE, Scene, ShownRequest, acknowledged
from bot.devtools.demo.workflows import refund
from engine.domain import RunStatus

_EXPIRES: Final = "2s"
_LATE: Final = 5.0
"""Seconds that a machine which is busy with something else may be late; on an idle one it is half a second at most."""
_DECIDE: Final = "# any one of them decides"


async def rejected(scene: Scene) -> None:
    """A VIP’s refund waits whatever its amount; ben rejects it, and says why."""
    scene.teller.chapter("cleo refunds 30 EUR to a VIP: ben says no")
    asked = await scene.asked("refund", "A-1003", amount="30", why="Changed their mind", vip=True)
    ben = scene.person("ben")
    acting = ben.click(REFUSE, on=asked.copies["ben"])
    await scene.opens("ben", f"clicks [{REFUSE}]", acting, title=REFUSE)
    why = "Paid back last week."
    await scene.act("ben", f"writes “{why}”, and sends it", ben.submit({"Reason": why}))
    for name in "ben", "ada":
        await scene.closes(name, asked.order, "Rejected by Ben Approver", f"Reason: {why}")
    await scene.ends(asked.run, RunStatus.REJECTED, "Refund a customer: rejected")
    scene.pays_nothing(asked.order)


async def expired(scene: Scene) -> None:
    """Nobody decides in time."""
    scene.teller.chapter(f"cleo refunds 150 EUR by a workflow that waits {_EXPIRES}: nobody decides")
    text = templates.changed(refund(scene.stage.payments.url), "name: refund\n", "name: refund-today\n")
    text = templates.changed(text, _DECIDE, f"{_DECIDE}\n      expires: {_EXPIRES}")
    await opens_register(scene)
    await sends_workflow(scene, f"pastes refund.yaml under the name refund-today, with expires: {_EXPIRES}", text)
    asked = await scene.asked("refund-today", "A-1004", amount="150", why="Arrived twice")
    scene.teller.line("ada, ben", "do nothing")
    for name in "ada", "ben":
        await scene.closes(name, asked.order, "Expired at", "without a decision; the run was stopped")
    await scene.ends(asked.run, RunStatus.EXPIRED, "Refund a customer: expired without a decision")
    await _waited(scene, asked)
    before = len(scene.told("ben"))
    acting = scene.person("ben").click(PAY, on=asked.copies["ben"], stale=True)
    await scene.act("ben", f"clicks [{PAY}] in a window that has not caught up", acting)
    await scene.answered("ben", before, "can no longer be decided")
    scene.pays_nothing(asked.order)


async def _waited(scene: Scene, asked: ShownRequest) -> None:
    """Neither too early nor much too late: the clock starts when the first copy is shown."""
    (request,) = await scene.stage.app.engine.requests_of_run(asked.run)
    shown, closed = request.model.deadlines.first_shown_at, request.model.closed_at
    waited = (closed - shown).total_seconds() if shown is not None and closed is not None else 0.0
    scene.teller.claim(
        f"it waited {_EXPIRES} from the moment it was shown", 2.0 <= waited < 2.0 + _LATE, instead=f"{waited:.2f} s"
    )


async def raced(scene: Scene) -> None:
    """Both approve at the same moment."""
    scene.teller.chapter("cleo refunds 130 EUR: ada and ben approve at the same moment")
    asked = await scene.asked("refund", "A-1005", amount="130", why="Wrong size")
    before = {name: len(scene.told(name)) for name in asked.copies}
    scene.teller.line("ada, ben", f"click [{PAY}]")
    clicks = (scene.person(name).click(PAY, on=copy) for name, copy in asked.copies.items())
    await asyncio.gather(*(acknowledged(name, click) for name, click in zip(asked.copies, clicks, strict=True)))
    winner, loser = await _order(scene, asked)
    scene.teller.line("server", f"took the click of {winner}")
    await scene.answered(loser, before[loser], f"already approved by {NAMES[winner]}")
    for name in asked.copies:
        await scene.closes(name, asked.order, f"Approved by {NAMES[winner]}")
    await scene.ends(asked.run, RunStatus.SUCCEEDED, "Refund a customer: done")
    decided = [one.kind for one in await scene.stage.app.engine.story(asked.run)].count("request.approved")
    scene.teller.claim("there is one decision on the record", decided == 1, instead=f"there are {decided}")
    scene.teller.claim(
        f"{winner} was told nothing else", len(scene.told(winner)) == before[winner], instead=scene.told(winner)[-1:]
    )
    scene.pays_once(asked.run, asked.order, "130 EUR")


async def _order(scene: Scene, asked: ShownRequest) -> tuple[str, str]:
    """Who won and who lost."""
    (request,) = await scene.stage.app.engine.requests_of_run(asked.run)
    by = request.decision.person.name if request.decision is not None else "nobody"
    scene.teller.claim("one of the two clicks decided", by in (NAMES["ada"], NAMES["ben"]), instead=by)
    return ("ada", "ben") if by == NAMES["ada"] else ("ben", "ada")


async def refused(scene: Scene) -> None:
    """Gus may nothing here, cleo may not approve; Slack shows neither of them a copy, so their clicks are forged."""
    scene.teller.chapter("cleo refunds 500 EUR: some who may not decide try to")
    asked = await scene.asked("refund", "A-1006", amount="500", why="Never arrived")
    strangers = (("gus", "You are not an approver of this request"), ("cleo", "Cleo Builder is not an approver"))
    for name, called in strangers:
        before = len(scene.told(name))
        acting = scene.person(name).click(PAY, on=asked.copies["ada"])
        await scene.act(name, f"is shown no copy, and clicks [{PAY}] on ada’s all the same (forged)", acting)
        await scene.answered(name, before, called)
    scene.teller.line("somebody", "sends the server such a click in the name of ada, signed with a guess")
    status = await forged_click.click(scene.stage, scene.person("ada").id)
    scene.teller.claim("the server answers 401 to what Slack did not sign", status == 401, instead=status)
    (request,) = await scene.stage.app.engine.requests_of_run(asked.run)
    state = request.model.state
    scene.teller.claim("the request still waits for ada or ben", state.value == "pending", instead=state)
    await _no_builder(scene)
    await scene.command(f"/signoff cancel {asked.run}")
    for name in asked.copies:
        await scene.closes(name, asked.order, "Cancelled at", "the run was cancelled by Cleo Builder")
    await scene.is_recorded(asked.run, RunStatus.CANCELLED)
    scene.pays_nothing(asked.order)


async def _no_builder(scene: Scene) -> None:
    gus = scene.person("gus")
    before = len(scene.told("gus"))
    await scene.act("gus", "types /signoff register", gus.command("/signoff register"))
    await scene.answered("gus", before, "Only builders may register workflows here")
    scene.teller.claim("no form opened", gus.modal is None, instead=gus.modal)


CHAPTERS = (rejected, expired, raced, refused)
