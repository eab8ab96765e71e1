"""The parts of the inbox: what each person finds there, the search, the pages, and what one may not see."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from bot.web import inbox_state
from engine.read_models import RequestView
from tests.support.engine_env import ANN
from tests.support.web_env import ADA, BEN, Answer, Browser, WebEnv, open_web

ADMIN, AUDITOR, SAM, STRANGER = "root@example.com", "audit@example.com", "sam@example.com", "eve@example.com"
REFUND = """\
name: refund
title: Refunds
owner: sam@example.com
inputs:
  order: {type: text, label: Order}
  amount: {type: money, label: Amount, currency: EUR}
steps:
  - id: pay
    title: Pay the refund
    uses: set
    with: {order: "{{ inputs.order }}", amount: "{{ inputs.amount }}"}
    gate:
      title: "Pay this refund?"
      approvers: [APPROVERS]
KEYS
"""
PARTS = ("", "?part=waiting", "?part=decided", "?part=all")


@pytest.fixture
async def env(path: Path) -> AsyncIterator[WebEnv]:
    async with open_web(path, admins=[ADMIN], auditors=[AUDITOR]) as env:
        yield env


async def ask(
    env: WebEnv, order: str, amount: str = "5.00", *, approvers: str = ADA, keys: str = "", name: str = "refund"
) -> RequestView:
    source = REFUND.replace("APPROVERS", approvers).replace("KEYS", keys).replace("name: refund", f"name: {name}", 1)
    source = source.replace("title: Refunds", "title: Greetings", 1) if name == "greeting" else source
    env.engine_env.pass_time(seconds=1)
    return await env.request_approval(source=source, order=order, amount={"amount": amount, "currency": "EUR"})


async def decide(env: WebEnv, request: RequestView, by: str = ADA, verdict: str = "approve") -> None:
    env.engine_env.pass_time(seconds=1)
    browser = await env.sign_in(by)
    page = await browser.get(f"/review/{request.id}")
    await browser.send(page.page.form, verdict, reason="No budget")
    await env.engine_env.settle()


async def listed(browser: Browser, path: str = "/inbox") -> list[str]:
    """Return the orders of the rows of a page."""
    answer = await browser.get(path)
    assert answer.status == 200
    return orders(answer)


def orders(answer: Answer) -> list[str]:
    return [part.split()[0] for part in answer.page.text.split("Order ")[1:]]


async def known(env: WebEnv, address: str) -> Browser:
    """Sign in as a person that the directory has named."""
    await ask(env, "for-sign-in", approvers=address, name="greeting")
    return await env.sign_in(address)


async def test_every_person_finds_their_requests_in_the_parts(env: WebEnv) -> None:
    mine = await ask(env, "A-1")
    await ask(env, "A-2", approvers=BEN)
    ada, sam = await env.sign_in(), await known(env, SAM)
    assert await listed(ada) == ["A-1"]
    assert [await listed(ada, f"/inbox{part}") for part in PARTS[1:]] == [[], [], []]
    assert await listed(sam, "/inbox?part=all") == ["for-sign-in", "A-2", "A-1"], "the owner of the workflows"
    whole = next(link for link in (await sam.get("/inbox?part=all")).page.links if mine.id in link)
    assert (whole, (await sam.get(whole)).status) == (f"/requests/{mine.id}", 200)
    await decide(env, mine)
    assert await listed(ada) == []
    page = await ada.get("/inbox?part=decided")
    assert orders(page) == ["A-1"]
    assert "You approved this, Mar 2, 2026, 9:00 AM UTC. The run is done." in page.page.text
    assert f"/review/{mine.id}" in page.page.links


async def test_a_person_who_started_a_run_sees_for_whom_it_waits(env: WebEnv) -> None:
    await ask(env, "A-1", approvers=f"{ADA}, {BEN}", keys="      policy: {quorum: 2}\n")
    ann = await known(env, ANN.value)
    page = await ann.get("/inbox?part=waiting")
    assert orders(page)[-1] == "A-1"
    assert "0 of 2 approvals. Waiting for ada@example.com and ben@example.com." in page.page.text
    assert "You started this Mar 2, 2026" in page.page.text


async def test_the_parts_are_links_and_the_first_has_its_count(env: WebEnv) -> None:
    await ask(env, "A-1")
    await ask(env, "A-2")
    page = (await (await env.sign_in()).get("/inbox?search=refund")).page
    assert page.ids["needed"]["aria-current"] == "page"
    assert "Needs you (2)" in page.text
    assert "Everything" not in page.text, "Ada owns and started nothing"
    tabs = [link for link in page.links if link.startswith("/inbox?")][:3]
    assert [parse_qs(urlsplit(link).query) for link in tabs] == [
        {"search": ["refund"]},
        {"part": ["waiting"], "search": ["refund"]},
        {"part": ["decided"], "search": ["refund"]},
    ], "the search goes along"


async def test_two_requests_of_one_workflow_are_told_apart_by_what_is_at_stake(env: WebEnv) -> None:
    await ask(env, "A-1", "120.00")
    await ask(env, "A-2", "75.50")
    text = (await (await env.sign_in()).get("/inbox")).page.text
    assert "Amount 120.00 EUR Order A-1" in " ".join(text.split())
    assert "Amount 75.50 EUR Order A-2" in " ".join(text.split())


async def test_what_a_person_may_not_see_is_not_in_the_page(env: WebEnv) -> None:
    secret = await ask(env, "SECRET-77", approvers=BEN)
    people = {address: await known(env, address) for address in (ADA, SAM, ANN.value, ADMIN, AUDITOR, STRANGER)}
    people[BEN] = await env.sign_in(BEN)
    decided = await ask(env, "SECRET-78", approvers=BEN)
    await decide(env, decided, BEN)
    sees = dict[str, bool]()
    for address, browser in people.items():
        pages = [await browser.get(f"/inbox{part}") for part in PARTS]
        pages += [await browser.get(f"/inbox?receipt={request.id}") for request in (secret, decided)]
        pages.append(await browser.get("/inbox?part=all&workflow=refund&search=SECRET"))
        sees[address] = any("SECRET-7" in page.text for page in pages)
        if not sees[address]:
            assert not any(request.id in page.text for page in pages for request in (secret, decided))
            assert not any("Refunds" in page.text for page in pages), "not even the title of the workflow"
    assert sees == {ADA: False, SAM: True, ANN.value: True, ADMIN: True, AUDITOR: True, STRANGER: False, BEN: True}


async def test_an_auditor_reads_everything_and_decides_nothing(env: WebEnv) -> None:
    request = await ask(env, "A-1")
    auditor = await known(env, AUDITOR)
    page = await auditor.get("/inbox?part=all")
    assert "A-1" in orders(page)
    assert not any(name in ("approve", "reject") for form in page.page.forms for name, _, _ in form.buttons)
    form = (await auditor.get("/inbox")).page.form_with("approve")
    seen = f"{request.model.content_version}.{request.model.digest}"
    forged = form.with_(approve=request.id, **{f"seen-{request.id}": seen})
    answer = await auditor.post(form.action, forged, kind=form.kind)
    assert answer.status == 409
    assert "not an approver of this request" in answer.page.text
    assert (await env.reload(request)).decision is None


async def test_the_filters_are_in_the_address_and_in_the_form(env: WebEnv) -> None:
    first, second = await ask(env, "A-1"), await ask(env, "B-2")
    await ask(env, "C-3", name="other")
    await decide(env, first)
    await decide(env, second, verdict="reject")
    sam = await known(env, SAM)

    async def found(**wanted: str) -> list[str]:
        return await listed(sam, f"/inbox?{urlencode({'part': 'all', **wanted})}")

    assert await found(workflow="other") == ["C-3"]
    assert await found(status="rejected") == ["B-2"]
    assert await found(search="a-1") == ["A-1"]
    assert await found(person=ADA.upper()) == ["B-2", "A-1"]
    assert await found(person="unknown@example.com") == []
    assert await found(since="2026-03-03") == []
    assert await found(since="2026-03-02", until="2026-03-02", workflow="refund") == ["B-2", "A-1"]
    page = await sam.get("/inbox?part=all&status=rejected&search=b-2&since=2026-03-02")
    assert dict(page.page.form.fields) == {
        "part": "all",
        "search": "b-2",
        "workflow": "",
        "status": "rejected",
        "person": "",
        "since": "2026-03-02",
        "until": "",
    }
    assert "Only requests that were rejected, were asked since Mar 2, 2026 and contain “b-2”." in page.page.text
    assert "/inbox?part=all" in page.page.links, "a link shows all again"


async def test_a_person_chooses_among_all_workflows_of_their_requests_and_no_other(env: WebEnv) -> None:
    await ask(env, "A-1")
    await ask(env, "B-2", name="travel")
    await ask(env, "C-3", name="secret", approvers=BEN)
    ada = await env.sign_in()
    for query in ("", "?workflow=refund", "?search=A-1", "?part=waiting"):
        offered = re.findall(r'<option value="(refund|travel|secret)"', (await ada.get(f"/inbox{query}")).text)
        assert offered == ["refund", "travel"]


async def test_a_filter_that_is_no_filter_says_what_to_type(env: WebEnv) -> None:
    await ask(env, "A-1")
    page = await (await env.sign_in()).get("/inbox?person=Ben&since=tomorrow&until=9999-12-31")
    assert orders(page) == []
    assert "To find a request by a name, use the search." in page.page.text
    assert page.page.ids["by-since"]["aria-describedby"] == "by-since-error"
    assert page.page.ids["by-until"]["aria-invalid"] == "true"
    assert page.page.ids["by-workflow"]["tag"] == "select"


@pytest.mark.parametrize(
    ("query", "name", "sentence"),
    [
        ("part=all&status=approvd", "status", "Choose a status from the list."),
        ("since=2026-03-05&until=2026-03-02", "until", "The last day is before the first one. Choose a later day."),
        ("since=2026-13-01", "since", "Write the day like 2026-03-02."),
    ],
)
async def test_a_wrong_filter_shows_no_request_and_how_to_go_on(
    env: WebEnv, query: str, name: str, sentence: str
) -> None:
    await ask(env, "A-1")
    page = await (await known(env, SAM)).get(f"/inbox?part=all&{query}")
    assert orders(page) == []
    assert sentence in page.page.text
    assert page.page.ids[f"by-{name}"]["aria-describedby"] == f"by-{name}-error"
    assert "Correct the filter to see requests. Show all" in page.page.text
    assert "approvd" not in page.page.text, "what cannot be chosen is not offered"
    assert "No request matches" not in page.page.text
    assert "/inbox?part=all" in page.page.links


async def test_the_days_among_your_decisions_are_those_on_which_you_decided(env: WebEnv) -> None:
    request = await ask(env, "A-1")
    env.clock.pass_time(timedelta(days=1))
    await decide(env, request)
    ada = await known(env, ADA)
    page = await ada.get("/inbox?part=decided&since=2026-03-03&until=2026-03-03")
    assert orders(page) == ["A-1"]
    assert "Decided since" in page.page.text
    assert "Only requests that were decided by you on Mar 3, 2026." in page.page.text
    assert orders(await ada.get("/inbox?part=decided&since=2026-03-02&until=2026-03-02")) == []
    sam = await known(env, SAM)
    assert orders(await sam.get("/inbox?part=all&since=2026-03-02&until=2026-03-02")) == ["A-1"]


@pytest.mark.parametrize(
    "query",
    [
        "part=x",
        "status=x",
        "after=x~y",
        "after=2026-03-02~x",
        "after=0001-01-01T00:00:00%2B14:00~x",
        "after=9999-12-31T23:59:59-14:00~x",
        "part=all&after=~x&search=%F0%9F%98%80%22*%28",
        "part=decided&after=zzz~zzz",
        "after=~%00",
        "after=%ff",
        "search=%00%0a",
        "since=0001-01-01",
    ],
)
async def test_no_address_breaks_the_page(env: WebEnv, query: str) -> None:
    await ask(env, "A-1")
    ada = await env.sign_in()
    assert (await ada.get(f"/inbox?{query}")).status == 200


async def test_pages_follow_each_other_and_lead_back(env: WebEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_state, "ROWS", 2)
    for number in range(5):
        await ask(env, f"A-{number}")
    ada = await env.sign_in()
    path, turned = "/inbox", list[list[str]]()
    while path:
        page = await ada.get(path)
        turned.append(orders(page))
        assert ("Back to the first page" in page.page.text) is (len(turned) > 1)
        path = next((link for link in page.page.links if "after=" in link and "part=" not in link), "")
        path = path if "Show more" in page.page.text else ""
    assert turned == [["A-0", "A-1"], ["A-2", "A-3"], ["A-4"]]
    sam = await known(env, SAM)
    assert "Older" in (await sam.get("/inbox?part=all")).page.text


async def test_empty_parts_say_what_would_be_there(env: WebEnv) -> None:
    await ask(env, "A-1", approvers=BEN)
    stranger = await known(env, STRANGER)
    assert "You have not decided anything yet." in (await stranger.get("/inbox?part=decided")).page.text
    assert "No request matches." in (await stranger.get("/inbox?search=nothing")).page.text
    assert "There is no request yet." in (await stranger.get("/inbox?part=all")).page.text
