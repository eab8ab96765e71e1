"""Deciding in messages and modals, over signed HTTP and over a socket."""

from __future__ import annotations

from engine.model import RequestState, RunStatus
from tests.slack.stage import Stage, buttons, copy_of, fine, words


async def test_one_click_approves_and_both_copies_change(on: Stage) -> None:
    run = await on.asked()
    ada, ben = on.person("ada"), on.person("ben")
    assert buttons(copy_of(ada)) == ["Approve", "Edit", "Reject"]
    fine(await ada.click("Approve"))
    assert await on.state(run) is RequestState.APPROVED
    await on.afterwards()
    assert "Approved by Ada Approver" in words(copy_of(ada))
    assert buttons(copy_of(ben)) == ["Approve", "Edit", "Reject"]
    await on.settle()
    for person in ada, ben:
        assert buttons(copy_of(person)) == []
        assert "Approved by Ada Approver" in words(copy_of(person))
        assert not person.troubles
    assert (await on.view(run)).status is RunStatus.SUCCEEDED
