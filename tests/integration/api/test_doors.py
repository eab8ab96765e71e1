"""What stands in front of each call: paths, methods, bodies, keys and rates. Every error is a problem for programs."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from bot.api.json_bodies import MOST_BYTES
from engine.domain.api_keys import ApiAction, RevokeApiKey
from engine.service import ApiKeys
from tests.support.api_env import ApiEnv, closed, exchange, open_api
from tests.support.engine_env import SAM, TERMINAL

CALLS = [
    ("POST", "/asks"),
    ("GET", "/asks"),
    ("GET", "/asks/abc"),
    ("GET", "/asks/abc/events"),
    ("POST", "/asks/abc/consume"),
    ("POST", "/asks/abc/outcome"),
    ("POST", "/asks/abc/cancel"),
    ("GET", "/asks/abc/callbacks"),
    ("POST", "/callbacks/abc/redeliver"),
    ("POST", "/runs"),
    ("GET", "/runs"),
    ("GET", "/runs/abc"),
    ("POST", "/runs/abc/cancel"),
    ("GET", "/requests"),
    ("GET", "/requests/abc"),
    ("GET", "/requests/abc/deliveries"),
    ("GET", "/decisions"),
    ("GET", "/workflows"),
    ("GET", "/workflows/pay"),
]
WRONG_KEYS = ["", "sgn_nothing", "sgn_abcdefghijklmnopq_" + "x" * 43, "not a key", "sgn_" + "9" * 5_000]


async def test_every_call_needs_a_key(api: ApiEnv) -> None:
    for method, path in CALLS:
        # After many wrong keys from one address in a short time, the answer is 429.
        api.env.pass_time(minutes=11)
        for key in WRONG_KEYS:
            reply = await api.call(method, path, {} if method == "POST" else None, key=key)
            assert (reply.status, reply.code) == (401, "api-key-refused"), (method, path, key)
            assert reply.headers["WWW-Authenticate"].startswith("Bearer")
            assert "RateLimit" not in reply.headers


async def test_the_calls_of_this_test_are_all_that_there_are(api: ApiEnv) -> None:
    document = (await api.call("GET", "/openapi.json", key="")).body
    declared = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert len(declared) == len(CALLS)
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": f"{api.url}/api/v1"}]


async def test_a_key_of_another_scheme_or_place_is_no_key(api: ApiEnv) -> None:
    for headers in ({"Authorization": f"Basic {api.key}"}, {"X-Api-Key": api.key}, {"Cookie": f"key={api.key}"}):
        assert (await api.call("GET", "/runs", key="", headers=headers)).status == 401
    assert (await api.call("GET", f"/runs?key={api.key}", key="")).status == 401
    for scheme in ("bearer", "BEARER", "Bearer "):
        sent = {"Authorization": f"{scheme} {api.key}"}
        assert (await api.call("GET", "/runs", key="", headers=sent)).status == 200


async def test_a_revoked_key_is_refused(api: ApiEnv) -> None:
    key = await api.new_key("Old agent")
    assert (await api.call("GET", "/asks", key=key)).status == 200
    await ApiKeys(api.env.engine).revoke(RevokeApiKey(key="Old agent", actor=SAM, origin=TERMINAL))
    api.env.pass_time(seconds=2)
    reply = await api.call("GET", "/asks", key=key)
    assert (reply.status, reply.code) == (401, "api-key-refused")
    assert "revoked" in reply.body["detail"]


async def test_a_key_does_what_it_may_and_nothing_else(api: ApiEnv) -> None:
    asks, starts, reads = [await api.new_key(action.value, actions=(action,)) for action in tuple(ApiAction)[:3]]
    some = await api.new_key("Some workflows", workflows=("free", "x*"))
    start = {"workflow": "pay", "inputs": {"amount": {"amount": "1.00", "currency": "EUR"}}}
    for key, body, path, status in [
        (asks, {"title": "May I?"}, "/asks", 201),
        (starts, {"title": "May I?"}, "/asks", 403),
        (reads, {"title": "May I?"}, "/asks", 403),
        (asks, start, "/runs", 403),
        (starts, start, "/runs", 201),
        (reads, start, "/runs", 403),
        (some, {"title": "May I?"}, "/asks", 403),
        (some, {"title": "May I?", "workflow": "free"}, "/asks", 201),
        (some, start, "/runs", 403),
    ]:
        reply = await api.call("POST", path, body, key=key)
        assert reply.status == status, reply.text
        if status == 403:
            assert reply.code == "api-key-forbids"
    since = "/decisions?since=2020-01-01T00:00:00Z"
    assert [(await api.call("GET", since, key=key)).status for key in (asks, starts, reads)] == [403, 403, 200]


async def test_no_path_and_no_body_decides(api: ApiEnv) -> None:
    document = (await api.call("GET", "/openapi.json", key="")).text
    paths = json.loads(document)["paths"]
    assert not [path for path in paths if any(word in path for word in ("decide", "approve", "reject", "answer"))]
    ask = await api.ask()
    for word in ("decide", "approve", "reject", "answer", "decision"):
        assert (await api.call("POST", f"/asks/{ask['id']}/{word}", {"verdict": "approve"})).status == 404
        reply = await api.call("POST", "/asks", {"title": "May I?", word: "approve"})
        assert (reply.status, reply.body["errors"]) == (422, {word: "is not a part that this call knows"})


async def test_an_unknown_path_is_a_problem_and_no_page(api: ApiEnv) -> None:
    for path in ("/nothing", "", "/", "/asks/a/b/c", "/openapi.yaml", "/asks/a%2Fb%2Fc", "/ASKS"):
        reply = await api.call("GET", path)
        assert (reply.status, reply.code) == (404, "unknown-path"), path


async def test_a_wrong_method_says_which_are_right(api: ApiEnv) -> None:
    for method in ("PUT", "DELETE", "PATCH", "TRACE"):
        reply = await api.call(method, "/asks")
        assert (reply.status, reply.code, reply.headers["Allow"]) == (
            405,
            "method-not-allowed",
            "GET, HEAD, OPTIONS, POST",
        )
    reply = await api.call("OPTIONS", "/asks", key="")
    assert (reply.status, reply.text, reply.headers["Allow"]) == (204, "", "GET, HEAD, OPTIONS, POST")
    assert "Access-Control-Allow-Origin" not in reply.headers


async def test_head_is_get_without_its_body(api: ApiEnv) -> None:
    get, head = await api.call("GET", "/asks"), await api.call("HEAD", "/asks")
    assert (head.status, head.text) == (200, "")
    assert head.headers["Content-Length"] == get.headers["Content-Length"]
    assert (await api.call("HEAD", "/asks", key="")).status == 401
    ask = await api.ask()
    assert (await api.call("HEAD", f"/asks/{ask['id']}/events")).status == 200


async def test_a_slash_at_the_end_is_ignored_and_nothing_redirects(api: ApiEnv) -> None:
    for path in ("/asks/", "/asks//", "/openapi.json/"):
        assert (await api.call("GET", path)).status == 200
    assert (await api.call("POST", "/asks/", {"title": "May I?"})).status == 201


async def test_the_prefix_of_the_public_address_may_be_there_or_removed(tmp_path: Path) -> None:
    async with open_api(tmp_path / "signoff.db", prefix="/signoff") as api:
        assert (await api.call("GET", "/asks")).status == 200
        api.url = api.url.removesuffix("/signoff")
        assert (await api.call("GET", "/asks")).status == 200
        assert (await api.call("GET", "/openapi.json")).body["servers"][0]["url"].endswith("/signoff/api/v1")


async def test_every_answer_carries_safe_headers_and_its_id(api: ApiEnv) -> None:
    for path in ("/asks", "/nothing", "/openapi.json"):
        headers = (await api.call("GET", path, headers={"X-Request-Id": "mine-1"})).headers
        assert headers["X-Request-Id"] == "mine-1"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert "Server" not in headers


UNREADABLE = {
    b"": "expecting value",
    b"{": "expecting property name",
    b"[1,]": "",
    b'{"title": "a", "title": "b"}': "there twice",
    b'{"title": "a", "arguments": {"x": {"y": 1, "y": 2}}}': 'the key "y" is there twice',
    rb'{"title": "a", "arguments": {"x": {"\ud800": 1, "\ud801": 2}}}': "there twice",
    b'{"title": "a", "arguments": {"n": NaN}}': "NaN is not a number",
    b'{"title": "a", "arguments": {"n": -Infinity}}': "-Infinity is not a number",
    b'{"title": "a", "arguments": {"n": 1e999999}}': "digits",
    b'{"title": "a", "arguments": {"n": 1e99999999999999999999}}': "too large",
    b'{"title": "a", "arguments": {"n": ' + b"9" * 5_000 + b"}}": "too large",
    b'{"title": "a", "arguments": {"n": ' + b"9" * 500 + b"}}": "400 digits",
    b'{"title": "a", "arguments": ' + b'{"a":' * 70 + b"1" + b"}" * 70 + b"}": "deeper than 64",
    b'{"a":' * 100_000 + b"1" + b"}" * 100_000: "deeper than 64",
    b'{"title": "\xff"}': "not in UTF-8",
    b"\xef\xbb\xbf{}": "",
    b'{"title": "a"} x': "extra data",
}


async def test_a_body_that_readers_could_read_differently_is_refused(api: ApiEnv) -> None:
    for body, reason in UNREADABLE.items():
        reply = await api.call("POST", "/asks", raw=body, headers={"Content-Type": "application/json"})
        assert (reply.status, reply.code) == (400, "unreadable-body"), (body[:100], reply.text)
        assert reason in reply.body["detail"]
        assert len(reply.text) < 600


async def test_a_body_that_is_no_object_is_refused(api: ApiEnv) -> None:
    for body in (b"[]", b"1", b'"a"', b"null", b"true"):
        reply = await api.call("POST", "/asks", raw=body, headers={"Content-Type": "application/json"})
        assert (reply.status, reply.body["errors"]) == (422, {"body": "must be a JSON object"}), body


WRONG_TYPES: list[tuple[dict[str, object], dict[str, str]]] = [
    ({"editable": "amount"}, {"editable": "must be true or false or must be a list"}),
    ({"editable": [1]}, {"editable.0": "must be text"}),
    ({"fields": {"a": 3}}, {"fields.a": "must be text or must be a JSON object"}),
    ({"title": 3}, {"title": "must be text"}),
]


async def test_a_part_of_a_wrong_type_is_named_as_the_program_wrote_it(api: ApiEnv) -> None:
    for part, errors in WRONG_TYPES:
        reply = await api.call("POST", "/asks", {"title": "Refund?", **part})
        assert (reply.status, reply.body["errors"]) == (422, errors), part


async def test_a_longer_wait_is_refused_with_the_longest(api: ApiEnv) -> None:
    for wait in ("5m", "61s", "soon", "", "-1s"):
        reply = await api.call("GET", f"/asks/abc?wait={wait}")
        assert (reply.status, reply.body["errors"]) == (422, {"wait": "must be at most 60s, such as 30s"})


async def test_wrong_parts_are_named_and_their_values_are_not_shown(api: ApiEnv) -> None:
    body = {"title": "", "tool": 5, "risk": "enormous", "use": "twice", "limit": 1, "expires_in": "soon", "fields": []}
    reply = await api.call("POST", "/asks", body)
    assert (reply.status, reply.code) == (422, "invalid-input")
    assert set(reply.body["errors"]) == set(body)
    assert "enormous" not in reply.text
    assert "soon" not in reply.text.replace("as soon", "")


async def test_large_bodies_are_refused_early_and_while_they_come(api: ApiEnv) -> None:
    sent = {"Content-Type": "application/json"}
    async with api.session.post(
        f"{api.url}/api/v1/asks",
        data=io.BytesIO(b" " * (MOST_BYTES + 1)),
        headers={**sent, "Authorization": f"Bearer {api.key}"},
    ) as response:
        assert (response.status, (await response.json(content_type=None))["code"]) == (413, "content-too-large")
    head = (
        f"POST /api/v1/asks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.key}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    answer = await exchange(api.port, head.encode() + chunk * 17)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"content-too-large" in answer


async def test_other_kinds_of_bodies_are_refused(api: ApiEnv) -> None:
    body = b'{"title": "May I?"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "", "application/json; charset=utf-16"):
        reply = await api.call("POST", "/asks", raw=body, headers={"Content-Type": kind})
        assert (reply.status, reply.code) == (415, "unsupported-media-type")
    sent = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    reply = await api.call("POST", "/asks", raw=gzip.compress(body), headers=sent)
    assert (reply.status, reply.headers["Accept-Encoding"]) == (415, "identity")
    assert (
        await api.call("POST", "/asks", raw=body, headers={"Content-Type": "application/json; charset=UTF-8"})
    ).status == 201


async def test_a_body_that_stops_coming_is_given_up(api: ApiEnv) -> None:
    head = (
        f"POST /api/v1/asks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    )
    _, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(head.encode() + b'{"title":')
    await writer.drain()
    # Others are served meanwhile.
    assert (await api.call("GET", "/asks")).status == 200
    await closed(writer)
    assert (await api.call("GET", "/asks")).body["asks"] == []


async def test_numbers_keep_every_digit_in_both_directions(api: ApiEnv) -> None:
    text = '{"a":12345678901234567890123456789.10,"b":0.1,"c":1E-30,"d":99999999999999999999999,"e":1.50}'
    raw = b'{"title":"Exact?","arguments":' + text.encode() + b"}"
    created = await api.call("POST", "/asks", raw=raw, headers={"Content-Type": "application/json"})
    for reply in (created, await api.call("GET", f"/asks/{created.body['id']}")):
        assert reply.body["arguments"] == {
            "a": Decimal("12345678901234567890123456789.10"),
            "b": Decimal("0.1"),
            "c": Decimal("1E-30"),
            "d": 99999999999999999999999,
            "e": Decimal("1.50"),
        }
        assert "12345678901234567890123456789.10" in reply.text
        assert "1.50" in reply.text


async def test_texts_of_every_kind_come_back_as_they_were(api: ApiEnv) -> None:
    texts = ["é" * 5_000, "\u202eevil\u202c", "👩‍👩‍👧", "a\u0000b", "line\nline\u2028", "\ud83d", "<b>&amp;</b>"]
    shown = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in texts]
    created = await api.ask(arguments={f"t{at}": text for at, text in enumerate(texts)})
    reply = await api.call("GET", f"/asks/{created['id']}")
    assert [reply.body["arguments"][f"t{at}"] for at in range(len(texts))] == shown


async def test_unknown_and_doubled_parts_of_a_query_are_refused(api: ApiEnv) -> None:
    for path in ("/asks?page=2", "/runs?limit=0", "/runs?limit=x", "/asks?limit=1&limit=2", "/workflows?a=b"):
        reply = await api.call("GET", path)
        assert (reply.status, reply.code) == (422, "invalid-input"), path


async def test_the_rate_of_a_key_is_limited_and_told(api: ApiEnv) -> None:
    key = await api.new_key("Slow agent", per_minute=3)
    replies = [await api.call("GET", "/asks", key=key) for _ in range(3)]
    assert [reply.headers["RateLimit"].split(";")[1] for reply in replies] == ["r=2", "r=1", "r=0"]
    assert replies[0].headers["RateLimit-Policy"] == '"key";q=3;w=60'
    over = await api.call("GET", "/asks", key=key)
    assert (over.status, over.code) == (429, "too-many-calls")
    assert 1 <= int(over.headers["Retry-After"]) <= 20
    # Others have their own.
    assert (await api.call("GET", "/asks")).status == 200


async def test_an_idempotency_key_that_is_none_is_refused(api: ApiEnv) -> None:
    for value in ("", " " * 3, "x" * 256, "ключ"):
        reply = await api.call("POST", "/asks", {"title": "May I?"}, headers={"Idempotency-Key": value})
        assert reply.status == 422, value
        assert "Idempotency-Key" in reply.body["errors"]


async def test_a_key_may_expire(api: ApiEnv) -> None:
    key = await api.new_key("Short agent", lifetime=timedelta(hours=1))
    assert (await api.call("GET", "/asks", key=key)).status == 200
    api.env.pass_time(hours=2)
    assert (await api.call("GET", "/asks", key=key)).status == 401
