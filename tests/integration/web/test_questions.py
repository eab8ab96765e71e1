"""Questions before a decision on pages: the form of an approver, and the page of the person who is asked."""

from __future__ import annotations

from bot.email import view
from engine.domain import Card, DeliveryKind, RequestState
from tests.support.html_forms import Form
from tests.support.web_env import ADA, BEN, Answer, Browser, WebEnv

ANN = "ann@example.com"
"""Who started the run."""
EVE = "eve@example.com"
BY_LINK = "      assurance: link\n"


def form_to(page: Answer, ending: str) -> Form:
    (form,) = [form for form in page.page.forms if form.action.endswith(ending)]
    return form


async def send(browser: Browser, form: Form, **typed: str) -> Answer:
    return await browser.post(form.action, form.with_(**typed), kind=form.kind)


def alerts(env: WebEnv, address: str) -> list[Card]:
    return env.engine_env.mail.to(address, DeliveryKind.ALERT)


async def open_question(env: WebEnv, address: str = ANN) -> tuple[Browser, Answer]:
    """Open the link of the newest email with a question."""
    await env.engine_env.settle()
    browser = env.browser()
    token = next(card.token for card in reversed(alerts(env, address)) if card.token is not None)
    return browser, await browser.get(f"/r/{token}")


async def test_an_approver_asks_and_the_requester_answers_each_after_a_code(env: WebEnv) -> None:
    request = await env.request_approval()
    browser, page = await env.open_link()
    at_code = await send(browser, form_to(page, "/ask"), question="Which <b>cost</b> centre?")
    assert at_code.path.startswith("/code/")
    again = await env.enter_code(browser, at_code)
    assert again.path == f"/review/{request.id}?typed=1"
    assert "Which &lt;b&gt;cost&lt;/b&gt; centre?" in again.text
    assert (await env.reload(request)).model.questions == ()
    asked = await send(browser, form_to(again, "/ask"))
    assert asked.status == 200
    assert "ann@example.com has been asked." in asked.page.text
    assert (
        "ada@example.com asked ann@example.com, Mar 2, 2026, 9:00 AM UTC: Which <b>cost</b> centre?" in asked.page.text
    )

    other, page = await open_question(env)
    assert page.path == f"/review/{request.id}"
    assert "ada@example.com asks you" in page.page.text
    assert [form.action.rpartition("/")[2] for form in page.page.forms] == ["answer"]
    assert not any(label in ("Send email", "Hold it back") for form in page.page.forms for *_, label in form.buttons)
    at_code = await send(other, form_to(page, "/answer"), question_answer="4711")
    assert at_code.path.startswith("/code/")
    again = await env.enter_code(other, at_code, ANN)
    assert "4711" in again.text
    answered = await send(other, form_to(again, "/answer"))
    assert "Your answer was sent. ada@example.com will read it." in answered.page.text
    (question,) = (await env.reload(request)).model.questions
    assert (question.text, question.answer) == ("Which <b>cost</b> centre?", "4711")

    await env.engine_env.settle()
    assert alerts(env, ADA)[-1].title == "ann@example.com answered your question about “Send this to Kim?”"
    _, page = await env.open_link(browser=browser)
    assert "ann@example.com answered, Mar 2, 2026, 9:00 AM UTC: 4711" in page.page.text
    decided = await browser.send(page.page.form)
    assert "You approved this" in decided.page.text


async def test_a_question_to_another_person_is_for_them_alone(env: WebEnv) -> None:
    request = await env.request_approval(BY_LINK)
    browser, page = await env.open_link()
    wrong = await send(browser, form_to(page, "/ask"), question="Why?", question_to="eve")
    assert wrong.status == 422
    assert "Not submitted yet. Please fix: The address" in " ".join(wrong.page.text.split())
    assert "Why?" in wrong.text
    empty = await send(browser, form_to(page, "/ask"), question=" ")
    assert (empty.status, "Write your question first." in empty.page.text) == (422, True)
    own = await send(browser, form_to(page, "/ask"), question="Why?", question_to=ADA)
    assert (own.status, "You cannot ask yourself." in own.page.text) == (422, True)
    await send(browser, form_to(page, "/ask"), question="Why?", question_to=EVE)
    eve, at_question = await open_question(env, EVE)
    form = form_to(at_question, "/answer")
    _, bens = await env.open_link(BEN)
    assert not [form for form in bens.page.forms if form.action.endswith("/answer")]
    refused = await send(browser, form, question_answer="Because.")
    assert refused.status == 422
    answered = await send(eve, form, question_answer="Because.")
    assert answered.status == 200
    again = await send(eve, form, question_answer="Never mind.")
    assert again.status == 409
    assert "You already answered this question" in again.page.text
    assert [question.answer for question in (await env.reload(request)).model.questions] == ["Because."]


