"""Requests that several people approve, on their pages, over real HTTP."""

from __future__ import annotations

import pytest

from bot.email import view
from bot.web import live_updates
from engine.domain import DeliveryKind, RequestState
from tests.integration.web.test_live_updates import next_update, open_stream
from tests.support.web_env import ADA, BEN, EMAIL_WORKFLOW, Answer, WebEnv

MIA = "mia@example.com"
BY_LINK = "      assurance: link\n"
BOTH = f"{BY_LINK}      policy: all\n"
THREE = EMAIL_WORKFLOW.replace(
    "[ada@example.com, ben@example.com]", "[ada@example.com, ben@example.com, mia@example.com]"
)
QUORUM = THREE.replace("KEYS", f"{BY_LINK}      policy: {{quorum: 2}}")
CHAIN = EMAIL_WORKFLOW.replace(
    "approvers: [ada@example.com, ben@example.com]",
    "policy: {chain: [[ada@example.com, ben@example.com], [mia@example.com]]}",
).replace("KEYS", BY_LINK)


def buttons(answer: Answer) -> list[str]:
    """Return the buttons that decide."""
    return [label for label in ("Send email", "Hold it back") if f">{label}</button>" in answer.text]


async def approve(env: WebEnv, address: str = ADA) -> Answer:
    browser, page = await env.open_link(address)
    return await browser.send(page.page.form)


async def test_one_who_approved_reads_a_receipt_and_can_only_reject(env: WebEnv) -> None:
    request = await env.request_approval(source=QUORUM)
    ada, page = await env.open_link()
    assert "2 of 3 have to approve." in page.page.text
    receipt = await ada.send(page.page.form)
    assert (receipt.status, receipt.path) == (200, f"/review/{request.id}")
    assert (await env.reload(request)).model.state is RequestState.PENDING
    text = receipt.page.text
    assert "Your approval was saved" in text
    assert "You approved this, Mar 2, 2026, 9:00 AM UTC. 1 of 2 approvals so far." in text
    assert f"Waiting for {BEN} or {MIA}." in text
    assert buttons(receipt) == ["Hold it back"]
    # The same form once more is the same approval.
    again = await ada.send(page.page.form)
    assert (again.status, again.path) == (200, f"/review/{request.id}")
    rejected = await ada.send(receipt.page.form, "reject", reason="Too early.")
    assert "ada@example.com rejected this, " in rejected.page.text
    assert (await env.reload(request)).model.state is RequestState.REJECTED


async def test_a_second_form_of_one_who_approved_is_answered_with_who_is_missing(env: WebEnv) -> None:
    await env.request_approval(BOTH)
    ada, first = await env.open_link()
    second = await ada.get(first.path)
    await ada.send(first.page.form)
    answer = await ada.send(second.page.form)
    assert answer.status == 409
    assert f"You already approved this, Mar 2, 2026, 9:00 AM UTC. Waiting for {BEN}." in answer.page.text


async def test_the_last_approval_shows_all_who_approved(env: WebEnv) -> None:
    request = await env.request_approval(BOTH)
    await approve(env, ADA)
    env.engine_env.pass_time(minutes=5)
    ben, page = await env.open_link(BEN)
    assert "1 of 2: ada@example.com approved, Mar 2, 2026, 9:00 AM UTC. Waiting for you." in page.page.text
    assert buttons(page) == ["Send email", "Hold it back"]
    assert "Mar 2, 2026, 9:00 AM UTC ada@example.com approved it." in page.page.text
    closed = await ben.send(page.page.form)
    assert "ada@example.com and ben@example.com approved this, " in closed.page.text
    assert (await env.reload(request)).model.state is RequestState.APPROVED
    # A link may be in the hands of any person; one who signed in reads what is theirs.
    signed_in = await env.sign_in(ADA)
    assert "You and ben@example.com approved this, " in (await signed_in.get(closed.path)).page.text


async def test_a_chain_shows_whose_turn_it_is(env: WebEnv) -> None:
    request = await env.request_approval(source=CHAIN)
    mia = await env.sign_in(MIA)
    early = await mia.get(f"/review/{request.id}")
    text = early.page.text
    assert f"First {ADA} or {BEN}, then you. You are asked after them." in text
    assert buttons(early) == []
    ben, page = await env.open_link(BEN)
    await approve(env, ADA)
    await env.engine_env.settle()
    # It is his turn no more.
    assert buttons(await ben.get(page.path)) == []
    refused = await ben.send(page.page.form)
    assert refused.status == 409
    assert f"{ADA} already approved this, so you don't need to. Waiting for {MIA}." in refused.page.text
    (mail,) = env.engine_env.mail.to(MIA, DeliveryKind.REQUEST)
    assert mail.lead[-1] == ("Waiting for you.",)
    now = await mia.get(f"/review/{request.id}")
    assert buttons(now) == ["Send email", "Hold it back"]
    await mia.send(now.page.form)
    assert (await env.reload(request)).model.state is RequestState.APPROVED


