"""The page that passes a request on to another person."""

from __future__ import annotations

from bot.email import view
from engine.domain import DeliveryKind
from tests.support.web_env import ADA, BEN, Answer, Browser, WebEnv, email_workflow

OWNER = "sam@example.com"
STRICT = "      exclude: [requester]"


async def pass_on(browser: Browser, request: str, **typed: str) -> Answer:
    page = await browser.get(f"/pass-on/{request}")
    (form,) = page.page.forms
    return await browser.post(form.action, form.with_(**typed), kind=form.kind)


async def test_an_approver_passes_a_request_on_after_signing_in(env: WebEnv) -> None:
    request = await env.request_approval()
    visitor, page = await env.open_link()
    assert f"/pass-on/{request.id}" in page.page.links
    refused = await visitor.get(f"/pass-on/{request.id}")
    assert (refused.status, refused.page.headings) == (403, ["Sign in to pass this on"])
    ada = await env.sign_in()
    wrong = await pass_on(ada, request.id, to="sam", reason="on holiday")
    assert wrong.status == 422
    assert "on holiday" in wrong.text
    assert wrong.page.ids["to"]["aria-describedby"] == "to-error"
    assert "#to" in wrong.page.links
    taken = await pass_on(ada, request.id, to=BEN, reason="on holiday")
    assert f"{BEN} already decides this request. Choose another person." in taken.page.text
    unexplained = await pass_on(ada, request.id, to=OWNER)
    assert "Please say why you pass this on." in unexplained.page.text
    assert unexplained.page.ids["reason"]["aria-describedby"] == "reason-error"
    done = await pass_on(ada, request.id, to=OWNER, reason="on holiday")
    assert done.page.headings == [f"{OWNER} decides in your place"]
    again = await ada.get(f"/pass-on/{request.id}")
    assert (again.status, again.page.headings) == (409, ["This cannot be passed on"])
    await env.engine_env.settle()
    assert env.engine_env.mail.to(OWNER, DeliveryKind.REQUEST)
    mine = await ada.get(f"/review/{request.id}")
    assert mine.page.text.count(f"{OWNER} decides in your place.") == 1
    assert not any(button[0] == "verdict" and button[2] for button in mine.page.form.buttons)


async def test_the_owner_chooses_whose_place_it_is(env: WebEnv) -> None:
    request = await env.request_approval()
    owner = await env.sign_in(OWNER)
    ben = next(row.person.id for row in request.approvers if row.person.email == BEN)
    done = await pass_on(owner, request.id, to="new@example.com", reason="on holiday", place=ben)
    assert done.page.headings == ["new@example.com decides now"]
    asked = [row.person.email for row in (await env.reload(request)).model.eligible]
    assert asked == [ADA, "new@example.com"]


async def test_other_people_cannot_pass_it_on(env: WebEnv) -> None:
    request = await env.request_approval()
    stranger = await env.sign_in("ann@example.com")
    answers = [await stranger.get(f"/pass-on/{one}") for one in (request.id, "none")]
    assert [answer.status for answer in answers] == [403, 403]
    assert answers[0].text == answers[1].text, "they do not learn whether it exists"


async def test_the_alert_to_the_owner_has_the_address_of_the_page(env: WebEnv) -> None:
    source = email_workflow(STRICT).replace("[ada@example.com, ben@example.com]", "[ann@example.com]")
    request = await env.request_approval(source=source.replace(OWNER, "ann@example.com"))
    (alert,) = [card for card in env.engine_env.mail.to("ann@example.com", DeliveryKind.ALERT) if card.digest]
    shown = view.shown(alert, public_url=env.url)
    assert (shown.link, shown.button) == (f"{env.url}/pass-on/{request.id}", "Pass on")
    owner = await env.sign_in("ann@example.com")
    done = await pass_on(owner, request.id, to=BEN, reason="I started it")
    assert done.page.headings == [f"{BEN} decides now"]
    assert [row.person.email for row in (await env.reload(request)).model.eligible] == [BEN]
