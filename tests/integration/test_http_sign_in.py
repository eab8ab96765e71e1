"""How `http` steps sign in and what bodies they send: real servers on loopback, faults included."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.errors import DefinitionError, StepError
from engine.steps.http import HttpParams, HttpStep
from engine.steps.http_bodies import encode_form
from engine.steps.registry import builtin
from engine.workflowfile import load
from tests.support.http_calls import LOCAL, call, context, failure, kind, serving


class TokenServer:
    """An API that takes the newest of the tokens that it gave, and the server that gives them."""

    def __init__(self) -> None:
        self.given: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.valid = True
        self.answer: dict[str, Any] = {}
        self.status = 200

    async def handle(self, request: web.Request) -> web.Response:
        if request.path == "/token":
            self.given.append(
                {"form": dict(await request.post()), "authorization": request.headers.get("Authorization")}
            )
            if self.status != 200:
                return web.json_response(
                    {"error": "no", "echo": request.headers.get("Authorization")},
                    status=self.status,
                    headers={"Retry-After": "7"},
                )
            token = {"access_token": self.newest, "token_type": "Bearer", "expires_in": 3600}
            return web.json_response({**token, **self.answer})
        sent = request.headers.get("Authorization", "")
        self.calls.append(sent)
        if not self.valid or sent != f"Bearer {self.newest}":
            return web.json_response({"error": f"{sent} is not valid"}, status=401)
        return web.json_response(
            {"echo": sent, "key": request.headers.get("Idempotency-Key")}, headers={"X-Echo": sent}
        )

    @property
    def newest(self) -> str:
        return f"token-number-{len(self.given)}-of-the-server"


@pytest.fixture
async def tokens() -> AsyncIterator[tuple[TokenServer, str]]:
    server = TokenServer()
    async with serving(server.handle) as url:
        yield server, url


def oauth2(url: str, **more: Any) -> dict[str, Any]:
    return {"oauth2": {"token_url": f"{url}/token", "client_id": "me:1", "client_secret": "s/ecret+1", **more}}


async def test_a_token_is_asked_for_once_and_used_until_it_expires(tokens: tuple[TokenServer, str]) -> None:
    server, url = tokens
    step, auth = HttpStep(allow=LOCAL), oauth2(url, scope="read write")
    results = await asyncio.gather(*(call(step, f"{url}/x", auth=auth) for _ in range(5)))
    assert [result["status"] for result in results] == [200] * 5
    assert len(server.given) == 1, "calls at the same time ask for one token"
    (given,) = server.given
    assert given["form"] == {"grant_type": "client_credentials", "scope": "read write"}
    user, password = base64.b64decode(given["authorization"].removeprefix("Basic ")).decode().split(":")
    assert (unquote_plus(user), unquote_plus(password)) == ("me:1", "s/ecret+1")
    await call(step, f"{url}/x", auth=oauth2(url, scope="other"))
    assert len(server.given) == 2, "another scope is another token"


async def test_credentials_go_in_the_body_where_the_server_wants_that(tokens: tuple[TokenServer, str]) -> None:
    server, url = tokens
    await call(HttpStep(allow=LOCAL), f"{url}/x", auth=oauth2(url, client_auth="body"))
    assert server.given[0]["authorization"] is None
    assert server.given[0]["form"] == {
        "grant_type": "client_credentials",
        "client_id": "me:1",
        "client_secret": "s/ecret+1",
    }


async def test_a_token_that_is_not_taken_is_replaced_once_with_the_same_key(tokens: tuple[TokenServer, str]) -> None:
    server, url = tokens
    step = HttpStep(allow=LOCAL)
    await call(step, f"{url}/x", auth=oauth2(url))
    server.given.append({})  # the token was revoked
    answer = await call(step, f"{url}/x", method="POST", json={"a": 1}, auth=oauth2(url))
    assert answer["body"]["key"] == "r1:call:1"
    assert len(server.calls) == 3
    server.valid = False
    error = await failure(step, f"{url}/x", auth=oauth2(url))
    assert "answered 401" in str(error)
    assert len(server.calls) == 5, "a second refusal is one"
    assert len([given for given in server.given if given]) == 3


async def test_no_token_is_in_an_output_or_an_error(tokens: tuple[TokenServer, str]) -> None:
    server, url = tokens
    step = HttpStep(allow=LOCAL)
    answer = await call(step, f"{url}/x", auth=oauth2(url))
    assert "token-number" not in str(answer)
    assert answer["body"]["echo"].startswith("Bearer ")
    server.valid = False
    assert "token-number" not in str(await failure(step, f"{url}/x", auth=oauth2(url)))
    encoded = base64.b64encode(b"ann:hush-hush").decode()

    async def echo(request: web.Request) -> web.Response:
        return web.json_response({"sent": request.headers["Authorization"]})

    async with serving(echo) as other:
        answer = await call(step, other, auth={"basic": {"user": "ann", "password": "hush-hush"}})
    assert encoded not in str(answer)


@pytest.mark.parametrize(
    ("status", "answer", "sentence", "meaning"),
    [
        (401, {}, "answered 401", "definite retryable"),
        (500, {}, "answered 500", "definite retryable"),
        (200, {"access_token": None}, "without an `access_token`", "definite final"),
        (200, {"access_token": "a\nb"}, "fits into no header", "definite final"),
        (200, {"token_type": "mac"}, "no bearer token", "definite final"),
    ],
)
async def test_without_a_token_the_call_is_not_sent(
    tokens: tuple[TokenServer, str], status: int, answer: dict[str, Any], sentence: str, meaning: str
) -> None:
    server, url = tokens
    server.status, server.answer = status, answer
    error = await failure(HttpStep(allow=LOCAL), f"{url}/x", method="POST", auth=oauth2(url))
    assert f"POST {url}/x was not sent: it got no access token:" in str(error)
    assert sentence in str(error)
    assert kind(error) == meaning
    assert not server.calls
    secret = base64.b64encode(b"me%3A1:s%2Fecret%2B1").decode()
    assert secret not in str(error), "the token server repeated it"


async def test_a_token_server_at_a_private_address_is_not_asked() -> None:
    step = HttpStep(allow=["192.0.2.7"])
    error = await failure(step, "https://192.0.2.7/x", auth=oauth2("https://10.0.0.1"))
    assert "POST https://10.0.0.1/token was not sent: 10.0.0.1 is not a public address" in str(error)


async def test_a_token_that_lives_short_is_asked_for_again() -> None:
    server = TokenServer()
    async with serving(server.handle) as url:
        step = HttpStep(allow=LOCAL)
        server.answer = {"expires_in": "0.02"}
        await call(step, f"{url}/x", auth=oauth2(url))
        await asyncio.sleep(0.05)
        await call(step, f"{url}/x", auth=oauth2(url))
    assert len(server.given) == 2


@pytest.mark.parametrize(
    ("auth", "name", "value"),
    [
        ({"bearer": "abc"}, "Authorization", "Bearer abc"),
        ({"basic": {"user": "ann", "password": "pä:ss"}}, "Authorization", "Basic YW5uOnDDpDpzcw=="),
        ({"header": {"name": "X-Api-Key", "value": "k"}}, "X-Api-Key", "k"),
    ],
)
async def test_the_sign_in_is_a_header(auth: dict[str, Any], name: str, value: str) -> None:
    seen: list[str | None] = []

    async def note(request: web.Request) -> web.Response:
        seen.append(request.headers.get(name))
        return web.Response()

    async with serving(note) as url:
        await call(HttpStep(allow=LOCAL), url, auth=auth)
    assert seen == [value]


async def test_a_redirect_never_carries_the_sign_in_on() -> None:
    reached: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        reached.append(request.headers.get("Authorization", ""))
        return web.Response()

    async with serving(elsewhere) as other:

        async def away(request: web.Request) -> web.Response:
            return web.Response(status=307, headers={"Location": other})

        async with serving(away) as url:
            error = await failure(HttpStep(allow=LOCAL), url, auth={"bearer": "hush"})
    assert "redirects are not followed" in str(error)
    assert not reached


async def test_a_sign_in_over_plain_http_goes_to_local_hosts_only() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    step = HttpStep(allow=["api.example.com", "build"], resolve=resolve)
    error = await failure(step, "http://api.example.com/", auth={"bearer": "hush"})
    assert str(error).endswith("was not sent: `auth` goes over https only, except to a local host")
    assert "connection was refused" in str(await failure(step, "http://build:1/", auth={"bearer": "hush"}))


@pytest.mark.parametrize(
    "auth",
    [
        {},
        {"bearer": "hush", "basic": {"user": "a", "password": "hush"}},
        {"bearer": ""},
        {"bearer": "hush\r\nX: y"},
        {"basic": {"user": "a:b", "password": "hush"}},
        {"header": {"name": "Host", "value": "hush"}},
        {"header": {"name": "X-Key", "value": "hush\0"}},
        {"oauth2": {"token_url": "https://a.example", "client_id": "a"}},
        {"oauth2": {"token_url": "https://a.example", "client_id": "a", "client_secret": "hush", "x": 1}},
    ],
)
def test_a_sign_in_that_cannot_be_used_is_refused_without_its_value(auth: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        HttpParams.model_validate({"url": "https://h.example/", "auth": auth})
    assert "hush" not in str(caught.value)


# -- what `check` says --------------------------------------------------------------------------------------

FILE = """\
name: a
owner: sam@example.com
inputs: {name: text}
steps:
  - id: call
    uses: http
    with: {WITH}
    gate: {EDIT}
