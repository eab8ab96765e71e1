"""What provisioners send about instances, read strictly, and what they are shown. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from bot.aap import submissions
from bot.aap.errors import ProtocolError, invalid
from bot.aap.protocol_ids import UUID
from engine.json_values import Value

LONGEST_NAME: Final = 60
"""Maximum length of the name of an instance, in characters."""
_SECRET: Final = re.compile(r"whsec_[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=", re.ASCII)
"""Exactly 32 bytes in standard Base64, in its one form."""
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


@dataclass(frozen=True, slots=True)
class NewInstance:
    """An instance that a provisioner wants."""

    name: str | None
    delivery: Delivery | None


def read_instance(body: bytes) -> NewInstance:
    """Return the instance that a body describes. Raises `ProtocolError`."""
    sent = submissions.read_object(body, ("instance_name", "delivery"), required=())
    name = submissions.text(sent, "instance_name") if "instance_name" in sent else None
    if name is not None and (len(name) > LONGEST_NAME or not name.isprintable()):
        raise invalid(f"`instance_name` has to be one line of at most {LONGEST_NAME} characters.", "instance_name")
    return NewInstance(name, _delivery(sent["delivery"]) if "delivery" in sent else None)


def _delivery(sent: Value) -> Delivery:
    if not isinstance(sent, dict):
        raise invalid("`delivery` has to be an object.", "delivery")
    if sent.get("type") != "webhook":
        raise ProtocolError(400, "unsupported_delivery_type", "`type` has to be webhook.", param="delivery.type")
    for name in sent:
        if name not in _DELIVERY:
            raise invalid(f"The field `delivery.{name}` is unknown here.", f"delivery.{name}")
    texts = {name: _text(sent, name) for name in _DELIVERY}
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
