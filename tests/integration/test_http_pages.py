"""Answers of `http` steps that come in pages: real servers on loopback, faults included."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import DefinitionError, InvalidValue, StepError
from engine.runs import MAX_OUTPUT
from engine.steps.http import HttpStep
from engine.steps.http_pages import PageCollector
from engine.steps.http_params import Pages
from engine.steps.registry import builtin
from engine.workflowfile import load
from tests.support.examples import example_count
from tests.support.http_calls import LOCAL, call, failure, kind, serving

NEXT = {"next": "{{ response.body.next }}", "items": "{{ response.body.data }}"}


class Shop:
    """A list in pages. `style`: how the address of the next page is given."""

    def __init__(self, pages: Sequence[Sequence[Any]], style: str = "absolute") -> None:
        self.pages, self.style = pages, style
        self.asked: list[str] = []
        self.sent: list[dict[str, str]] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        self.sent.append(dict(request.headers))
        number = int(request.query.get("page", 0))
        path = f"/list?page={number + 1}" if number + 1 < len(self.pages) else None
        following = f"http://{request.host}{path}" if path and self.style == "absolute" else path
        headers = {"Link": f'<{path}>; rel="next", </list>; rel="first"'} if path and self.style == "link" else {}
        body = {"data": self.pages[number], "next": following}
        return web.json_response(self.pages[number] if self.style == "link" else body, headers=headers)


@pytest.mark.parametrize("style", ["absolute", "relative", "link"])
async def test_all_pages_are_read_in_order(style: str) -> None:
    shop = Shop([[1, 2], [], [{"a": "b"}]], style)
    pages = {"next": "{{ response.links.next }}"} if style == "link" else NEXT
    async with serving(shop.handle) as url:
        step = HttpStep(allow=LOCAL)
        answer = await call(step, f"{url}/list", query={"q": "a b"}, auth={"bearer": "hush-hush"}, pages=pages)
    assert answer == {"items": [1, 2, {"a": "b"}], "pages": 3}
    assert shop.asked == ["/list?q=a+b", "/list?page=1", "/list?page=2"]
    assert [sent["Authorization"] for sent in shop.sent] == ["Bearer hush-hush"] * 3


async def test_a_list_of_one_page_needs_nothing_but_where_the_next_would_be() -> None:
    async with serving(Shop([[1]], "link").handle) as url:
        answer = await call(HttpStep(allow=LOCAL), f"{url}/list", pages={"next": "{{ response.links.next }}"})
    assert answer == {"items": [1], "pages": 1}


@settings(deadline=None, max_examples=example_count(60))
@given(
    st.lists(st.lists(st.integers() | st.text(st.characters(exclude_categories=["Cs"]))), min_size=1, max_size=8),
    st.integers(1, 8),
)
def test_every_item_is_read_once_or_the_step_fails(pages: list[list[Any]], limit: int) -> None:
    collector = PageCollector(Pages(**NEXT, limit=limit), "https://a.example/?p=0")
    address: str | None = "https://a.example/?p=0"
    asked, refused = [], ""
    try:
        while address is not None:
            asked.append(address)
            number = int(address.split("=")[1])
            following = f"?p={number + 1}" if number + 1 < len(pages) else None
            address = collector.add(address, {"body": {"data": list(pages[number]), "next": following}})
    except InvalidValue as error:
        refused = str(error)
    assert refused == (
        "there are more pages than `limit` allows; raise it, or ask for less" if len(pages) > limit else ""
    )
    if not refused:
        assert collector.output == {"items": [item for page in pages for item in page], "pages": len(pages)}
    assert len(asked) == min(len(pages), limit)
    assert len(set(asked)) == len(asked)


@given(st.lists(st.sampled_from(["?p=1", "?p=2", "/x", "x", "https://a.example/y", "", None]), max_size=20))
def test_pages_always_end(following: list[str | None]) -> None:
    collector = PageCollector(Pages(**NEXT, limit=1000), "https://a.example/list")
    address: str | None = "https://a.example/list"
    asked, refused = list[str](), ""
    for given_next in [*following, None]:
        if address is None:
            break
        asked.append(address)
        try:
            address = collector.add(address, {"body": {"data": [], "next": given_next}})
        except InvalidValue as error:
            refused = str(error)
            break
    assert not refused or "read before" in refused
    assert len(set(asked)) == len(asked), "no address is called twice"


@pytest.mark.parametrize(
    ("body", "pages", "sentence"),
    [
        ({"data": 3, "next": None}, {}, "its `items` are no list"),
        ({"data": []}, {}, "its `next` cannot be evaluated: response.body has no `next`"),
        ({"data": [], "next": 3}, {}, "its `next` is no address"),
        ({"data": [], "next": "/list"}, {}, "its next page is one that was read before, so there would be no end"),
        ({"data": [], "next": "https://evil.example/x?a=hush"}, {}, "its next page is at https://evil.example; write"),
        ({"data": [], "next": "http://127.0.0.1:1/x"}, {}, "its next page is at http://127.0.0.1:1; write"),
        ({"data": [], "next": "http://127.0.0.1@evil.example/"}, {}, "its next page is at http://"),
        ({"data": [], "next": "javascript:x"}, {}, "is not the address of a server"),
        ({"data": [], "next": "file:///etc/passwd"}, {}, "is not the address of a server"),
        ({"data": [], "next": "/list?page=2"}, {"limit": 1}, "there are more pages than `limit` allows"),
    ],
)
async def test_a_page_that_cannot_be_used_stops_the_step(body: Any, pages: Any, sentence: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(body)

    async with serving(answer) as url:
        error = await failure(HttpStep(allow=LOCAL), f"{url}/list", pages={**NEXT, **pages})
    assert f"GET {url}/list was carried out (status 200), but" in str(error)
    assert sentence in str(error)
    assert "hush" not in str(error)
    assert kind(error) == "definite final"


@pytest.mark.parametrize(
    "link",
    [
        "<>; rel=next",
        "<",
        '<http://[>; rel="next"',
        ",,,;;;<<>>;rel",
        '<a b>; rel="next"',
        "</x>",
        '</x>; rel="prev"; rel="next"',
        f"<{'a' * 4000}>; rel={'next ' * 200}",
        '<javascript:x>; rel="next"',
        '<http://127.0.0.1:99999999/>; rel="next"',
    ],
)
async def test_a_hostile_link_header_ends_the_list_or_the_step(link: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response([1], headers={"Link": link})

    async with serving(answer) as url:
        pages = {"next": "{{ response.links.next }}", "limit": 3}
        with contextlib.suppress(StepError):
            result = await call(HttpStep(allow=LOCAL), f"{url}/list", pages=pages)
            assert set(result["items"]) == {1}


async def test_a_private_address_is_not_called_though_a_page_names_it() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"data": [], "next": "https://10.1.2.3/metadata"})

    async with serving(answer) as url:
        pages = {**NEXT, "origins": ["https://10.1.2.3"]}
        error = await failure(HttpStep(allow=LOCAL), f"{url}/list", pages=pages)
    assert "GET https://10.1.2.3/metadata was not sent: 10.1.2.3 is not a public address" in str(error)


async def test_another_server_gets_neither_sign_in_nor_headers() -> None:
    other_sent: list[dict[str, str]] = []

    async def second(request: web.Request) -> web.Response:
        other_sent.append(dict(request.headers))
        return web.json_response({"data": [2], "next": None})

    async with serving(second) as other:

        async def first(request: web.Request) -> web.Response:
            return web.json_response({"data": [1], "next": f"{other}/more"})

        async with serving(first) as url:
            answer = await call(
                HttpStep(allow=LOCAL),
                url,
                auth={"bearer": "hush-hush"},
                headers={"X-Key": "hush"},
                pages={**NEXT, "origins": [other]},
            )
    assert answer == {"items": [1, 2], "pages": 2}
    assert "hush" not in str(other_sent)


async def test_too_many_items_stop_the_step_at_the_page_that_is_too_much() -> None:
    shop = Shop([["x" * 900_000], ["y" * 900_000], ["z"]])
    async with serving(shop.handle) as url:
        error = await failure(HttpStep(allow=LOCAL), f"{url}/list", pages=NEXT)
    assert f"its pages have more than {MAX_OUTPUT:,} characters; ask for less" in str(error)
    assert len(shop.asked) == 2


async def test_the_time_of_the_step_holds_for_all_pages_together() -> None:
    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(0.2)
        return web.json_response({"data": [], "next": f"/list?n={int(request.query.get('n', 0)) + 1}"})

    async with serving(slow) as url:
        error = await failure(HttpStep(allow=LOCAL), f"{url}/list", seconds=0.7, pages=NEXT)
    assert "did not answer in time" in str(error) or "there was no time left" in str(error)


async def test_a_page_that_fails_says_when_to_try_the_whole_again() -> None:
    async def busy(request: web.Request) -> web.Response:
        if "page" in request.query:
            return web.json_response({}, status=429, headers={"Retry-After": "30"})
        return web.json_response({"data": [1], "next": "/list?page=2"})

    async with serving(busy) as url:
        error = await failure(HttpStep(allow=LOCAL), f"{url}/list", pages=NEXT)
    assert "GET" in str(error)
    assert "answered 429" in str(error)
    assert kind(error) == "definite retryable"
    assert error.retry_after is not None
    assert error.retry_after.total_seconds() == 30


async def test_what_an_answer_says_is_never_evaluated() -> None:
    async def hostile(request: web.Request) -> web.Response:
        return web.json_response({"data": ["{{ response.status }}"], "next": None})

    async with serving(hostile) as url:
        answer = await call(HttpStep(allow=LOCAL), url, pages=NEXT)
    assert answer["items"] == ["{{ response.status }}"]


# -- what `check` says --------------------------------------------------------------------------------------

FILE = """\
name: a
owner: sam@example.com
inputs: {x: text}
steps:
  - id: list
    uses: http
    with: {WITH}
    gate: {EDIT}
  - {id: last, uses: set, with: {n: "{{ steps.list.OUTPUT }}"}}