"""


def problems(with_: str, edit: str = "") -> list[str]:
    source = FILE.replace("{WITH}", f"{{{with_}}}").replace("{EDIT}", f"{{{edit}}}")
    try:
        load(source.encode(), kinds=builtin())
    except DefinitionError as error:
        return [f"{problem.path}: {problem.message}" for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("with_", "path", "sentence"),
    [
        (
            "method: POST, url: 'https://a.example/{{ inputs.name }}', json: 1, form: {a: b}",
            "with.form",
            "`json` or `form`",
        ),
        (
            "method: POST, url: 'https://a.example', form: {a: b}, body: '{{ inputs.name }}'",
            "with.body",
            "`form` or `body`",
        ),
        ("url: 'https://a.example', auth: {bearer: abc}", "with.auth.bearer", "is a secret"),
        ("url: 'https://a.example', auth: {bearer: '{{ inputs.name }}'}", "with.auth.bearer", "is a secret"),
        ("url: 'https://a.example', auth: {basic: {user: a, password: b}}", "with.auth.basic.password", "is a secret"),
        ("url: 'https://a.example', auth: {header: {name: X-A, value: b}}", "with.auth.header.value", "is a secret"),
        ("url: 'http://a.example/{{ inputs.name }}', auth: {bearer: '{{ secret.X }}'}", "with.url", "in the clear"),
        (
            "url: 'https://a.example', auth: {oauth2: {token_url: 'https://{{ inputs.name }}/', client_id: a, "
            "client_secret: '{{ secret.X }}'}}",
            "with.auth.oauth2.token_url",
            "names the server",
        ),
        (
            "url: 'https://a.example', auth: {oauth2: {token_url: 'http://a.example', client_id: a, "
            "client_secret: '{{ secret.X }}'}}",
            "with.auth.oauth2.token_url",
            "in the clear",
        ),
        (
            "url: 'https://a.example', auth: {bearer: '{{ secret.X }}'}, headers: {authorization: x}",
            "with.headers.authorization",
            "sets the header authorization itself",
        ),
        (
            "method: POST, url: 'https://a.example', multipart: {a: b}, headers: {Content-Type: text/plain}",
            "with.headers.Content-Type",
            "of its own",
        ),
        ("url: 'https://a.example', auth: {bearr: '{{ secret.X }}'}", "with.auth", "bearr"),
    ],
)
def test_what_can_never_work_is_found_in_the_file(with_: str, path: str, sentence: str) -> None:
    found = problems(with_)
    assert any(path in problem and sentence in problem for problem in found), found


def test_the_sign_in_can_never_be_edited() -> None:
    with_ = "url: 'https://a.example', auth: {basic: {user: a, password: '{{ secret.X }}'}}"
    assert problems(with_) == []
    assert problems(with_, "edit: [auth.basic.user]") == ["steps[0].gate.edit[0]: `auth` can never be edited."]


# -- bodies -------------------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = texts | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False, places=3)


@given(st.dictionaries(texts, scalars | st.lists(scalars, max_size=3) | st.none(), max_size=5))
def test_a_form_is_read_back_as_it_was_given(form: dict[str, Any]) -> None:
    read = HttpParams.model_validate({"url": "https://h.example/", "method": "POST", "form": form}).form
    assert read is not None
    expected = [
        (name, ("true" if item else "false") if isinstance(item, bool) else str(item))
        for name, value in form.items()
        for item in (value if isinstance(value, list) else [] if value is None else [value])
    ]
    pairs = parse_qsl(encode_form(read), keep_blank_values=True, strict_parsing=bool(expected))
    assert [(name, _plain(text)) for name, text in pairs] == [(name, _plain(text)) for name, text in expected]


def _plain(text: str) -> object:
    try:
        number = Decimal(text)
    except ArithmeticError:
        return text
    # A text that is NaN would not be equal to itself.
    return number if number.is_finite() else text


async def test_a_form_and_its_parts_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, list[tuple[str, str]]]] = []

    async def note(request: web.Request) -> web.Response:
        fields = [(name, str(value)) for name, value in (await request.post()).items()]
        seen.append((request.content_type, fields))
        return web.Response()

    fields: dict[str, Any] = {
        "name": "Ann & Ben",
        "n": 3,
        "ok": True,
        "tags": ["a", "ü"],
        "none": None,
        "größe": "x\r\ny",
        "q\"'": "y",
    }
    plain = [("name", "Ann & Ben"), ("n", "3"), ("ok", "true"), ("tags", "a"), ("tags", "ü"), ("größe", "x\r\ny")]
    async with serving(note) as url:
        await call(HttpStep(allow=LOCAL), url, method="POST", form=fields)
        await call(HttpStep(allow=LOCAL), url, method="POST", multipart=fields)
    assert [kind for kind, _ in seen] == ["application/x-www-form-urlencoded", "multipart/form-data"]
    assert seen[0][1] == [*plain, ("q\"'", "y")]
    assert seen[1][1] == [*plain, ("q%22'", "y")], "as browsers write names"


async def test_a_call_that_waits_for_the_token_of_another_one_keeps_its_own_time() -> None:
    server = TokenServer()

    async def slow(request: web.Request) -> web.Response:
        if request.path == "/token":
            await asyncio.sleep(0.6)
        return await server.handle(request)

    async with serving(slow) as url:
        step = HttpStep(allow=LOCAL)
        async with asyncio.TaskGroup() as tasks:
            patient = tasks.create_task(call(step, f"{url}/x", auth=oauth2(url)))
            await asyncio.sleep(0.1)
            error = await failure(step, f"{url}/x", seconds=0.2, method="POST", auth=oauth2(url))
        assert str(error).endswith("/x was not sent: it got no access token: there was no time left")
        assert kind(error) == "definite retryable"
        assert patient.result()["status"] == 200
    assert len(server.given) == 1


async def test_a_step_whose_time_is_spent_on_the_token_sends_nothing() -> None:
    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    async with serving(slow) as url:
        params = HttpParams.model_validate({"url": f"{url}/x", "auth": oauth2(url)})
        with pytest.raises(StepError, match=r"it got no access token: POST .* did not answer in time"):
            await HttpStep(allow=LOCAL).run(params, context(0.2))
