"""Instances that change: another name or another receiver, which is checked first, and each call counts once."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from agentapprovalprotocol import AsyncGate, Pending, Receiver
from agentapprovalprotocol.receiver import new_secret
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot import http_server
from bot.web import server
from engine.domain import DEFAULT_WORKSPACE
from engine.domain.api_keys import ApiAction
from engine.domain.callbacks import CallbackEndpointView, EndpointState
from engine.store import callback_endpoints, reconciliation
from engine.store.connection import Connection
from tests.integration.aap.test_receiver import Platform, call, open_platform
from tests.support.aap_env import CALL


@dataclass
class Site:
    """Another receiver of the platform, and how many challenges it got. `is_down`: it answers with `status`, once it
    may."""

    url: str
    receiver: Receiver
    bodies: list[bytes]
    is_down: bool = False
    status: int = 500
    refused: asyncio.Event = field(default_factory=asyncio.Event)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def delivery(self) -> dict[str, Any]:
        return {**self.shown, "signing_secret": self.receiver.secret}

    @property
    def shown(self) -> dict[str, Any]:
        return {"type": "webhook", "url": self.url, "registration_id": self.receiver.registration_id}

    @property
    def challenges(self) -> int:
        return sum(b"webhook.verification" in body for body in self.bodies)


@asynccontextmanager
async def open_site(platform: Platform) -> AsyncIterator[Site]:
    """Run another receiver, which wakes the same runs."""
    receiver = Receiver(
        resumers=platform.receiver.resumers,
        client=lambda: _client(platform),
        secret=new_secret(),
        registration_id=str(uuid.uuid4()),
    )
    sockets = await server.bound("127.0.0.1", 0)
    site = Site(f"http://127.0.0.1:{sockets[0].getsockname()[1]}/events", receiver, [])
    site.may_answer.set()

    async def take(request: Request) -> Response:
        body = await request.body()
        site.bodies.append(body)
        if site.is_down:
            site.refused.set()
            await site.may_answer.wait()
            return Response(status_code=site.status)
        status, answer = await receiver.handle(request.headers, body)
        return Response(answer, status)

    app = Starlette(routes=[Route("/events", take, methods=["POST"])])
    async with http_server.running(app, sockets):
        yield site


def _client(platform: Platform) -> Any:
    assert platform.receiver.client is not None, "the instance was made with the first receiver"
    return platform.receiver.client


async def update(platform: Platform, instance: str, body: Mapping[str, Any], key: str = "u1") -> tuple[int, Any]:
    """Update an instance as its provisioner, and return the status and the body of the answer."""
    path = f"/v1/instances/{instance}"
    answer = await platform.env.send("PATCH", path, dict(body), bearer=platform.key, key=key)
    return answer.status_code, answer.json()


async def read(platform: Platform, instance: str) -> Any:
    return (await platform.env.send("GET", f"/v1/instances/{instance}", bearer=platform.key)).json()


async def ask(platform: Platform, token: str, thread: str) -> str:
    """Ask as an agent that can be woken, and return the request."""
    pending = await AsyncGate(platform.env.async_client(token), mode="async").check(call(thread))
    assert isinstance(pending, Pending)
    return pending.request_id


async def test_an_instance_gets_another_name_and_people_know_it_by_that(tmp_path: Path) -> None:
    async with open_platform(tmp_path) as platform:
        made = await platform.provision(instance_name="support-1")
        status, renamed = await update(platform, made.instance_id, {"instance_name": "support-2"})
        assert status == 200
        assert renamed == {**await read(platform, made.instance_id), "name": "support-2"}
        assert renamed["delivery"]["url"] == platform.url
        request = await platform.env.request(await ask(platform, made.token, "one"))
        assert request.model.ask is not None
        assert request.model.ask.agent.endswith(" / support-2")
        # The name that it has is free for it, and taken for others.
        assert (await update(platform, made.instance_id, {"instance_name": "support-2"}, "u2"))[1] == renamed
        body = {"instance_name": "other"}
        other = await platform.env.send("POST", "/v1/instances", body, bearer=platform.key, key="p2")
        twin = other.json()["instance"]["id"]
        assert (await update(platform, twin, {"instance_name": "support-2"}))[1]["name"] == "support-2 2"
        engine = platform.env.server.app.engine
        assert await engine.store.read(lambda one: [*reconciliation.compare(one, DEFAULT_WORKSPACE)]) == []


async def test_what_waits_for_a_receiver_goes_to_the_new_one(tmp_path: Path) -> None:
    async with open_platform(tmp_path) as platform, open_site(platform) as old, open_site(platform) as new:
        made = await platform.provision()
        assert (await update(platform, made.instance_id, {"delivery": old.delivery}, "u1"))[0] == 200
        first, second = await ask(platform, made.token, "one"), await ask(platform, made.token, "two")
        old.is_down = True
        await platform.env.decide(first)
        await old.refused.wait()
        changed = {"instance_name": "moved", "delivery": new.delivery}
        status, moved = await update(platform, made.instance_id, changed, "u2")
        assert (status, moved["delivery"]) == (200, new.shown)
        assert await platform.woken.get() == "one approved"
        await platform.env.decide(second)
        assert await platform.woken.get() == "two approved"
        # The id and the body are those of the first try.
        assert old.bodies[-1] == new.bodies[1]
        assert (old.challenges, new.challenges) == (1, 1)
        assert platform.woken.empty()


@pytest.mark.parametrize("status", [410, 500])
async def test_what_a_replaced_receiver_answers_says_nothing_about_the_new_one(tmp_path: Path, status: int) -> None:
    async with open_platform(tmp_path) as platform, open_site(platform) as old, open_site(platform) as new:
        made = await platform.provision()
        assert (await update(platform, made.instance_id, {"delivery": old.delivery}, "u1"))[0] == 200
        first, second = await ask(platform, made.token, "one"), await ask(platform, made.token, "two")
        old.is_down, old.status = True, status
        old.may_answer.clear()
        await platform.env.decide(first)
        await old.refused.wait()
        # It is called, and has not answered yet.
        assert (await update(platform, made.instance_id, {"delivery": new.delivery}, "u2"))[0] == 200
        old.may_answer.set()
        assert await platform.woken.get() == "one approved"
        await platform.env.decide(second)
        assert await platform.woken.get() == "two approved"
        [endpoint] = await platform.env.server.app.engine.store.read(_endpoints)
        assert (endpoint.state, endpoint.failures, endpoint.error) == (EndpointState.ACTIVE, 0, None)
        assert old.bodies[-1] == new.bodies[1]
        assert platform.woken.empty()


def _endpoints(connection: Connection) -> list[CallbackEndpointView]:
    return callback_endpoints.views(connection, DEFAULT_WORKSPACE)


async def test_a_receiver_that_expects_something_else_changes_nothing(tmp_path: Path) -> None:
    async with open_platform(tmp_path) as platform, open_site(platform) as new:
        made = await platform.provision(instance_name="support-1")
        before = await read(platform, made.instance_id)
        body = {"instance_name": "moved", "delivery": new.delivery}
        new.is_down = True
        status, refused = await update(platform, made.instance_id, body)
        assert (status, refused["error"]["code"]) == (422, "webhook_verification_failed")
        assert await read(platform, made.instance_id) == before
        await platform.env.decide(await ask(platform, made.token, "one"))
        assert await platform.woken.get() == "one approved"
        # Once the receiver is as it has to be, the same call with the same key works.
        new.is_down = False
        assert (await update(platform, made.instance_id, body))[1]["delivery"] == new.shown


async def test_a_repeat_gets_the_same_answer_and_undoes_no_later_update(tmp_path: Path) -> None:
    async with open_platform(tmp_path) as platform, open_site(platform) as new:
        made = await platform.provision(idempotency_key="p1")
        body = {"instance_name": "first", "delivery": new.delivery}
        answers = await asyncio.gather(*[update(platform, made.instance_id, body) for _ in range(4)])
        assert new.challenges == 1
        assert await update(platform, made.instance_id, {"instance_name": "second", "delivery": None}, "u2") == (
            200,
            {"id": made.instance_id, "name": "second"},
        )
        assert [*answers, await update(platform, made.instance_id, body)] == [answers[0]] * 5
        # The call that made the instance is repeated as well, and sets nothing back.
        assert (await platform.provision(idempotency_key="p1")).token == made.token
        assert await read(platform, made.instance_id) == {"id": made.instance_id, "name": "second"}
        status, conflict = await update(platform, made.instance_id, {"instance_name": "third"})
        assert (status, conflict["error"]["code"]) == (409, "idempotency_conflict")
        # A key counts for one instance.
        other = await platform.env.send("POST", "/v1/instances", {}, bearer=platform.key, key="p2")
        renamed = await update(platform, other.json()["instance"]["id"], {"instance_name": "third"})
        assert (renamed[0], renamed[1]["name"]) == (200, "third")
        assert new.challenges == 1


async def test_without_a_receiver_no_one_is_told_until_there_is_one_again(tmp_path: Path) -> None:
    async with open_platform(tmp_path) as platform, open_site(platform) as new:
        made = await platform.provision()
        early, late = await ask(platform, made.token, "early"), await ask(platform, made.token, "late")
        assert (await update(platform, made.instance_id, {"delivery": None}, "u1"))[0] == 200
        client = platform.env.async_client(made.token)
        untold = await client.create(dict(CALL), "r1")
        await platform.env.decide(early)
        assert (await update(platform, made.instance_id, {"delivery": new.delivery}, "u2"))[0] == 200
        # The agent repeats what it asked before: the receiver is no part of that.
        assert (await client.create(dict(CALL), "r1")).id == untold.id
        await platform.env.decide(late)
        assert await platform.woken.get() == "late approved"
        assert platform.woken.empty()
        told = [body for body in new.bodies if b"request.resolved" in body]
        assert [late.encode() in body for body in told] == [True]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, None),
        ({"instance_name": None}, "instance_name"),
        ({"instance_name": ""}, "instance_name"),
        ({"instance_name": "a" * 61}, "instance_name"),
        ({"name": "x"}, "name"),
        ({"delivery": "none"}, "delivery"),
        ({"delivery": {"type": "webhook", "url": "https://example.com/"}}, "delivery.registration_id"),
    ],
)
async def test_updates_that_say_nothing_clear_are_refused(
    tmp_path: Path, body: dict[str, Any], param: str | None
) -> None:
    async with open_platform(tmp_path) as platform:
        made = await platform.provision(instance_name="support-1")
        before = await read(platform, made.instance_id)
        status, refused = await update(platform, made.instance_id, body)
        assert (status, refused["error"].get("param")) == (400, param)
        assert await read(platform, made.instance_id) == before


async def test_who_may_change_an_instance_and_until_when(tmp_path: Path) -> None:
    async with open_platform(tmp_path) as platform, open_site(platform) as new:
        env, made = platform.env, await platform.provision()
        path, body = f"/v1/instances/{made.instance_id}", {"delivery": new.delivery}
        stranger = await env.new_key("Another platform", ApiAction.PROVISION)
        for bearer, status in ((stranger, 404), (made.token, 403), (env.key, 403)):
            assert (await env.send("PATCH", path, body, bearer=bearer, key="u1")).status_code == status
        assert (await env.send("PATCH", path, body, bearer=platform.key)).status_code == 400
        private = {"delivery": {**new.delivery, "url": "https://10.0.0.1/x"}}
        assert (await update(platform, made.instance_id, private))[1]["error"]["code"] == "invalid_webhook_url"
        assert new.challenges == 0
        assert (await update(platform, made.instance_id, body))[0] == 200
        assert (await env.send("DELETE", path, bearer=platform.key)).status_code == 204
        # A repeat is none any more, either.
        assert (await update(platform, made.instance_id, body))[0] == 404
        assert (await update(platform, made.instance_id, {"instance_name": "x"}, "u2"))[0] == 404
        assert new.challenges == 1
