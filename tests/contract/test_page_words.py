"""What people read on a page before they open its details has no technical word, in any state of any page."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest

from bot import template_files
from bot.web import reader_visit, sign_in_pages, status_pages
from bot.web.service import AccessRefused
from bot.web.site_urls import SiteUrls
from bot.web.status_pages import StatusPage
from engine.domain import Address, Cancel, DeliveryKind, Done, ResumeAnswer, SignedInAsOther, Verdict
from engine.errors import ChannelError, StepError
from engine.ports import StepType
from engine.read_models import RequestView
from engine.steps.foreach import ForeachStep
from engine.steps.form import FormStep
from engine.steps.set import SetStep
from tests.support import html_forms, words
from tests.support.engine_env import SAM, TERMINAL, PlayedParams, PlayedStep
from tests.support.recording_channel import Fault
from tests.support.web_env import ADA, BEN, PAY_WORKFLOW, Answer, Browser, WebEnv, open_web

OWNER: Final = "sam@example.com"
LETTERS: Final = """\
name: letters
title: Letters
owner: sam@example.com
steps:
  - id: each
    uses: foreach
    with: {over: [ann, bob, cat, dan, eve], parallel: 2}
    gate: {title: Write to all?, approvers: [ada@example.com], assurance: link}
    steps:
      - {id: send, uses: set, with: {text: "Hello {{ item }}"}}
"""
REFUND: Final = """\
name: refund
title: Refund an order
owner: sam@example.com
steps:
  - id: pay
    title: Pay the refund
    uses: set
    with:
      json: {order_id: A-1007, amount: 120, due: "2026-03-09", at: "2026-03-09T10:00:00Z", tags: [rush, it]}
    gate:
      title: "Refund 120 EUR?"
      reason: Over 100 EUR.
      show: [{label: Spent on, value: "2026-03-02"}]
      approvers: [ada@example.com, ben@example.com]
      edit: {json.amount: integer, json.due: {type: date, min: "2026-03-01"}}
      expires: 4h
KEYS
"""
FORM: Final = """\
name: account
title: Give an account
owner: sam@example.com
steps:
  - id: ask
    uses: form
    title: "Which account?"
    approvers: [ada@example.com]
    fields: {cost_center: text, start_date: date}
