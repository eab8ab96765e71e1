"""The routes for instances of the Agent Approval Protocol, for programs that may set agents up."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Final
from weakref import WeakValueDictionary

from msgspec import UnsetType

from bot.aap import protocol_ids, refused
from bot.aap.instance_bodies import Delivery, InstanceChanges, NewInstance, read_changes, read_instance
from bot.aap.receiver_check import ReceiverCheck
from bot.aap.request_handlers import Answer, idempotency_key
from bot.api import json_bodies
from bot.api.calls import ApiCall
from engine import api_key_text, json_values
from engine.code_derivation import Codes, hashed
from engine.domain import Refusal
from engine.domain.api_keys import ApiAction, ApiPrincipal
from engine.domain.callbacks import SEALED_FOR, AddCallback
from engine.id_times import ALPHABET
from engine.json_values import Value
from engine.service import CallbackEndpoints
from engine.service.instance_updates import InstanceUpdates, NewReceiver, UpdateInstance
from engine.service.instances import PROTOCOL, UNDER, Instances, InstanceView, ProvisionInstance

_PURPOSE: Final = "aap instance"


class InstanceHandlers:
    """`codes`: derives the keys of instances, so that a repeat gets the same one and none is stored."""

    def __init__(
        self,
        instances: Instances,
        updates: InstanceUpdates,
        endpoints: CallbackEndpoints,
        codes: Codes,
        check: ReceiverCheck,
    ) -> None:
        self._instances, self._updates, self._endpoints = instances, updates, endpoints
        self._codes, self._check = codes, check
        self._under_way: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def create(self, call: ApiCall, _: str) -> Answer:
        """Answer `POST /v1/instances`. Nothing is made for a receiver that does not expect it."""
        call.require(ApiAction.PROVISION)
        key, wanted = idempotency_key(call), read_instance(await json_bodies.read_bytes(call))
        command, secret = self._command(call.principal, key, wanted)
        # Two calls with one key do not ask the receiver twice at the same time.
        async with self._under_way.setdefault(command.id, asyncio.Lock()):
            made = await self._made(command, wanted.delivery)
            if wanted.delivery is not None:
                await self._connect(call, made, wanted.delivery)
        shown = await self._present(call, made)
        credential: Value = {"token": api_key_text.write(made.id, secret)}
        return 201 if made.created else 200, {"instance": shown, "credential": credential}

    async def get(self, call: ApiCall, instance: str) -> Answer:
        """Answer `GET /v1/instances/{id}`."""
        call.require(ApiAction.PROVISION)
        found = await self._instances.find(call.principal, instance)
        if isinstance(found, Refusal):
            raise refused.error(found)
        return 200, await self._present(call, found)

    async def update(self, call: ApiCall, instance: str) -> Answer:
        """Answer `PATCH /v1/instances/{id}`. Nothing is changed for a receiver that does not expect it."""
        call.require(ApiAction.PROVISION)
        key, changes = idempotency_key(call), read_changes(await json_bodies.read_bytes(call))
        command = self._change(call.principal, instance, key, changes)
        # Two calls with one key do not ask the receiver twice at the same time.
        async with self._under_way.setdefault(instance, asyncio.Lock()):
            updated = await self._updates.earlier(command)
            if updated is None:
                if isinstance(changes.delivery, Delivery):
                    await self._check.verify(changes.delivery, protocol_ids.to_uuid(instance))
                updated = await self._updates.update(command)
        if isinstance(updated, Refusal):
            raise refused.error(updated)
        return 200, _shown(updated.view, call.principal.name, updated.delivery)

    async def delete(self, call: ApiCall, instance: str) -> Answer:
        """Answer `DELETE /v1/instances/{id}`: its key ends, what it asks is withdrawn, and no one is told."""
        call.require(ApiAction.PROVISION)
        ended = await self._instances.retire(call.principal, instance, call.origin)
        if ended is not None:
            raise refused.error(ended)
        return 204, {}

    def _command(self, program: ApiPrincipal, key: str, wanted: NewInstance) -> tuple[ProvisionInstance, str]:
        """Return the command and the secret of the key, which are the same for the same call."""
        seed = f"{program.id}\n{key}"
        delivery = None if wanted.delivery is None else wanted.delivery.sent
        sent = json_values.digest({"name": wanted.name, "delivery": delivery})
        secret = self._codes.secret(_PURPOSE, f"{seed}\n{sent}")
        id_ = "".join(ALPHABET[byte & 31] for byte in hashlib.sha256(seed.encode()).digest()[:17])
        command = ProvisionInstance(id=id_, hash=hashed(secret), name=wanted.name, provisioner=program)
        return command, secret

    def _change(self, program: ApiPrincipal, instance: str, key: str, wanted: InstanceChanges) -> UpdateInstance:
        delivery = wanted.delivery
        named = {} if isinstance(wanted.name, UnsetType) else {"name": wanted.name}
        sent = {} if isinstance(delivery, UnsetType) else {"delivery": delivery.sent if delivery else None}
        return UpdateInstance(
            instance=instance,
            provisioner=program,
            key=json_values.digest(key),
            body=json_values.digest({**named, **sent}),
            name=wanted.name,
            receiver=self._receiver(delivery) if isinstance(delivery, Delivery) else delivery,
        )

    def _receiver(self, delivery: Delivery) -> NewReceiver:
        details = json_values.dumps(delivery.shown)
        return NewReceiver(url=delivery.url, secret=self._codes.seal(delivery.secret, SEALED_FOR), details=details)

    async def _present(self, call: ApiCall, instance: InstanceView) -> dict[str, Value]:
        endpoint = await self._instances.endpoint(instance.id)
        return _shown(instance, call.principal.name, None if endpoint is None else endpoint.details or "{}")

    async def _made(self, command: ProvisionInstance, delivery: Delivery | None) -> InstanceView:
        made = await self._instances.earlier(command)
        if made is None:
            if delivery is not None:
                await self._check.verify(delivery, protocol_ids.to_uuid(command.id))
            made = await self._instances.provision(command)
        if isinstance(made, Refusal):
            raise refused.of_instance(made)
        return made

    async def _connect(self, call: ApiCall, made: InstanceView, delivery: Delivery) -> None:
        """Add the endpoint of an instance, unless an earlier call did. A later update may have removed it."""
        if await self._instances.was_told(made.id):
            return
        command = AddCallback(
            key=made.id,
            url=delivery.url,
            actor=call.actor,
            origin=call.origin,
            secret=delivery.secret,
            protocol=PROTOCOL,
            details=json_values.dumps(delivery.shown),
        )
        added = await self._endpoints.add(command)
        if isinstance(added, Refusal):
            raise refused.error(added)


def _shown(instance: InstanceView, by: str, delivery: str | None) -> dict[str, Value]:
    """Return an instance by the name that its provisioner gave it. `by`: the name of the provisioner."""
    name = instance.name.removeprefix(f"{by}{UNDER}")
    shown: dict[str, Value] = {"id": protocol_ids.to_uuid(instance.id), "name": name}
    return {**shown, "delivery": json.loads(delivery)} if delivery is not None else shown