async def test_a_person_who_is_asked_cannot_decide(env: WebEnv) -> None:
    request = await env.request_approval(BY_LINK)
    browser, page = await env.open_link()
    await send(browser, form_to(page, "/ask"), question="Why?")
    ann, at_question = await open_question(env)
    form = form_to(at_question, "/answer")
    fields = [*form.with_(content_version="1", digest=request.model.digest, verdict="approve")]
    refused = await ann.post(f"/review/{request.id}", fields, kind=form.kind)
    assert refused.status == 409
    assert "You started this, so another person decides." in refused.page.text
    assert not [name for form in refused.page.forms for name, *_ in form.buttons if name == "verdict"]
    assert (await env.reload(request)).model.state is RequestState.PENDING


async def test_the_link_of_a_question_shows_the_outcome_once_it_is_decided(env: WebEnv) -> None:
    request = await env.request_approval(BY_LINK)
    browser, page = await env.open_link()
    await send(browser, form_to(page, "/ask"), question="Why?")
    ann, at_question = await open_question(env)
    await browser.send(page.page.form)
    late = await send(ann, form_to(at_question, "/answer"), question_answer="Because.")
    assert late.status == 409
    assert "Your answer is no longer needed and was not saved." in late.page.text
    assert "Because." in late.page.text
    closed = await ann.get(f"/review/{request.id}")
    assert closed.page.title.startswith("Approved: Send this to Kim?")


async def test_a_form_of_another_browser_keeps_the_text_and_sends_nothing(env: WebEnv) -> None:
    request = await env.request_approval(BY_LINK)
    browser, page = await env.open_link()
    stale = await send(browser, form_to(page, "/ask"), question="Why?", nonce="x" * 24)
    assert (stale.status, "Nothing was sent yet." in stale.page.text) == (422, True)
    assert dict(form_to(stale, "/ask").fields)["question"] == "Why?"
    await send(browser, form_to(page, "/ask"), question="Why?")
    ann, at_question = await open_question(env)
    stale = await send(ann, form_to(at_question, "/answer"), question_answer="So.", nonce="x" * 24)
    assert (stale.status, "So." in stale.text) == (422, True)
    for form in (form_to(page, "/ask"), form_to(at_question, "/answer")):
        assert (await send(env.browser(), form)).status == 403
    assert [question.answer for question in (await env.reload(request)).model.questions] == [None]


async def test_a_gate_without_questions_has_no_form_for_them(env: WebEnv) -> None:
    await env.request_approval("      questions: off\n")
    _, page = await env.open_link()
    assert len(page.page.forms) == 1


async def test_the_inbox_lists_the_questions_that_a_person_was_asked(env: WebEnv) -> None:
    request = await env.request_approval(BY_LINK)
    ada, page = await env.open_link()
    await send(ada, form_to(page, "/ask"), question="Which <b>cost</b> centre?")
    ann = await env.sign_in(ANN)
    inbox = await ann.get("/inbox")
    assert inbox.page.headings[:2] == ["1 question is waiting for you", "Questions for you (1)"]
    assert "ada@example.com asks you about “Send this to Kim?”" in inbox.page.text
    assert "Which <b>cost</b> centre?" in inbox.page.text
    assert "Questions for you" not in (await (await env.sign_in(BEN)).get("/inbox")).page.text
    at_question = await ann.get(f"/review/{request.id}")
    assert f"/review/{request.id}" in inbox.page.links
    await send(ann, form_to(at_question, "/answer"), question_answer="4711")
    assert "No request is waiting for you" in (await ann.get("/inbox")).page.headings


async def test_a_question_about_a_closed_request_is_not_listed(env: WebEnv) -> None:
    await env.request_approval(BY_LINK)
    ada, page = await env.open_link()
    await send(ada, form_to(page, "/ask"), question="Why?")
    await ada.send(page.page.form)
    assert "Questions for you" not in (await (await env.sign_in(ANN)).get("/inbox")).page.text


async def test_what_was_sent_is_confirmed_and_no_warning(env: WebEnv) -> None:
    await env.request_approval(BY_LINK)
    browser, page = await env.open_link()
    asked = await send(browser, form_to(page, "/ask"), question="Which cost centre?")
    assert '<div class="notice good" role="status">' in asked.text
    ann, at_question = await open_question(env)
    # It stands above its form, and not once more among the notes.
    assert at_question.page.text.count("Which cost centre?") == 1
    answered = await send(ann, form_to(at_question, "/answer"), question_answer="4711")
    assert '<div class="notice good" role="status">' in answered.text


async def test_the_email_with_an_answer_leads_back_to_the_request(env: WebEnv) -> None:
    request = await env.request_approval(BY_LINK)
    browser, page = await env.open_link()
    await send(browser, form_to(page, "/ask"), question="Why?")
    ann, at_question = await open_question(env)
    await send(ann, form_to(at_question, "/answer"), question_answer="Because.")
    await env.engine_env.settle()
    answer = alerts(env, ADA)[-1]
    shown = view.shown(answer, public_url=env.url)
    assert (shown.link, shown.button) == (f"{env.url}/r/{answer.token}", "Review and decide")
    page = await env.browser().get(f"/r/{answer.token}")
    assert page.path == f"/review/{request.id}"