"""
TYPED: Final = {"amount": "99", "due": "2026-03-10"}
Scenario: TypeAlias = Callable[[WebEnv], Awaitable[Browser]]


@pytest.fixture
async def env(tmp_path: Path, empty_database: bytes) -> AsyncIterator[WebEnv]:
    path = tmp_path / "signoff.db"
    path.write_bytes(empty_database)
    path.chmod(0o600)
    played = PlayedStep()
    played.play = _lose_answer
    kinds: dict[str, StepType[Any]] = {"set": SetStep(), "form": FormStep(), "foreach": ForeachStep(), "played": played}
    async with open_web(path, steps=kinds, builders=(SAM.value,)) as env:
        yield env


async def _lose_answer(params: PlayedParams, context: Any) -> Mapping[str, object]:
    raise StepError("The line went dead.", outcome_unknown=True)


# -- requests -----------------------------------------------------------------------------------------------


async def _ask(env: WebEnv, keys: str = "", source: str = REFUND) -> tuple[RequestView, Browser, Answer]:
    request = await env.request_approval(source=source.replace("KEYS", keys))
    browser, page = await env.open_link()
    return request, browser, page


def _typed(page: Answer, **values: str) -> dict[str, str]:
    """Return the values by the names of the inputs, which are in the order of the fields."""
    names = [name for name, _ in page.page.form.fields if name.startswith("f-")]
    return dict(zip(names, values.values(), strict=False))


async def _open(env: WebEnv) -> Browser:
    return (await _ask(env))[1]


async def _form(env: WebEnv) -> Browser:
    _, browser, page = await _ask(env, source=FORM)
    await browser.send(page.page.form)
    return browser


async def _wrong_values(env: WebEnv) -> Browser:
    _, browser, page = await _ask(env)
    await browser.send(page.page.form, typed=_typed(page, amount="many", due="2026-02-01"))
    return browser


async def _approved_with_edits(env: WebEnv) -> Browser:
    _, browser, page = await _ask(env)
    await env.enter_code(browser, await browser.send(page.page.form, typed=_typed(page, **TYPED)))
    await env.engine_env.settle()
    await browser.get(browser.answers[-1].path)
    return browser


async def _rejected(env: WebEnv) -> Browser:
    _, browser, page = await _ask(env)
    without_reason = await browser.send(page.page.form, "reject")
    at_code = await browser.send(without_reason.page.form, "reject", reason="Too much.")
    await env.enter_code(browser, at_code)
    return browser


async def _filled_in(env: WebEnv) -> Browser:
    _, browser, page = await _ask(env, source=FORM)
    typed = _typed(page, cost_center="4711", start_date="2026-03-10")
    await env.enter_code(browser, await browser.send(page.page.form, typed=typed))
    return browser


async def _wrong_code(env: WebEnv) -> Browser:
    _, browser, page = await _ask(env)
    at_code = await browser.send(page.page.form)
    for _ in range(6):
        form = at_code.page.form
        await browser.post(form.action, form.with_(code="00000000"), kind=form.kind)
    return browser


async def _confirm(env: WebEnv) -> Browser:
    _, browser, page = await _ask(env, keys='      confirm: "Really?"\n      assurance: link\n')
    await browser.send(page.page.form, typed=_typed(page, **TYPED))
    return browser


async def _decided_by_another(env: WebEnv) -> Browser:
    request, browser, page = await _ask(env)
    await env.engine_env.decide(request.run, Verdict.REJECT, by=Address("email", BEN))
    await browser.get(page.path)
    # No date is typed: the page gives back exactly what was typed, to be copied.
    await browser.send(page.page.form, typed=_typed(page, amount="99"))
    return browser


async def _expired(env: WebEnv) -> Browser:
    _, browser, page = await _ask(env)
    env.engine_env.pass_time(hours=5)
    await browser.send(page.page.form)
    await browser.get(page.path)
    await env.engine_env.settle()
    await browser.get(page.path)
    return browser


async def _cancelled(env: WebEnv) -> Browser:
    request, browser, page = await _ask(env)
    assert isinstance(await env.engine_env.engine.cancel(Cancel(run=request.run, actor=SAM, origin=TERMINAL)), Done)
    await env.engine_env.settle()
    await browser.get(page.path)
    await browser.send(page.page.form)
    return browser


async def _changes(env: WebEnv) -> Browser:
    _, browser, page = await _ask(env)
    form = page.page.form
    typed = _typed(page, **TYPED)
    answer = await browser.post(f"{form.action}/changes", form.with_(**typed), kind=form.kind)
    assert answer.status == 200
    return browser


# -- the inbox and the questions about a step ---------------------------------------------------------------


async def _sessions(env: WebEnv) -> Browser:
    await env.request_approval(source=REFUND.replace("KEYS", ""))
    await env.sign_in()
    browser = await env.sign_in()
    await browser.get("/sessions")
    return browser


async def _inbox(env: WebEnv) -> Browser:
    request = await env.request_approval(source=REFUND.replace("KEYS", ""))
    browser = await env.sign_in()
    await browser.get("/inbox")
    await env.engine_env.decide(request.run, Verdict.REJECT, by=Address("email", BEN))
    await browser.get("/inbox")
    return browser


async def _insights(env: WebEnv) -> Browser:
    request = await env.request_approval(source=REFUND.replace("KEYS", ""))
    await env.engine_env.decide(request.run, Verdict.REJECT, by=Address("email", BEN))
    browser = await env.sign_in(SAM.value)
    await browser.get("/insights")
    return browser


async def _workflows(env: WebEnv) -> Browser:
    for keys in ("", "      batch: false"):
        await env.engine_env.register(REFUND.replace("KEYS", keys))
    browser = await env.sign_in(SAM.value)
    for path in ("/workflows", "/workflows/refund", "/workflows/refund/try", "/workflows/refund/start"):
        page = await browser.get(path)
    form = page.page.form
    await browser.post(form.action, form.with_(act="disable"), kind=form.kind)
    edit = await browser.get("/workflows/refund/edit")
    await browser.post(edit.page.form.action, edit.page.form.with_(act="check"), kind=edit.page.form.kind)
    await browser.get("/new-workflow")
    answers = (await browser.get("/new-workflow/contract")).page.form
    await browser.post(answers.action, answers.with_(act="steps"), kind=answers.kind)
    file = (await browser.get("/new-workflow-file")).page.form
    for act in ("check", "register"):
        typed = {"source": "name: wrong"} if act == "register" else {}
        await browser.post(file.action, file.with_(act=act, **typed), kind=file.kind)
    await browser.get("/workflows/refund/versions?from=1&to=2")
    return browser


async def _together(env: WebEnv) -> Browser:
    """Approve two requests together, one of which another person was faster to reject."""
    first = await env.request_approval(source=REFUND.replace("KEYS", ""))
    second = await env.request_approval(source=REFUND.replace("KEYS", "").replace("name: refund", "name: another"))
    browser = await env.sign_in()
    for part in ("?part=waiting", "?part=decided", "?part=all&person=Ada"):
        await browser.get(f"/inbox{part}")
    form = (await browser.get("/inbox")).page.form_with("together")
    picked = [*form.fields, ("pick", first.id), ("pick", second.id), ("together", "reject")]
    sure = (await browser.post(form.action, picked)).page.form_with("sure")
    await env.engine_env.decide(first.run, Verdict.APPROVE, by=Address("email", BEN))
    await browser.post(sure.action, [*sure.fields, ("sure", "reject")])
    await browser.post(sure.action, sure.with_(sure="reject", reason="Too much."))
    return browser


async def _pass_on(env: WebEnv) -> Browser:
    request = await env.request_approval(
        source=REFUND.replace("KEYS", "").replace("ben@example.com", "lee@example.com")
    )
    browser = await env.sign_in(OWNER)
    form = (await browser.get(f"/pass-on/{request.id}")).page.form
    for typed in ({"to": "no address"}, {"to": ADA}, {"to": BEN, "reason": "Lee is on holiday"}):
        await browser.post(form.action, form.with_(**typed), kind=form.kind)
    return browser


async def _rated(env: WebEnv) -> Browser:
    request = await env.request_approval("      feedback: true\n")
    browser = await env.sign_in(ADA)
    await browser.send((await browser.get(f"/review/{request.id}")).page.form)
    form = (await browser.get(f"/review/{request.id}/rate")).page.form
    await browser.post(form.action, form.with_(comment="Clear."), kind=form.kind)
    await browser.post(form.action, form.with_(rating="4"), kind=form.kind)
    return browser


async def _undone(env: WebEnv) -> Browser:
    request = await env.request_approval("      hold: 10m\n")
    browser = await env.sign_in(ADA)
    await browser.send((await browser.get(f"/review/{request.id}")).page.form)
    await env.engine_env.settle()
    form = (await browser.get(f"/review/{request.id}/undo")).page.form
    await browser.post(form.action, [], kind=form.kind)
    env.engine_env.pass_time(seconds=1)
    await browser.post(form.action, form.with_(), kind=form.kind)
    await env.engine_env.settle()
    for page in (f"/requests/{request.id}", "/inbox?part=decided", f"/runs/{request.run}", "/inbox"):
        await browser.get(page)
    await env.open_link(browser=browser)
    return browser


async def _sign_in(env: WebEnv) -> Browser:
    browser = env.browser()
    form = (await browser.get("/inbox")).page.form
    await browser.post(form.action, form.with_(email="no address"), kind=form.kind)
    await browser.post(form.action, form.with_(email=ADA), kind=form.kind)
    return browser


async def _account_sign_in(env: WebEnv) -> Browser:
    await env.request_approval("      assurance: sso")
    browser, page = await env.open_link()
    await browser.send(page.page.form)
    return browser


async def _question(env: WebEnv) -> tuple[str, Browser, Answer]:
    await env.engine_env.register(PAY_WORKFLOW)
    run = await env.engine_env.start("pay")
    await env.engine_env.settle()
    browser = await env.sign_in(OWNER)
    return run, browser, await browser.get(f"/attention/{run}")


async def _attention(env: WebEnv) -> Browser:
    _, browser, page = await _question(env)
    form = page.page.form
    await browser.post(form.action, form.fields, kind=form.kind)
    await browser.post(form.action, form.with_(answer="done"), kind=form.kind)
    await browser.get("/inbox")
    return browser


def _answered(answer: ResumeAnswer) -> Scenario:
    async def run(env: WebEnv) -> Browser:
        _, browser, page = await _question(env)
        form = page.page.form
        name = next(name for name, _ in form.fields if name.startswith("f-"))
        changed = {name: "R-1"} if answer is ResumeAnswer.DONE else {}
        await browser.post(form.action, form.with_(answer=answer.value, **changed), kind=form.kind)
        await browser.get(page.path)
        return browser

    return run


async def _asked_before(env: WebEnv) -> Browser:
    """Ask a question before a decision, and answer it."""
    await env.request_approval("      assurance: link\n")
    browser, page = await env.open_link()
    (ask,) = [form for form in page.page.forms if form.action.endswith("/ask")]
    await browser.post(ask.action, ask.with_(question=""), kind=ask.kind)
    await browser.post(ask.action, ask.with_(question="Why?"), kind=ask.kind)
    await env.engine_env.settle()
    token = env.engine_env.mail.to("ann@example.com", DeliveryKind.ALERT)[-1].token
    asked = env.browser()
    page = await asked.get(f"/r/{token}")
    await asked.post(page.page.form.action, page.page.form.with_(question_answer=""), kind=page.page.form.kind)
    await asked.post(page.page.form.action, page.page.form.with_(question_answer="So."), kind=page.page.form.kind)
    asked.answers[:0] = browser.answers
    return asked


async def _whole_request(env: WebEnv) -> Browser:
    env.engine_env.mail.channel.queue_faults(Fault(error=ChannelError("There is no such mailbox.", permanent=True)))
    request = await env.request_approval(source=REFUND.replace("KEYS", "      policy: all\n"))
    browser = await env.sign_in(OWNER)
    page = await browser.get(f"/requests/{request.id}")
    copy = re.search(r'name="copy" value="(\w+)"', page.text)
    assert copy is not None
    form = page.page.form
    for _ in range(2):
        await browser.post(form.action, form.with_(copy=copy[1]), kind=form.kind)
    await env.engine_env.settle()
    await browser.get(f"/requests/{request.id}")
    return browser


async def _whole_run(env: WebEnv) -> Browser:
    request = await env.request_approval(source=REFUND.replace("KEYS", ""))
    browser = await env.sign_in(OWNER)
    form = (await browser.get(f"/runs/{request.run}")).page.form
    await browser.post(form.action, form.with_(act="cancel", nonce="x"), kind=form.kind)
    sure = await browser.post(form.action, form.with_(act="cancel"), kind=form.kind)
    form = sure.page.form
    await browser.post(form.action, form.with_(reason="Too late."), kind=form.kind)
    await env.engine_env.settle()
    await browser.get("/runs?show=open")
    await browser.get("/runs")
    await browser.get(f"/runs/{request.run}")
    return browser


async def _items(env: WebEnv) -> Browser:
    request = await env.request_approval(source=LETTERS)
    browser = await env.sign_in(OWNER)
    await browser.get(f"/requests/{request.id}")
    await browser.get(f"/runs/{request.run}")
    ada, _ = await env.open_link(ADA)
    await ada.get(f"/review/{request.id}/items")
    browser.answers[:0] = ada.answers
    await browser.get(f"/runs/{request.run}/items/1.each")
    return browser


async def _preferences(env: WebEnv) -> Browser:
    await env.request_approval()
    ada = await env.sign_in()
    for typed in (
        {"digest": "count", "count": "1"},
        {"digest": "daily", "quiet_from": "20:00", "quiet_until": "07:00"},
    ):
        (form,) = (await ada.get("/preferences")).page.forms
        await ada.post(form.action, form.with_(**typed), kind=form.kind)
    return ada


async def _export(env: WebEnv) -> Browser:
    await env.request_approval()
    owner = await env.sign_in(OWNER)
    form = (await owner.get("/export")).page.form_with("since")
    await owner.post(form.action, form.with_(since="2026-03-05", until="2026-03-02"), kind=form.kind)
    return owner


SCENARIOS: Final[Mapping[tuple[str, str], tuple[Scenario, str]]] = {
    ("review", "open"): (_open, "What will be done"),
    ("review", "form"): (_form, "Cost center is missing."),
    ("review", "wrong values"): (_wrong_values, "Amount must be a number."),
    ("changes", "while typing"): (_changes, "120 → 99"),
    ("confirm", "edited"): (_confirm, "Really?"),
    ("code", "wrong"): (_wrong_code, "Too many wrong codes"),
    ("account-sign-in", "a decision"): (_account_sign_in, "Sign in with Slack to confirm: Send email"),
    ("closed", "approved with edits"): (_approved_with_edits, "You approved this with edits"),
    ("closed", "rejected"): (_rejected, "You rejected this"),
    ("closed", "filled in"): (_filled_in, "You filled this in"),
    ("closed", "by another"): (_decided_by_another, "Your answer was not counted."),
    ("closed", "expired"): (_expired, "Expired without a decision"),
    ("closed", "cancelled"): (_cancelled, "The run was cancelled"),
    ("insights", "of an owner"): (_insights, "Insights"),
    **{
        (page, "of an owner"): (_workflows, "Version 1 and version 2")
        for page in (
            "workflows",
            "workflow",
            "workflow-confirm",
            "workflow-edit",
            "workflow-compare",
            "workflow-try",
            "workflow-start",
            "workflow-new",
            "workflow-answers",
            "workflow-file",
        )
    },
    ("inbox", "empty and full"): (_inbox, "No request is waiting for you"),
    ("sessions", "two browsers"): (_sessions, "Sign out all other browsers"),
    ("batch", "several rejected"): (_together, "1 rejected. 1 was left out."),
    ("batch-result", "several rejected"): (_together, "already approved this request"),
    ("undo", "and asked again"): (_undone, "Asked again"),
    ("rate", "saved"): (_rated, "You rated this 4 of 5."),
    ("pass-on", "by the owner"): (_pass_on, "ben@example.com decides now"),
    ("question", "answered"): (_asked_before, "Your answer was sent."),
    ("preferences", "wrong, then saved"): (_preferences, "Your quiet hours are from 8:00 PM to 7:00 AM."),
    ("export", "wrong days"): (_export, "The last day is before the first one."),
    ("sign-in", "wrong address"): (_sign_in, "Enter the code from your email"),
    ("attention", "open"): (_attention, "1 run is waiting for you"),
    ("request", "with a copy that failed"): (_whole_request, "asked to send it again"),
    ("items", "of a request and its run"): (_items, "Items 1 to 5 of 5."),
    **{(page, "cancelled"): (_whole_run, "The run was cancelled.") for page in ("run", "runs", "run-confirm")},
    **{("answered", answer.value): (_answered(answer), "You answered") for answer in ResumeAnswer},
}
"""What leads to each state of each page, and what its last page says."""
PARTS: Final = {
    "base",
    "parts",
    "question-parts",
    "inbox-parts",
    "run-parts",
    "said",
    "typed-inputs",
    "version-parts",
    "file-parts",
}
"""Templates of parts, and the one of the pages of a status, which have a test of their own."""


def read_text(html: str) -> str:
    """Return what people see or hear on a page while its details are closed, without workflow files."""
    html = re.sub(r'<(textarea class="file"|td class="line").*?</(textarea|td)>', "", html, flags=re.DOTALL)
    html = re.sub(r"<(script|style)\b.*?</\1>", "", html, flags=re.DOTALL)
    spoken = re.findall(r'\b(?:aria-label|alt|title|placeholder)="([^"]*)"', html)
    while (inner := re.sub(r"<details\b(?! open)(?:(?!<details\b).)*?</details>", "", html, flags=re.DOTALL)) != html:
        html = inner
    return "\n".join([html_forms.read(html).text, *spoken])


@pytest.mark.parametrize(("page", "state"), SCENARIOS)
async def test_no_page_shows_a_technical_word_before_the_details(env: WebEnv, page: str, state: str) -> None:
    scenario, expected = SCENARIOS[page, state]
    browser = await scenario(env)
    assert expected in browser.answers[-1].page.text
    shown = [answer for answer in browser.answers if not 300 <= answer.status < 400]
    for answer in shown:
        assert words.technical(read_text(answer.text)) == [], answer.path
        assert words.forbidden(html_forms.read(answer.text).text) == [], answer.path


def test_every_page_has_a_scenario() -> None:
    pages = {path.stem for path in (template_files.folder() / "pages").glob("*.html")}
    assert pages - PARTS == {page for page, _ in SCENARIOS}


URLS: Final = SiteUrls("https://signoff.example.com", "")
STATUS_PAGES: Final[Mapping[str, StatusPage]] = {
    **{name: page for name, page in vars(status_pages).items() if isinstance(page, StatusPage)},
    "sign in first": reader_visit.sign_in_first(URLS),
    **{f"hidden {what}": reader_visit.hidden(what, URLS) for what in ("request", "run", "workflow", "start")},
    **{f"barred {why.name}": status_pages.barred(why, URLS) for why in AccessRefused},
    **{f"barred from run {why.name}": status_pages.barred_from_run(why, URLS) for why in AccessRefused},
    **{
        f"code gone {asks} {guessed}": status_pages.code_gone("/inbox", asks=asks, guessed=guessed)
        for asks in ("", "decision", "answer")
        for guessed in (False, True)
    },
    **{f"sign-in gone {decides}": sign_in_pages.gone("/inbox", decides=decides) for decides in (False, True)},
    **{
        make.__name__: make("/inbox")
        for make in (
            sign_in_pages.elsewhere,
            sign_in_pages.unavailable,
            sign_in_pages.not_set_up,
            sign_in_pages.not_proven,
            sign_in_pages.cancelled,
        )
    },
    "other person": sign_in_pages.other_person(SignedInAsOther(who="Kim", asked=("Ada",)), "/inbox"),
    "code elsewhere": status_pages.code_elsewhere("/inbox"),
    "broken": status_pages.broken("The number of the incident is 7."),
    "refused": status_pages.refused("Others changed this request.", status=409, at=URLS),
}


@pytest.mark.parametrize("name", STATUS_PAGES)
def test_no_page_of_a_status_has_a_technical_word(name: str) -> None:
    page = STATUS_PAGES[name]
    texts = [page.title, *(str(line) for line in page.lines), *(link.label for link in page.ways)]
    assert words.technical("\n".join(texts)) == []
