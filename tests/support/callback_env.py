"""The engine with programs that are told what became of what they asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bot.callbacks.channel import CallbackChannel
from bot.callbacks.client import CallbackClient
from bot.presentation import callback_card
from bot.presentation import card as cards
from engine.code_derivation import MIN_KEY, Codes
from engine.delivery.outbox import Relay
from engine.domain import Address, DeliveryKind, Origin, Refusal
from engine.domain.api_keys import ApiAction, ApiKeyMade, CreateApiKey
from engine.domain.asks import Ask, AskContent, Asked, AskUse, AskView
from engine.domain.callbacks import SEALED_FOR, AddCallback, CallbackSecretMade
from engine.json_values import Value
from engine.read_models import DeliveryView
from engine.service import ApiKeys, CallbackEndpoints, Engine
from engine.steps.url_guard import Guard, system_resolve
from engine.system import SystemClock
from tests.support.callback_receiver import CallbackReceiver
from tests.support.databases import OpenStore
from tests.support.engine_env import LEE, SAM, TERMINAL, EngineEnv, open_engine

API: Final = Origin(surface="api")
ADMIN: Final = SAM
FLOW: Final = f"""
name: approvals
title: Tool calls of agents
owner: {SAM.value}
steps:
  - id: call
    uses: ask
    with: {{valid_for: 30m, outcome_within: 10m}}
    gate:
      when: "{{{{ ask.arguments.amount > 5 }}}}"
      approvers: [{LEE.value}]
      expires: 4h
"""
CODES: Final = Codes(b"k" * MIN_KEY)
"""The key of the server."""
SECONDS: Final = 0.3
"""How long a receiver may take, in seconds."""


@dataclass(slots=True)
class CallbackEnv:
    """An engine with one program and its endpoint. `endpoints`: the commands about endpoints."""

    engine: EngineEnv
    keys: ApiKeys
    endpoints: CallbackEndpoints
    program: Address
    taking: CallbackReceiver
    endpoint: str

    async def ask(self, **content: Any) -> str:
        """Ask, and do all work that is due."""
        run = await self.only_ask(**content)
        await self.engine.settle()
        return run

    async def only_ask(self, **content: Any) -> str:
        parts = {"title": "Refund 12 EUR", "tool": "refund", "arguments": {"amount": 12}, "use": AskUse.ONCE}
        command = Ask(
            content=AskContent(**{**parts, "callback": self.taking.url, **content}),
            actor=self.program,
            agent="Support agent",
            origin=API,
        )
        asked = await self.engine.engine.ask(command)
        assert isinstance(asked, Asked), asked
        return asked.run

    async def view(self, run: str) -> AskView:
        view = await self.engine.engine.ask_view(run, self.program)
        assert isinstance(view, AskView)
        return view

    async def callbacks(self, run: str) -> list[DeliveryView]:
        """Return the callbacks of an ask, the oldest first."""
        copies = await self.engine.engine.deliveries(run=run)
        return [copy for copy in copies if copy.kind is DeliveryKind.CALLBACK]

    async def alerts(self, run: str) -> list[str | None]:
        copies = await self.engine.engine.deliveries(run=run)
        return [copy.topic for copy in copies if copy.kind is DeliveryKind.ALERT]

    def events(self) -> list[str]:
        """Return the events that the receiver took, in their order."""
        return [body["type"] for _, body in self.taking.calls]


def write_ask(view: AskView) -> dict[str, Value]:
    """Return the parts of an ask that these tests look at."""
    outcome = None if view.outcome is None else view.outcome.status.value
    return {"id": view.id, "status": view.status.value, "arguments": dict(view.arguments), "outcome": outcome}


def relay_of(env: EngineEnv, codes: Codes, *, seconds: float = SECONDS) -> Relay:
    """Return a relay that sends callbacks as well."""
    unseal = lambda sealed: codes.unseal(sealed, SEALED_FOR)  # noqa: E731
    client = CallbackClient(Guard(["127.0.0.1"]), seconds=seconds)
    callback = CallbackChannel(client, unseal=unseal, now=SystemClock().now)
    bodies = {"signoff": callback_card.writes_asks(write_ask)}
    return Relay(
        env.store,
        channels={"recording": env.channel, "slack": env.channel, "email": env.mail, "callback": callback},
        directory=env.advancer.directory,
        render=cards.with_pages(None, bodies),
        codes=codes,
    )


@asynccontextmanager
async def callback_env(
    path: Path, taking: CallbackReceiver, open_store: OpenStore | None = None
) -> AsyncIterator[CallbackEnv]:
    """Open the engine with a program whose endpoint is the receiver."""
    async with open_engine(path, open_store=open_store) as env:
        env.engine = Engine(env.store, env.advancer, admins=frozenset({ADMIN}), clock=env.clock)
        env.relay = relay_of(env, CODES)
        await env.register(FLOW)
        endpoints = CallbackEndpoints(env.engine, CODES, Guard(["127.0.0.1"]), system_resolve)
        made = await ApiKeys(env.engine).create(
            CreateApiKey(name="Support agent", actions=(ApiAction.ASK,), actor=ADMIN, origin=TERMINAL)
        )
        assert isinstance(made, ApiKeyMade), made
        added = await endpoints.add(AddCallback(key="Support agent", url=taking.url, actor=ADMIN, origin=TERMINAL))
        assert isinstance(added, CallbackSecretMade), added
        taking.secret = added.secret
        program = Address("api", made.view.id)
        yield CallbackEnv(env, ApiKeys(env.engine), endpoints, program, taking, added.view.id)


def refused(result: object) -> Refusal:
    assert isinstance(result, Refusal), result
    return result
