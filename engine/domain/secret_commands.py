"""The commands about secrets: set, delete, encrypt anew. No result holds a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from msgspec import Struct

from engine.domain.commands import DEFAULT_WORKSPACE, Origin
from engine.domain.people import Address
from engine.domain.results import Refusal

LONGEST_SECRET: Final = 16_384
"""Maximum length of a value, in characters. The longest usual one is a private key."""
LONGEST_NAME: Final = 100
"""Maximum length of a name, in characters."""
OLD_VALUES_KEPT: Final = timedelta(days=90)
"""How long a value that was replaced or deleted is still found in texts, because a server may repeat it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSecret:
    """Set a secret. `workflow`: the workflow that alone may use it, or None for all."""

    name: str
    value: str = field(repr=False)
    actor: Address
    origin: Origin
    workflow: str | None = None
    workspace: str = DEFAULT_WORKSPACE


class DeleteSecret(Struct, frozen=True, kw_only=True):
    """Delete a secret. `workflow`: the workflow that it was set for, or None for all."""

    name: str
    actor: Address
    origin: Origin
    workflow: str | None = None
    workspace: str = DEFAULT_WORKSPACE


class RotateSecrets(Struct, frozen=True, kw_only=True):
    """Encrypt all secrets with a new key, or with the first key of the setting."""

    actor: Address
    origin: Origin
    workspace: str = DEFAULT_WORKSPACE


class SecretView(Struct, frozen=True, kw_only=True):
    """A secret as admins see it. `workflow`: the one that it is for, or None. `used_at` is exact to a minute."""

    name: str
    workflow: str | None
    set_by: str
    set_at: datetime
    used_at: datetime | None = None


class SecretSet(Struct, frozen=True, kw_only=True):
    """The secret is set. `replaced`: it was set before. `in_environment`: a variable with this name counts no more."""

    view: SecretView
    replaced: bool
    in_environment: bool


class SecretDeleted(Struct, frozen=True, kw_only=True):
    """The secret is deleted. `used_by`: the workflows that name it.

    `instead`: what these workflows use now: the secret for all, a variable of the environment, or nothing.
    """

    view: SecretView
    used_by: tuple[str, ...]
    instead: Literal["workspace", "environment"] | None


class SecretsRotated(Struct, frozen=True, kw_only=True):
    """All secrets are encrypted with the current key. `count`: how many were encrypted anew.

    `unreadable`: secrets that no key here opens. They stay as they are.
    """

    count: int
    unreadable: tuple[str, ...]


class InvalidSecret(Refusal, frozen=True, kw_only=True):
    """The secret cannot be set like this."""

    why: Literal["name", "empty", "short", "long"]
    value: str = ""


class NoSecretKey(Refusal, frozen=True, kw_only=True):
    """There is no key here that can encrypt secrets. `why`: a sentence that says what to do."""

    why: str
