"""The first chapters: the workflow is registered, a small refund is paid, a large one is changed and approved."""

from __future__ import annotations

from typing import Any

from bot.devtools.demo import templates, visible_text
from bot.devtools.demo.narration import Broken
from bot.devtools.demo.scene import APPROVERS, EDIT, NAMES, PLACE, Scene
from bot.devtools.demo.workflows import refund
from bot.devtools.sandbox import NotSubmitted
from engine.domain import NotFound, RunStatus


async def registers(scene: Scene) -> None:
    """Cleo registers the workflow, with a slip of the pen at first."""
    scene.teller.chapter("cleo registers a workflow")
    text = refund(scene.stage.payments.url)
    slip = templates.changed(text, "approve_label:", "aprove_label:")
    line = slip[: slip.index("aprove_label:")].count("\n") + 1
    await opens_register(scene)
    cleo = scene.person("cleo")
    await scene.act(
        "cleo", f"pastes refund.yaml with a slip in line {line}: aprove_label", cleo.submit({"Workflow file": slip})
    )
    said = _under(cleo.modal)
    scene.teller.line("cleo", f"sees under it “{said}”")
    scene.teller.claim(
        "the error names the line and the right word",
        f"line {line}," in said and "`approve_label`" in said,
        instead=said,
    )
    found = await scene.stage.app.engine.workflow("refund")
    scene.teller.claim("nothing is registered yet", isinstance(found, NotFound), instead=found)
    await sends_workflow(scene, "mends it, and sends it again", text)


def _asked(name: str) -> str:
    """How the answer puts somebody: by name, or by the address of whoever has none in Slack."""
    return f"{name} (not in Slack, asked by email)" if "@" in name else f"({name})"


async def opens_register(scene: Scene) -> None:
    """Cleo opens the form for workflows."""
    acting = scene.person("cleo").command("/signoff register", channel=PLACE)
    await scene.opens("cleo", "types /signoff register", acting, title="Register a workflow")


async def sends_workflow(scene: Scene, said: str, text: str, *asked: str) -> None:
    """Cleo sends the form, and sees what she registered. `asked`: whom it will ask; default: ada and ben."""
    *some, last = names = asked or tuple(NAMES[one] for one in APPROVERS)
    cleo = scene.person("cleo")
    await scene.act("cleo", said, cleo.submit({"Workflow file": text}))
    answer = visible_text.words((cleo.modal or {}).get("blocks"))
    shown = "is registered as version 1."
    scene.teller.line("cleo", f"sees “{answer[: answer.find(shown)]}{shown}”")
    scene.teller.claim(
        f"it is registered, and will ask {', '.join(some)} and {last} above 100 EUR and for VIPs",
        all(one in answer for one in (shown, *map(_asked, names), "> 100 or inputs.vip")),
        instead=answer,
    )
    await cleo.close()


def _under(modal: dict[str, Any] | None) -> str:
    return " ".join((modal or {}).get("errors", {}).values())


async def small(scene: Scene) -> None:
    """Below the limit nobody is asked."""
    scene.teller.chapter("cleo refunds 40 EUR: below the limit, nobody is asked")
    run = await scene.runs("refund", "A-1001", amount="40", why="Arrived late")
    await scene.ends(run, RunStatus.SUCCEEDED, "Refund a customer: done")
    scene.pays_once(run, "A-1001", "40 EUR")
    asked = await scene.stage.app.engine.requests_of_run(run)
    copies = [name for name in APPROVERS if scene.copy(name, "A-1001")]
    scene.teller.claim("nobody was asked", not asked and not copies, instead=asked or copies)


async def edited(scene: Scene) -> None:
    """Above the limit both approvers are asked; ada changes the amount and approves."""
    scene.teller.chapter("cleo refunds 120 EUR: ada changes it to 95 and approves")
    order = "A-1002"
    asked = await scene.asks(await _by_form(scene, order), order)
    ada = scene.person("ada")
    acting = ada.click(EDIT, on=asked.copies["ada"])
    await scene.opens("ada", f"clicks [{EDIT}]", acting, title="Edit, then approve")
    await _refused(scene, amount="0")
    await scene.act("ada", "changes it to 95, and sends it", ada.submit({"Amount (EUR)": "95"}))
    for name in "ada", "ben":
        await scene.closes(name, order, "Approved with edits by Ada Approver", "120 EUR → 95 EUR")
    await scene.ends(asked.run, RunStatus.SUCCEEDED, "Refund a customer: done")
    scene.pays_once(asked.run, order, "95 EUR")


async def _by_form(scene: Scene, order: str) -> str:
    cleo = scene.person("cleo")
    acting = cleo.command("/signoff run refund", channel=PLACE)
    await scene.opens("cleo", "types /signoff run refund", acting, title="Refund a customer")
    values = {
        "Order number": order,
        "Amount (EUR)": "120",
        "Why": "Arrived broken",
    }
    await scene.act("cleo", f"fills the form in: order {order}, 120 EUR, “Arrived broken”", cleo.submit(values))
    run = scene.started(visible_text.words((cleo.modal or {}).get("blocks")))
    await cleo.close()
    return run


async def _refused(scene: Scene, *, amount: str) -> None:
    """The form carries the bounds of the workflow, so Slack itself keeps a wrong amount from being sent."""
    ada, sent = scene.person("ada"), len(scene.stage.slack.deliveries)
    scene.teller.line("ada", f"changes the amount to {amount}, and sends the form")
    try:
        await ada.submit({"Amount (EUR)": amount})
    except NotSubmitted as error:
        (said,) = error.problems.values()
    else:
        raise Broken(f"{amount} EUR is refused", "the form was taken")
    scene.teller.line("ada", f"sees under the amount “{said}”")
    scene.teller.claim(
        "the form stays open with the workflow’s own limit, and nothing was sent",
        "at least 0.01" in said and ada.modal is not None and len(scene.stage.slack.deliveries) == sent,
        instead=said,
    )


CHAPTERS = (registers, small, edited)
