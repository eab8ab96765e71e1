"""Sets callbacks up: their channel, and the commands about endpoints."""

from __future__ import annotations

from functools import partial

from bot.callbacks.channel import CallbackChannel
from bot.callbacks.client import CallbackClient
from bot.settings import Settings
from engine.code_derivation import Codes
from engine.domain.callbacks import SEALED_FOR
from engine.ports import Clock, StepServices
from engine.service import CallbackEndpoints, Engine
from engine.steps.url_guard import Guard, system_resolve


def channel(settings: Settings, services: StepServices, codes: Codes, clock: Clock) -> CallbackChannel:
    """Return the channel. It calls the hosts that `http` steps may call."""
    client = CallbackClient(Guard(settings.http_allow), services.resolve or system_resolve)
    return CallbackChannel(client, unseal=partial(codes.unseal, purpose=SEALED_FOR), now=clock.now)


def endpoints(settings: Settings, services: StepServices, codes: Codes, engine: Engine) -> CallbackEndpoints:
    """Return the commands about endpoints."""
    resolve = services.resolve or system_resolve
    return CallbackEndpoints(engine, codes, Guard(settings.http_allow), resolve)
