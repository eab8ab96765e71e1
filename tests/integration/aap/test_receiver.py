"""Instances that are woken: the protocol's own receiver is verified, told of each decision, and told by no one else."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from agentapprovalprotocol import AsyncGate, Call, Pending, ProvisionError, Receiver, Request, WebhookVerificationFailed
from agentapprovalprotocol.receiver import new_secret, sign
from starlette.applications import Starlette
from starlette.routing import Route

from bot import http_server
from bot.web import server
from engine.domain import Verdict
from engine.domain.api_keys import ApiAction
from tests.support.aap_env import APPROVALS, CALL, AapEnv, open_aap

REGISTRATION = "8246931c-4ce0-4c15-a94a-e9c078ad06e2"
ALLOWED = {"SIGNOFF_HTTP_ALLOW": "127.0.0.1"}


@dataclass
class Platform:
    """A platform that starts agents: its key, its receiver, and the runs that were woken."""

    env: AapEnv
    key: str
    receiver: Receiver
    url: str
    woken: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def provision(self, **more: Any) -> Any:
        options = {"provider_url": self.env.base_url, "provisioner_token": self.key, "url": self.url, **more}
        return await self.provision_for(self.receiver, **options)

    async def provision_for(self, receiver: Receiver, **options: Any) -> Any:
        """Make an instance for a receiver, whose client is closed at the end."""
        made = await receiver.provision(**options)
        assert receiver.client is not None
        self.env.closing.push_async_callback(receiver.client.aclose)
        return made


@asynccontextmanager
async def open_platform(folder: Path, *, more: Mapping[str, str] | None = None) -> AsyncIterator[Platform]:
    """Run a server, and a platform whose receiver it may call, unless `more` has other settings."""
    woken: asyncio.Queue[str] = asyncio.Queue()

    async def wake(handle: Mapping[str, Any], request: Request) -> None:
        await woken.put(f"{handle['thread_id']} {request.status}")

    receiver = Receiver(resumers={"test": wake})
    site = Starlette(routes=[Route("/aap/events", receiver.asgi(), methods=["POST"])])
    # Bound first, so that no other process of the tests takes the port meanwhile.
    sockets = await server.bound("127.0.0.1", 0)
    url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}/aap/events"
    async with (
        http_server.running(site, sockets),
        open_aap(folder, more=dict(ALLOWED if more is None else more)) as env,
    ):
        key = await env.new_key("Agent platform", ApiAction.PROVISION)
        yield Platform(env, key, receiver, url, woken)


def call(thread: str) -> Call:
    return Call(
        key=f"{thread}:1",
        tool="refund",
        arguments={"amount": 120},
        resume={"framework": "test", "thread_id": thread},
    )


async def test_a_provisioned_instance_is_woken_by_each_end(tmp_path: Path) -> None:
    async with open_platform(tmp_path) as platform:
        made = await platform.provision(instance_name="support-1")
        assert made.instance_name == "support-1"
        env = platform.env
        gate = AsyncGate(env.async_client(made.token), mode="async")
        first, second, third = [await gate.check(call(thread)) for thread in ("one", "two", "three")]
        assert isinstance(first, Pending)
        assert isinstance(second, Pending)
        assert isinstance(third, Pending)
        await env.decide(first.request_id)
        assert await platform.woken.get() == "one approved"
        await env.decide(second.request_id, Verdict.REJECT, reason="No photo.")
        assert await platform.woken.get() == "two denied"
        await env.async_client(made.token).cancel(third.request_id)
        assert await platform.woken.get() == "three cancelled"
        # Taking the approval and its outcome tell no one: the protocol has one event, the decision.
        verdict = await gate.check(call("one"))
        assert verdict
        assert platform.woken.empty()


async def test_a_receiver_that_expects_something_else_gets_no_instance(tmp_path: Path) -> None:
    async with open_platform(tmp_path) as platform:
        platform.receiver.secret, platform.receiver.registration_id = new_secret(), REGISTRATION
        other = Receiver(resumers={}, secret=new_secret(), registration_id=REGISTRATION)
        with pytest.raises(WebhookVerificationFailed):
            await other.provision(provider_url=platform.env.base_url, provisioner_token=platform.key, url=platform.url)
        # Once the receiver is as it has to be, the same call with the same key works.
        other.secret = platform.receiver.secret
        made = await platform.provision_for(
            other, provider_url=platform.env.base_url, provisioner_token=platform.key, url=platform.url
        )
        assert made.token.startswith("sgn_")


async def test_a_repeat_gets_the_same_credential_and_another_body_a_conflict(tmp_path: Path) -> None:
    async with open_platform(tmp_path) as platform:
        first = await platform.provision(idempotency_key="p1")
        second = await platform.provision(idempotency_key="p1")
        assert (first.token, first.instance_id) == (second.token, second.instance_id)
        with pytest.raises(ProvisionError) as refused:
            await platform.provision(idempotency_key="p1", instance_name="another")
        assert (refused.value.status, refused.value.code) == (409, "idempotency_conflict")


async def test_two_calls_with_one_key_ask_the_receiver_once(tmp_path: Path) -> None:
    async with open_platform(tmp_path) as platform:
        await platform.provision(idempotency_key="p0")
        body = {
            "delivery": {
                "type": "webhook",
                "url": platform.url,
                "registration_id": platform.receiver.registration_id,
                "signing_secret": platform.receiver.secret,
            }
        }
        calls = [platform.env.send("POST", "/v1/instances", body, bearer=platform.key, key="p1") for _ in range(4)]
        answers = await asyncio.gather(*calls)
        assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
        assert len({answer.json()["credential"]["token"] for answer in answers}) == 1
        assert all("signing_secret" not in answer.text for answer in answers)


async def test_addresses_that_are_not_public_are_refused_before_a_call(tmp_path: Path) -> None:
    urls = ("https://127.0.0.1/x", "https://10.0.0.1/x", "http://example.com/x", "https://u:p@example.com/", "ftp://x/")
    async with open_platform(tmp_path, more={}) as platform:
        for url in urls:
            with pytest.raises(ProvisionError) as refused:
                await platform.provision(url=url)
            assert (refused.value.status, refused.value.code) == (400, "invalid_webhook_url")


async def test_who_may_make_instances(tmp_path: Path) -> None:
    async with open_platform(tmp_path) as platform:
        with pytest.raises(ProvisionError) as refused:
            await platform.provision(provisioner_token=platform.env.key)
        assert refused.value.status == 403
        made = await platform.provision()
        with pytest.raises(ProvisionError) as refused:
            await platform.provision(provisioner_token=made.token, idempotency_key="p2")
        assert refused.value.status == 403
        asked = await platform.env.send(
            "POST", "/v1/requests", {"tool": "refund", "arguments": {}, "timeout": "1m"}, bearer=platform.key, key="k1"
        )
        assert (asked.status_code, asked.json()["error"]["type"]) == (403, "authorization")


async def test_an_instance_is_read_and_ended_by_its_provisioner(tmp_path: Path) -> None:
    async with open_platform(tmp_path) as platform:
        env = platform.env
        made = await platform.provision(instance_name="support-1", idempotency_key="p1")
        path = f"/v1/instances/{made.instance_id}"
        seen = (await env.send("GET", path, bearer=platform.key)).json()
        delivery = {"type": "webhook", "url": platform.url, "registration_id": made.registration_id}
        assert seen == {"id": made.instance_id, "name": "support-1", "delivery": delivery}
        stranger = await env.new_key("Another platform", ApiAction.PROVISION)
        assert (await env.send("GET", path, bearer=stranger)).status_code == 404
        assert (await env.send("DELETE", path, bearer=stranger)).status_code == 404

        waiting = await env.async_client(made.token).create({"tool": "refund", "arguments": {}, "timeout": "1h"}, "k1")
        assert (await env.send("DELETE", path, bearer=platform.key)).status_code == 204
        assert (await env.send("DELETE", path, bearer=platform.key)).status_code == 204
        assert (await env.send("GET", path, bearer=platform.key)).status_code == 404
        assert (await env.request(waiting.id)).model.state.value == "cancelled"
        refused = await env.send("GET", f"/v1/requests/{waiting.id}", bearer=made.token)
        assert refused.status_code == 401
        again = await env.send("POST", "/v1/instances", {"instance_name": "support-1"}, bearer=platform.key, key="p1")
        assert again.status_code == 409
        assert platform.woken.empty()


async def test_a_forged_or_old_callback_wakes_nothing(tmp_path: Path) -> None:
    async with open_platform(tmp_path) as platform:
        made = await platform.provision()
        body = b'{"id": "m1", "type": "request.resolved", "request_id": "x", "instance_id": "other"}'
        old, wrong = 1_000, new_secret()
        for secret, at in ((made.secret, old), (wrong, old)):
            headers = {
                "webhook-id": "m1",
                "webhook-timestamp": str(at),
                "webhook-signature": sign(secret, "m1", at, body),
            }
            async with httpx.AsyncClient() as client:
                assert (await client.post(platform.url, content=body, headers=headers)).status_code == 401
        assert platform.woken.empty()


async def test_an_instance_never_passes_for_a_program_of_the_operator(tmp_path: Path) -> None:
    rules = "rules:\n  - agent: [Billing, Billing *]\n    approve: true\n"
    async with open_platform(tmp_path) as platform:
        env = platform.env
        await env.server.register(APPROVALS.replace("rules:\n", rules))
        await env.new_key("Billing", ApiAction.ASK)
        for wanted in ("Billing", "Billing 2", None):
            name = {} if wanted is None else {"instance_name": wanted}
            made = (await env.send("POST", "/v1/instances", name, bearer=platform.key, key=f"p-{wanted}")).json()
            assert wanted in (None, made["instance"]["name"])
            asked = (
                await env.send("POST", "/v1/requests", dict(CALL), bearer=made["credential"]["token"], key="r1")
            ).json()
            assert asked["status"] == "pending"
            agent = (await env.request(asked["id"])).model.ask
            assert agent is not None
            assert re.fullmatch(rf"Agent platform \d+ / {wanted or ''}.*", agent.agent)
