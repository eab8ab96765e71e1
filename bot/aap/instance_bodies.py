"""What provisioners send about instances, read strictly, and what they are shown. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from msgspec import UNSET, UnsetType

from bot.aap import submissions
from bot.aap.errors import ProtocolError, invalid
from bot.aap.protocol_ids import UUID
from engine.domain.callbacks import LONGEST_URL
from engine.json_values import Value

LONGEST_NAME: Final = 60
"""Maximum length of the name of an instance, in characters."""
_SECRET: Final = re.compile(r"whsec_[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=", re.ASCII)
"""Exactly 32 bytes in standard Base64, in its one form."""
_FIELDS: Final = ("instance_name", "delivery")
_DELIVERY: Final = ("type", "url", "registration_id", "signing_secret")


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where an instance is told of decisions. `registration_id`: by which the receiver finds the secret."""

    url: str
    registration_id: str
    secret: str = field(repr=False)

    @property
    def shown(self) -> dict[str, Value]:
        """Return it as provisioners see it, without the secret."""
        return {"type": "webhook", "url": self.url, "registration_id": self.registration_id}

    @property
    def sent(self) -> dict[str, Value]:
        """Return it as it was sent."""
        return {**self.shown, "secret": self.secret}


@dataclass(frozen=True, slots=True)
class NewInstance:
    """An instance that a provisioner wants."""

    name: str | None
    delivery: Delivery | None


@dataclass(frozen=True, slots=True)
class InstanceChanges:
    """What a provisioner wants to be different. Without a `delivery`, the instance is told of nothing any more."""

    name: str | UnsetType
    delivery: Delivery | UnsetType | None


def read_instance(body: bytes) -> NewInstance:
    """Return the instance that a body describes. Raises `ProtocolError`."""
    sent = submissions.read_object(body, _FIELDS, required=())
    name = _name(sent) if "instance_name" in sent else None
    return NewInstance(name, _delivery(sent["delivery"]) if "delivery" in sent else None)


def read_changes(body: bytes) -> InstanceChanges:
    """Return the changes that a body describes, of which there is at least one. Raises `ProtocolError`."""
    sent = submissions.read_object(body, _FIELDS, required=(), nullable=("delivery",))
    if not sent:
        raise invalid("Send `instance_name`, `delivery` or both: there is nothing to change.")
    delivery = sent.get("delivery", UNSET)
    return InstanceChanges(
        _name(sent) if "instance_name" in sent else UNSET,
        delivery if delivery is None or isinstance(delivery, UnsetType) else _delivery(delivery),
    )


def _name(sent: dict[str, Value]) -> str:
    name = submissions.text(sent, "instance_name")
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise invalid(f"`instance_name` has to be one line of at most {LONGEST_NAME} characters.", "instance_name")
    return name


def _delivery(sent: Value) -> Delivery:
    if not isinstance(sent, dict):
        raise invalid("`delivery` has to be an object.", "delivery")
    if sent.get("type") != "webhook":
        raise ProtocolError(400, "unsupported_delivery_type", "`type` has to be webhook.", param="delivery.type")
    for name in sent:
        if name not in _DELIVERY:
            raise invalid(f"The field `delivery.{name}` is unknown here.", f"delivery.{name}")
    texts = {name: _text(sent, name) for name in _DELIVERY}
    if len(texts["url"]) > LONGEST_URL:
        raise ProtocolError(400, "invalid_webhook_url", "The URL is too long.", param="delivery.url")
    if UUID.fullmatch(texts["registration_id"]) is None:
        raise invalid("`delivery.registration_id` has to be a UUID.", "delivery.registration_id")
    if _SECRET.fullmatch(texts["signing_secret"]) is None:
        why = "has to be whsec_ and 32 random bytes in standard Base64"
        raise invalid(f"`delivery.signing_secret` {why}.", "delivery.signing_secret")
    return Delivery(texts["url"], texts["registration_id"], texts["signing_secret"])


def _text(sent: dict[str, Value], name: str) -> str:
    value = sent.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(f"`delivery.{name}` has to be a text.", f"delivery.{name}")
    return value
