"""The page that undoes an approval, over HTTP: for who approved, for the owner, and by a link alone."""

from __future__ import annotations

from bot.email import view
from engine.domain import DeliveryKind, RequestState, RunStatus
from engine.read_models import RequestView
from tests.support.web_env import ADA, BEN, Answer, Browser, WebEnv

HELD = "      hold: 10m\n"
OWNER = "sam@example.com"


async def approved(env: WebEnv, keys: str = HELD) -> tuple[Browser, RequestView]:
    request = await env.request_approval(keys)
    browser = await env.sign_in(ADA)
    page = await browser.get(f"/review/{request.id}")
    await browser.send(page.page.form)
    await env.engine_env.settle()
    return browser, request


async def press(env: WebEnv, browser: Browser, request: RequestView) -> Answer:
    env.engine_env.pass_time(seconds=1)
    form = (await browser.get(f"/review/{request.id}/undo")).page.form
    return await browser.post(form.action, form.with_(), kind=form.kind)


async def states(env: WebEnv, request: RequestView) -> list[RequestState]:
    await env.engine_env.settle()
    return [one.model.state for one in await env.engine_env.engine.requests_of_run(request.run)]


async def test_the_receipt_leads_to_a_page_that_undoes_nothing_until_its_button_is_pressed(env: WebEnv) -> None:
    browser, request = await approved(env)
    receipt = await browser.get(f"/review/{request.id}")
    assert "You approved this" in receipt.page.text
    assert "unless undone." in receipt.page.text
    assert f"/review/{request.id}/undo" in receipt.page.links
    for _ in range(3):
        asked = await browser.get(f"/review/{request.id}/undo")
    assert asked.page.headings == ["Undo the approval"]
    forged = await browser.post(asked.page.form.action, [], kind=asked.page.form.kind)
    assert forged.status == 422
    assert await states(env, request) == [RequestState.APPROVED]
    done = await press(env, browser, request)
    assert "You undid the approval" in done.page.text
    assert "Everyone is asked again." in done.page.text
    assert await states(env, request) == [RequestState.UNDONE, RequestState.PENDING]
    again = await browser.post(asked.page.form.action, asked.page.form.with_(), kind=asked.page.form.kind)
    assert (again.status, "You already undid the approval" in again.page.text) == (409, True)
    env.engine_env.pass_time(hours=1)
    assert await states(env, request) == [RequestState.UNDONE, RequestState.PENDING]
    assert env.engine_env.step.calls == []


async def test_the_owner_undoes_it_from_the_page_of_the_request_and_others_do_not(env: WebEnv) -> None:
    _, request = await approved(env)
    path = f"/review/{request.id}/undo"
    ben = await env.sign_in(BEN)
    assert path not in (await ben.get(f"/review/{request.id}")).page.links
    assert "Undo the approval" not in (await ben.get(path)).page.text
    ann = await env.sign_in("ann@example.com")
    assert "Undo the approval" not in (await ann.get(path)).page.text
    assert "Undo the approval" not in (await env.browser().get(path)).page.text
    owner = await env.sign_in(OWNER)
    assert path in (await owner.get(f"/requests/{request.id}")).page.links
    assert path in (await owner.get("/inbox?part=all")).page.links
    done = await press(env, owner, request)
    assert "You undid the approval" in done.page.text
    assert await states(env, request) == [RequestState.UNDONE, RequestState.PENDING]
    assert "Undone by sam@example.com" in (await owner.get(f"/runs/{request.run}")).page.text


async def test_a_link_alone_undoes_nothing_and_leads_to_a_code_first(env: WebEnv) -> None:
    _, request = await approved(env)
    window, page = await env.open_link(ADA)
    assert f"/review/{request.id}/undo" in page.page.links
    at_code = await press(env, window, request)
    assert "code" in at_code.page.text
    assert await states(env, request) == [RequestState.APPROVED]
    back = await env.enter_code(window, at_code)
    assert f"/review/{request.id}/undo" in back.page.links
    await press(env, window, request)
    assert await states(env, request) == [RequestState.UNDONE, RequestState.PENDING]


async def test_where_the_gate_takes_a_link_it_is_enough_after_a_press(env: WebEnv) -> None:
    request = await env.request_approval(f"{HELD}      assurance: link\n")
    window, page = await env.open_link(ADA)
    await window.send(page.page.form)
    await press(env, window, request)
    assert await states(env, request) == [RequestState.UNDONE, RequestState.PENDING]


async def test_the_email_says_when_it_starts_and_leads_to_the_page_and_the_next_one_says_why(env: WebEnv) -> None:
    browser, request = await approved(env)
    mail = env.engine_env.mail
    closed, of_ben = (mail.channel.of(address)[0].cards[-1] for address in (ADA, BEN))
    shown = view.shown(closed, public_url="https://example.com")
    assert (shown.button, shown.link) == ("See it, or undo it", f"https://example.com/review/{request.id}")
    assert view.shown(of_ben, public_url="https://example.com").link is None
    await press(env, browser, request)
    await env.engine_env.settle()
    again = mail.to(BEN, DeliveryKind.REQUEST)[-1]
    assert again.outcome is None
    assert any(note.label == "Asked again" for note in again.notes)


async def test_after_the_hold_the_page_says_what_became_of_it(env: WebEnv) -> None:
    browser, request = await approved(env)
    form = (await browser.get(f"/review/{request.id}/undo")).page.form
    env.engine_env.pass_time(minutes=10)
    await env.engine_env.settle()
    late = await browser.post(form.action, form.with_(), kind=form.kind)
    assert (late.status, "It is too late to undo this." in late.page.text) == (409, True)
    receipt = await browser.get(f"/review/{request.id}/undo")
    assert "unless undone" not in receipt.page.text
    assert f"/review/{request.id}/undo" not in receipt.page.links
    assert (await env.engine_env.view(request.run)).status is RunStatus.SUCCEEDED
