"""Builds the application of the Agent Approval Protocol."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from bot.aap.application import AapApplication
from bot.aap.instance_handlers import InstanceHandlers
from bot.aap.receiver_check import ReceiverCheck
from bot.aap.request_handlers import RequestHandlers
from bot.api.setup import OpenedApi
from engine.code_derivation import Codes
from engine.ports import Clock
from engine.service import CallbackEndpoints, Engine
from engine.service.instance_updates import InstanceUpdates
from engine.service.instances import Instances
from engine.steps import url_guard


def application(
    engine: Engine, api: OpenedApi, codes: Codes, clock: Clock, http_allow: Sequence[str]
) -> AapApplication:
    """Return the application beside the one of our own API. `http_allow`: hosts that receivers may have as well."""
    instances, guard = Instances(engine), url_guard.Guard(http_allow)
    endpoints = CallbackEndpoints(engine, codes, guard, url_guard.system_resolve)
    check = ReceiverCheck(guard, now=clock.now, new_uuid=lambda: str(uuid.uuid4()))
    return AapApplication(
        api.access,
        RequestHandlers(engine, api.waits, instances),
        InstanceHandlers(instances, InstanceUpdates(engine), endpoints, codes, check),
    )