async def test_a_form_from_before_an_edit_shows_what_is_different(env: WebEnv) -> None:
    request = await env.request_approval(BOTH)
    ben, before = await env.open_link(BEN)
    ada, page = await env.open_link(ADA)
    name = next(name for name, _ in page.page.form.fields if name.startswith("f-"))
    receipt = await ada.send(page.page.form, typed={name: "Dear Kim,\r\nit is done."})
    assert "Your approval was saved" in receipt.page.text
    stale = await ben.send(before.page.form)
    assert stale.status == 409
    assert "This request has changed since you opened it." in stale.page.text
    assert "What is different now" in stale.page.text
    assert "ada@example.com changed “Text”, " in stale.page.text
    assert "ada@example.com changed the content." in stale.page.text
    assert (await env.reload(request)).model.state is RequestState.PENDING
    env.engine_env.pass_time(minutes=5)
    closed = await ben.send(stale.page.form)
    assert "ada@example.com and ben@example.com approved this with edits, " in closed.page.text
    assert "What was changed" in closed.page.text


async def test_an_open_page_learns_of_the_votes_of_others(env: WebEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_updates, "EVERY", 0.02)
    await env.request_approval(source=QUORUM)
    ben, page = await env.open_link(BEN)
    async with open_stream(env, ben, page.path) as stream:
        first = await next_update(stream)
        await approve(env, ADA)
        now = await next_update(stream)
        assert (now["state"], now["digest"]) == ("pending", first["digest"])
        assert now["mark"] != first["mark"]
    # The script takes these parts of the page as it is now.
    renewed = (await ben.get(page.path)).text
    assert f'data-mark="{now["mark"]}"' in renewed
    assert "1 of 2: ada@example.com approved, " in renewed


async def test_the_inbox_lists_what_waits_for_a_person_now(env: WebEnv) -> None:
    await env.request_approval(source=QUORUM)
    await approve(env, ADA)
    assert "1 of 2 approvals." in (await (await env.sign_in(BEN)).get("/inbox")).page.text
    assert "No request is waiting for you" in (await (await env.sign_in(ADA)).get("/inbox")).page.text


async def test_one_whose_approval_was_voided_sees_what_is_different_from_what_they_approved(env: WebEnv) -> None:
    await env.request_approval(source=THREE.replace("KEYS", f"{BY_LINK}      policy: all"))
    mia, page = await env.open_link(MIA)
    name = next(name for name, _ in page.page.form.fields if name.startswith("f-"))
    await mia.send(page.page.form, typed={name: "Dear Kim,\r\nyour refund is near."})
    await approve(env, ADA)
    ben, page = await env.open_link(BEN)
    await ben.send(page.page.form, typed={name: "Dear Kim,\r\nit is near."})
    await env.engine_env.settle()
    (mail,) = [card for card in env.engine_env.mail.to(ADA, DeliveryKind.ALERT) if card.topic == "voided"]
    assert mail.title == "ben@example.com changed what you approved: Send this to Kim?"
    (value,) = mail.values
    assert (value.before, value.text) == ("Dear Kim,\nyour refund is near.", "Dear Kim,\nit is near.")
    # Mia approved the wording that she wrote, and not the one that was asked.
    (mail,) = [card for card in env.engine_env.mail.to(MIA, DeliveryKind.ALERT) if card.topic == "voided"]
    assert mail.values == (value,)
    # Their page shows the same. Ben, who approves his own wording, has nothing to compare.
    ada, page = await env.open_link(ADA)
    assert "What is different from what you approved" in page.page.text
    assert (page.page.removed, page.page.added) == (["your refund"], ["it"])
    assert buttons(page) == ["Send email", "Hold it back"]
    assert "What is different" not in (await ben.get(page.path)).page.text
    receipt = await ada.send(page.page.form)
    assert "Your approval was saved" in receipt.page.text
    assert "What is different" not in receipt.page.text
    assert "You can still reject it while it waits." in receipt.page.text
    # Then the message asks nothing more of them.
    await env.engine_env.settle()
    answered = env.engine_env.mail.channel.of(ADA)[-1].cards[-1]
    assert (answered.topic, view.shown(answered, public_url=env.url).link) == ("voided", None)


FORM = """\
name: outreach
owner: sam@example.com
steps:
  - id: details
    uses: form
    title: Which account?
    fields:
      account: {type: text, label: Account}
    assurance: link
    KEYS
"""


@pytest.mark.parametrize(
    "keys",
    [
        "approvers: [ada@example.com, ben@example.com]\n    policy: all",
        "policy: {chain: [[ada@example.com], [ben@example.com]]}",
    ],
)
async def test_a_form_that_several_people_fill_in(env: WebEnv, keys: str) -> None:
    request = await env.request_approval(source=FORM.replace("KEYS", keys))
    ada, page = await env.open_link()
    (name,) = [name for name, _ in page.page.form.fields if name.startswith("f-")]
    empty = await ada.send(page.page.form)
    assert empty.status == 422
    await ada.send(page.page.form, typed={name: "12"})
    await env.engine_env.settle()
    ben, page = await env.open_link(BEN)
    assert dict(page.page.form.fields)[name] == "12"
    assert "1 of 2: ada@example.com approved" in page.page.text
    await ben.send(page.page.form, typed={name: "34"})
    await env.engine_env.settle()
    model = (await env.reload(request)).model
    is_chain = "chain" in keys
    # A change asks the first group of a chain again.
    assert [vote.person.label for vote in model.votes] == ([] if is_chain else [BEN])
    page = await ada.get(f"/review/{request.id}")
    assert dict(page.page.form.fields)[name] == "34"
    await ada.send(page.page.form)
    if is_chain:
        await ben.send((await ben.get(f"/review/{request.id}")).page.form)
    assert (await env.reload(request)).model.state is RequestState.APPROVED
    await env.engine_env.settle()
    assert (await env.engine_env.view(request.run)).steps[0].output == {"account": "34"}
