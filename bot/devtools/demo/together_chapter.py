"""A refund that needs two approvals: one approver asks a question, and one corrects what the other has approved."""

from __future__ import annotations

from typing import Final

from bot.devtools.demo import templates, visible_text
from bot.devtools.demo.first_chapters import open_register_modal, submit_workflow
from bot.devtools.demo.scene import EDIT, PAY, Scene, ShownRequest
from bot.devtools.demo.workflows import refund
from engine.domain import RequestState, RunStatus

_NAME: Final = "refund-together"
_ORDER: Final = "A-1008"
_DECIDE_COMMENT: Final = "# any one of them decides"
_ASK: Final = "Ask"
_QUESTION: Final = "Is the whole order broken?"
_ANSWER: Final = "No, one cup of six."


async def decide_together(scene: Scene) -> None:
    """Approve as ada, ask and edit as ben, and approve again as ada."""
    scene.narrator.chapter("cleo refunds 300 EUR by a workflow that needs two approvals: ada and ben decide together")
    request = await _request_two_approvals(scene)
    await _click(scene, "ada", PAY)
    await _expect_progress(scene, "ben", "1 of 2: Ada Approver approved", "Waiting for you.")
    await _expect_open(scene, request, "one approval of two pays nothing")
    await _ask_and_answer(scene)
    await _edit(scene)
    await _expect_void(scene, request)
    await _click(scene, "ada", PAY)
    for name in request.copies:
        await scene.expect_closed(
            name, _ORDER, "Approved with edits by Ben Approver and Ada Approver", "300.00 EUR → 250.00 EUR"
        )
    await scene.expect_end(
        request.run, RunStatus.SUCCEEDED, f"Done: Refund 250.00 EUR (was 300.00 EUR) for order {_ORDER}"
    )
    scene.expect_paid_once(request.run, _ORDER, "250 EUR")


async def _request_two_approvals(scene: Scene) -> ShownRequest:
    """Register the ready-made workflow with a quorum of two, and start a run."""
    text = templates.replace_once(refund(scene.env.payments.url), "name: refund\n", f"name: {_NAME}\n")
    text = templates.replace_once(text, _DECIDE_COMMENT, "\n      policy: {quorum: 2}")
    await open_register_modal(scene)
    await submit_workflow(scene, f"pastes refund.yaml under the name {_NAME}, with policy: {{quorum: 2}}", text)
    request = await scene.request_refund(_NAME, _ORDER, amount="300", why="Arrived broken")
    await _expect_progress(scene, "ada", "Both have to approve.")
    return request


async def _click(scene: Scene, name: str, button: str) -> None:
    """Click a button on a person's present copy."""
    act = scene.person(name).click(button, on=scene.copy(name, _ORDER))
    await scene.act(name, f"clicks [{button}]", act)


async def _expect_progress(scene: Scene, name: str, *texts: str) -> None:
    """Wait until a person's copy has all these texts, and can still be decided."""

    def look() -> bool:
        copy = scene.copy(name, _ORDER) or {}
        words = visible_text.words(copy)
        return all(text in words for text in texts) and PAY in visible_text.decision_buttons(copy)

    await scene.narrator.expect(
        f"{name}’s copy says “{' … '.join(texts)}”, and has its buttons",
        look,
        actual=lambda: f"“{visible_text.words(scene.copy(name, _ORDER) or {})}”",
    )


async def _expect_open(scene: Scene, request: ShownRequest, claim: str) -> None:
    (view,) = await scene.env.app.engine.requests_of_run(request.run)
    state, paid = view.model.state, scene.paid(_ORDER)
    scene.narrator.claim(claim, state is RequestState.PENDING and not paid, actual=f"it is {state}, paid: {paid}")


async def _ask_and_answer(scene: Scene) -> None:
    """Ask cleo a question as ben, and answer it."""
    ben, cleo = scene.person("ben"), scene.person("cleo")
    act = ben.click(_ASK, on=scene.copy("ben", _ORDER))
    await scene.open_modal("ben", f"clicks [{_ASK}]", act, title="Ask a question")
    await scene.act("ben", f"writes “{_QUESTION}”, and sends it", ben.submit({"Your question": _QUESTION}))
    asked = await _expect_message(
        scene, "cleo", f"Ben Approver has a question about “Refund 300.00 EUR for order {_ORDER}?”"
    )
    await scene.open_modal("cleo", "clicks [Answer]", cleo.click("Answer", on=asked), title="Answer")
    await scene.act("cleo", f"writes “{_ANSWER}”, and sends it", cleo.submit({"Your answer": _ANSWER}))
    await _expect_message(scene, "ben", "Cleo Builder answered your question")
    await _expect_progress(scene, "ben", _QUESTION, _ANSWER)


async def _expect_message(scene: Scene, name: str, text: str) -> dict[str, object]:
    """Wait until a person gets a message with this text, and return it."""
    return await scene.narrator.expect(
        f"{name} gets the message “{text}”",
        lambda: next((seen for seen in scene.person(name).sees() if text in visible_text.words(seen)), None),
    )


async def _edit(scene: Scene) -> None:
    ben = scene.person("ben")
    act = ben.click(EDIT, on=scene.copy("ben", _ORDER))
    await scene.open_modal("ben", f"clicks [{EDIT}]", act, title="Edit, then approve")
    await scene.act("ben", "changes it to 250, and sends it", ben.submit({"Amount (EUR)": "250"}))


async def _expect_void(scene: Scene, request: ShownRequest) -> None:
    """Check that ada's approval does not count for other content, and that she is told."""
    await _expect_message(scene, "ada", "Ben Approver changed what you approved")
    await _expect_progress(scene, "ada", "1 of 2: Ben Approver approved", "300.00 EUR → 250.00 EUR")
    await _expect_open(scene, request, "ada approved 300 EUR, which does not count for 250")


CHAPTERS = (decide_together,)