"""


def problems(pages: str, more: str = "", edit: str = "", output: str = "items") -> list[str]:
    with_ = f"{{url: 'https://a.example/{{{{ inputs.x }}}}', pages: {{{pages}}}{more}}}"
    source = FILE.replace("{WITH}", with_).replace("{EDIT}", f"{{{edit}}}").replace("OUTPUT", output)
    try:
        workflow = load(source.encode(), kinds=builtin())
    except DefinitionError as error:
        return [f"{problem.path}: {problem.message}" for problem in error.problems]
    assert json.dumps(workflow.steps[0].params.value, default=str).count("response") >= 1
    return []


@pytest.mark.parametrize(
    ("pages", "more", "sentence"),
    [
        (
            "next: '{{ inputs.x }}'",
            "",
            "with.pages.next: `inputs` is not known here: this is evaluated for each answer.",
        ),
        ("next: '{{ response.bdy.next }}'", "", "with.pages.next: `response` has no `bdy`."),
        ("next: '{{ secret.X }}'", "", "with.pages.next: Secrets cannot be used here; people would see it."),
        ("next: 'https://a.example'", "", "with.pages.next: `next` is one whole expression over `response`."),
        (
            "next: 'https://a/{{ response.body }}'",
            "",
            "with.pages.next: `next` is one whole expression over `response`.",
        ),
        ("next: '{{ response.body. }}'", "", "with.pages.next: "),
        ("next: '{{ response.body }}', items: all", "", "with.pages.items: `items` is one whole expression"),
        ("next: '{{ response.body }}', limit: 0", "", "with.pages.limit: "),
        ("next: '{{ response.body }}', origins: [a.example]", "", "with.pages.origins"),
        (
            "next: '{{ response.body }}', origins: ['{{ response.body }}']",
            "",
            "with.pages.origins: The file itself names",
        ),
        ("next: '{{ response.body }}'", ", method: POST", "with.pages: Only GET has pages"),
        ("next: '{{ response.body }}'", ", body: x", "with.pages: A call with pages has no `body`."),
        ("items: '{{ response.body }}'", "", "with.pages.next: `pages` needs the key `next`."),
    ],
)
def test_pages_that_can_never_work_are_found_in_the_file(pages: str, more: str, sentence: str) -> None:
    found = problems(pages, more)
    assert any(sentence in problem for problem in found), found


def test_pages_are_left_as_they_are_until_the_answer_comes_and_cannot_be_edited() -> None:
    good = "next: '{{ response.links.next }}', items: '{{ response.body.data }}', limit: 3"
    assert problems(good) == []
    assert problems(good, edit="edit: [pages.next]") == ["steps[0].gate.edit[0]: `pages` can never be edited."]
    assert problems(good, output="body") == ["steps[1].with.n: The step `list` (`http`) has no output `body`."]
    outside = problems(good, more=", headers: {X: '{{ response.body }}'}")
    assert outside == ["steps[0].with.headers.X: There is no `response`."]
