"""What people do who do not read, do not wait, and do not mean well: over signed HTTP and over a socket."""

from __future__ import annotations

from engine.model import RunStatus
from tests.slack.stage import Stage, buttons, fine, whispered, words
from tests.slack.test_trouble import parked

# -- what became of a step ----------------------------------------------------------------------------------


async def test_an_answer_counts_for_the_call_that_was_asked_about_and_for_no_later_one(on: Stage) -> None:
    run = await parked(on)
    cleo = on.person("cleo")
    old = cleo.sees()[-1]
    fine(await cleo.click("Repeat", on=old))
    await on.settle()
    assert (await on.view(run)).status is RunStatus.NEEDS_ATTENTION
    for answer in "Repeat", "Done", "Stop":
        fine(await cleo.click(answer, on=old, stale=True))
        await on.settle()
        assert "was answered already" in whispered(on.slack, cleo)[-1]
    assert len(on.bot.step.calls) == 2
    assert (await on.view(run)).status is RunStatus.NEEDS_ATTENTION
    asked, asks = (one for one in cleo.sees() if "did the step happen?" in words(one["blocks"]))
    assert "This was answered" in words(asked)
    assert buttons(asked) == []
    fine(await cleo.click("Done", on=asks))
    await on.settle()
    assert (await on.view(run)).status is RunStatus.SUCCEEDED
