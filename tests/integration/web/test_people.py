"""Pages for people who left or whose address moved while their request waited, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.web import form_inputs
from engine.domain import DeliveryKind, RequestState
from tests.support.account_directory import AccountDirectory
from tests.support.web_env import ADA, BEN, WebEnv, open_web

BY_LINK = "      assurance: link\n"
NAMES_A_PERSON = """
name: handover
title: Hand over
steps:
  - id: hand
    uses: set
    with: {lead: UANN}
    gate:
      approvers: [ada@example.com]
      edit: {lead: {type: person, label: Lead}}
      confirm: "Really?"
""".lstrip()


@pytest.fixture
def book() -> AccountDirectory:
    return AccountDirectory(UADA=ADA, UBEN=BEN, USAM="sam@example.com", UANN="ann@example.com")


@pytest.fixture
async def env(tmp_path: Path, book: AccountDirectory) -> AsyncIterator[WebEnv]:
    async with open_web(tmp_path / "signoff.db", directory=book) as env:
        yield env


async def test_the_browser_of_a_person_who_left_decides_nothing(env: WebEnv, book: AccountDirectory) -> None:
    request = await env.request_approval()
    browser = await env.sign_in()
    page = await browser.get(f"/review/{request.id}")
    book.closed["UADA"] = book.active.pop("UADA")
    answer = await browser.send(page.page.form)
    assert "You can no longer decide this request: the account is deactivated." in answer.page.text
    assert (await env.reload(request)).model.state is RequestState.PENDING
    await env.engine_env.settle()
    assert env.engine_env.mail.to("sam@example.com", DeliveryKind.ALERT)
    _, page = await env.open_link(BEN)
    assert "Uada can no longer decide: the account is deactivated." in page.page.text


async def test_the_link_of_a_person_who_left_decides_nothing(env: WebEnv, book: AccountDirectory) -> None:
    request = await env.request_approval(BY_LINK)
    browser, page = await env.open_link()
    book.closed["UADA"] = book.active.pop("UADA")
    answer = await browser.send(page.page.form)
    assert "You can no longer decide this request" in answer.page.text
    assert (await env.reload(request)).model.state is RequestState.PENDING


@pytest.mark.parametrize("keys", ["", BY_LINK], ids=["code", "link"])
async def test_a_page_opened_before_the_address_moved_decides_nothing(
    env: WebEnv, book: AccountDirectory, keys: str
) -> None:
    request = await env.request_approval(keys)
    browser, page = await env.open_link()
    book.active |= {"UADA": "ada.old@example.com", "UBEN": "ben.old@example.com", "UANN": ADA}
    answer = await browser.send(page.page.form)
    if answer.path.startswith("/code/"):
        answer = await env.enter_code(browser, answer)
    assert (await env.reload(request)).model.state is RequestState.PENDING
    assert "Approved" not in answer.page.text
    signed_in = await env.sign_in()
    assert request.title not in (await signed_in.get("/inbox")).page.text, "the new person of the address was not asked"


async def test_a_change_of_a_person_is_confirmed_by_the_names_that_the_page_shows(env: WebEnv) -> None:
    await env.request_approval(source=NAMES_A_PERSON)
    browser, page = await env.open_link()
    assert "Now Uann (ann@example.com)." in page.page.text
    confirm = await browser.send(page.page.form, typed={form_inputs.key("lead"): "UBEN"})
    assert (confirm.page.removed, confirm.page.added) == (["Uann (ann@example.com)"], ["Slack user UBEN"])
    await browser.send(confirm.page.form)
    await env.engine_env.settle()
    mail = env.engine_env.mail.to(ADA, DeliveryKind.CODE)[-1]
    assert [(field.label, field.before, field.text) for field in mail.values] == [
        ("Lead", "Uann (ann@example.com)", "Slack user UBEN")
    ]
