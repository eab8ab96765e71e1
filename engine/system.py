"""The clock, the source of random ids, and the secrets from the environment. No other module reads these."""

from __future__ import annotations

import gc
import os
import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from engine import id_times
from engine.errors import StepError
from engine.redaction import Redactor

SECRET_PREFIX: Final = "SIGNOFF_SECRET_"  # noqa: S105 a name, not a secret


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)


class RandomIds:
    """Ids of 17 characters that sort by time: 9 of milliseconds since 2020, 8 random (40 bits)."""

    def new(self, now: datetime) -> str:
        """Return a new id of digits and lower-case letters that are not mistaken for each other."""
        return id_times.time_digits(now) + os.urandom(8).translate(_LETTERS).decode()

    def salt(self) -> bytes:
        """Return 16 random bytes."""
        return os.urandom(16)

    def token(self) -> str:
        """Return 256 random bits as text that needs no escaping in a URL."""
        return secrets.token_urlsafe(32)


_LETTERS: Final = (id_times.ALPHABET * 8).encode()
"""The letter for each byte: each of the 32 letters occurs eight times, so all are equally likely."""


@contextmanager
def calm_collector() -> Iterator[None]:
    """Run the garbage collector less often in the body, and never over the objects that exist already.

    A unit of work creates thousands of small objects, hardly any of them in a cycle. So the collector would take
    CPU time for nothing, and delay answers.
    """
    before, others = gc.get_threshold(), gc.get_freeze_count()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        # What was frozen before cannot be told from the rest, and stays so.
        if not others:
            gc.unfreeze()


class EnvironmentSecrets:
    """Secrets from the environment: `secret.NAME` is the variable `SIGNOFF_SECRET_NAME`."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        variables = os.environ if environment is None else environment
        self._secrets = {
            name.removeprefix(SECRET_PREFIX): value
            for name, value in variables.items()
            if name.startswith(SECRET_PREFIX)
        }
        self._redactor = Redactor(self.shown)

    @property
    def shown(self) -> list[tuple[str, str]]:
        """The values, each with what replaces it in texts."""
        return [(value, f"(secret {name})") for name, value in self._secrets.items()]

    def has(self, name: str) -> bool:
        """Return whether there is a value for this name."""
        return bool(self._secrets.get(name))

    async def prepare(self, names: Collection[str], workflow: str) -> None:
        """Do nothing: the environment of a process never changes, and no one asks when its secrets were used."""

    def read(self, name: str, workflow: str = "") -> str:  # noqa: ARG002 they are for all workflows
        """Return the value of the secret. Raises `StepError` with the name of the setting if it is missing."""
        value = self._secrets.get(name)
        if not value:
            raise StepError(
                f"The secret {name} is not set. The operator of this server has to set {SECRET_PREFIX}{name}."
            )
        return value

    def redact(self, text: str) -> str:
        """Return the text with every secret replaced by its name, however it is escaped or encoded."""
        return self._redactor.redact(text)
