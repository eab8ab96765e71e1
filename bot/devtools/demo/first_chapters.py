"""The first chapters: registering the workflow, a refund below the limit, and one that is edited and approved."""

from __future__ import annotations

from typing import Any

from bot.devtools.demo import templates
from bot.devtools.demo.narration import ClaimFailed
from bot.devtools.demo.scene import APPROVERS, CHANNEL, EDIT, NAMES, Scene
from bot.devtools.demo.workflows import refund
from bot.devtools.sandbox import NotSubmitted
from engine.domain import NotFound, RunStatus


async def register_workflow(scene: Scene) -> None:
    """Register the workflow as cleo, with a typing error at first."""
    scene.narrator.chapter("cleo registers a workflow")
    text = refund(scene.env.payments.url)
    wrong_text = templates.replace_once(text, "approve_label:", "aprove_label:")
    line = wrong_text[: wrong_text.index("aprove_label:")].count("\n") + 1
    await open_register_modal(scene)
    cleo = scene.person("cleo")
    await scene.act(
        "cleo",
        f"pastes refund.yaml with a typing error in line {line}: aprove_label",
        cleo.submit({"Workflow file": wrong_text}),
    )
    errors = _error_texts(cleo.modal)
    scene.narrator.line("cleo", f"sees under it “{errors}”")
    scene.narrator.claim(
        "the error names the line and the right word",
        f"Line {line}," in errors and "`approve_label`" in errors,
        actual=errors,
    )
    registered = await scene.env.app.engine.workflow("refund")
    scene.narrator.claim("nothing is registered yet", isinstance(registered, NotFound), actual=registered)
    await submit_workflow(scene, "fixes it, and sends it again", text)


def _approver_text(name: str) -> str:
    """Return the text for an approver: a name in Slack, or an email address."""
    return f"{name} (not in Slack, asked by email)" if "@" in name else name


async def open_register_modal(scene: Scene) -> None:
    """Open the form that registers workflows, as cleo."""
    act = scene.person("cleo").command("/signoff register", channel=CHANNEL)
    await scene.open_modal("cleo", "types /signoff register", act, title="Register a workflow")


async def submit_workflow(scene: Scene, description: str, text: str, *approvers: str) -> None:
    """Submit the form as cleo, and check the reply. `approvers`: names in the reply; default: ada and ben."""
    *others, last = names = approvers or tuple(NAMES[approver] for approver in APPROVERS)
    before = len(scene.ephemeral_texts("cleo"))
    await scene.act("cleo", description, scene.person("cleo").submit({"Workflow file": text}))
    reply = await scene.expect_answer(before)
    scene.narrator.claim(
        f"it is registered, and will ask {', '.join(others)} and {last} above 100 EUR and for VIPs",
        all(part in reply for part in ("Registered ", *map(_approver_text, names), "is above 100 EUR or “VIP” is yes")),
        actual=reply,
    )


def _error_texts(modal: dict[str, Any] | None) -> str:
    return " ".join((modal or {}).get("errors", {}).values())


async def refund_below_limit(scene: Scene) -> None:
    """Refund an amount below the limit, for which the gate does not open."""
    scene.narrator.chapter("cleo refunds 40 EUR: below the limit, no one is asked")
    run = await scene.start_run("refund", "A-1001", amount="40", why="Arrived late")
    await scene.expect_end(run, RunStatus.SUCCEEDED, "Done: Refund a customer")
    scene.expect_paid_once(run, "A-1001", "40 EUR")
    requests = await scene.env.app.engine.requests_of_run(run)
    copies = [name for name in APPROVERS if scene.copy(name, "A-1001")]
    scene.narrator.claim("no one was asked", not requests and not copies, actual=requests or copies)


async def approve_with_edits(scene: Scene) -> None:
    """Refund an amount above the limit, which ada edits and approves."""
    scene.narrator.chapter("cleo refunds 120 EUR: ada changes it to 95 and approves")
    order = "A-1002"
    request = await scene.expect_request(await _start_with_form(scene, order), order)
    ada = scene.person("ada")
    act = ada.click(EDIT, on=scene.copy("ada", order))
    await scene.open_modal("ada", f"clicks [{EDIT}]", act, title="Edit, then approve")
    await _expect_refused(scene, amount="0")
    await scene.act("ada", "changes it to 95, and sends it", ada.submit({"Amount (EUR)": "95"}))
    for name in "ada", "ben":
        await scene.expect_closed(name, order, "Approved with edits by Ada Approver", "120.00 EUR → 95.00 EUR")
    await scene.expect_end(
        request.run, RunStatus.SUCCEEDED, f"Done: Refund 95.00 EUR (was 120.00 EUR) for order {order}"
    )
    scene.expect_paid_once(request.run, order, "95 EUR")


async def _start_with_form(scene: Scene, order: str) -> str:
    cleo, before = scene.person("cleo"), len(scene.ephemeral_texts("cleo"))
    act = cleo.command("/signoff run refund", channel=CHANNEL)
    await scene.open_modal("cleo", "types /signoff run refund", act, title="Refund a customer")
    values = {
        "Order number": order,
        "Amount (EUR)": "120",
        "Why": "Arrived broken",
    }
    await scene.act("cleo", f"fills the form in: order {order}, 120 EUR, “Arrived broken”", cleo.submit(values))
    return await scene.expect_start(before)


async def _expect_refused(scene: Scene, *, amount: str) -> None:
    """Check that Slack itself refuses a wrong amount, because the form has the bounds of the workflow."""
    ada, deliveries = scene.person("ada"), len(scene.env.slack.deliveries)
    scene.narrator.line("ada", f"changes the amount to {amount}, and sends the form")
    try:
        await ada.submit({"Amount (EUR)": amount})
    except NotSubmitted as error:
        (problem,) = error.problems.values()
    else:
        raise ClaimFailed(f"{amount} EUR is refused", "the form was accepted")
    scene.narrator.line("ada", f"sees under the amount “{problem}”")
    scene.narrator.claim(
        "the form stays open with the workflow’s own limit, and nothing was sent",
        "at least 0.01" in problem and ada.modal is not None and len(scene.env.slack.deliveries) == deliveries,
        actual=problem,
    )


CHAPTERS = (register_workflow, refund_below_limit, approve_with_edits)
