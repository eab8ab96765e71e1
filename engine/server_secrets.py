"""The secrets of a process: those in the database, and those in its environment.

A secret that was set for a workflow counts before one that was set for all, and both before a variable of the
environment. A workflow never gets the secret of another. Values that were replaced or deleted are still found in texts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from engine.errors import SignoffError, StepError
from engine.redaction import Redactor
from engine.secret_keys import KeysOfSecrets, SealedValue, SecretKeys
from engine.store import secrets
from engine.store.port import Store
from engine.store.secrets import StoredSecret
from engine.system import EnvironmentSecrets

log = logging.getLogger(__name__)

REFRESH_SECONDS: Final = 1.0
"""How old the values may be that a step uses, where other processes can set them too, in seconds."""
_NOTE_SECONDS: Final = 60.0
"""How often this process notes at most that a secret is used, in seconds."""


class ServerSecrets:
    """The secrets that this process knows. Before `connect`, only those of the environment."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = EnvironmentSecrets(environment)
        self._stored: dict[tuple[str | None, str], StoredSecret] = {}
        self._opened: dict[SealedValue, str] = {}
        self._unreadable: set[str] = set()
        self._shown = self._environment.shown
        self._redactor = Redactor(self._shown)
        self._database: _Database | None = None

    def connect(self, store: Store, keys: KeysOfSecrets, *, workspace: str, refresh_seconds: float | None) -> None:
        """Read secrets from a database from now on.

        `refresh_seconds`: how old they may be when a step uses one; None if no other process can change them.
        """
        self._database = _Database(store, keys, workspace, refresh_seconds)

    def learn(self, rows: Iterable[StoredSecret], keys: SecretKeys) -> set[str]:
        """Take these rows as all secrets of the database. Return the names of those that no key opens."""
        rows = list(rows)
        self._stored = {(row.place.workflow, row.place.name): row for row in rows if row.ended_at is None}
        new = [row for row in rows if row.sealed not in self._opened]
        values = [(row, value) for row in new if (value := keys.open(row.sealed, row.place)) is not None]
        if values:
            # A value that this process has known stays in the redactor, also after its row is removed.
            self._opened |= {row.sealed: value for row, value in values}
            self._shown += [(value, f"(secret {row.place.name})") for row, value in values]
            self._redactor = Redactor(self._shown)
        return {row.place.name for row in new if row.sealed not in self._opened}

    async def refresh(self) -> None:
        """Read what there is in the database now. Raises `StoreError`, and `SignoffError` for unusable keys."""
        if (database := self._database) is None:
            return
        async with database.turn:
            unreadable = self.learn(await database.load(), database.keys.load())
            if unreadable - self._unreadable:
                log.error("no key of this server opens the secrets %s", ", ".join(sorted(unreadable)))
            self._unreadable = unreadable

    async def prepare(self, names: Collection[str], workflow: str) -> None:
        """Learn what has changed, and note that a workflow uses these secrets now. Failures are logged."""
        if (database := self._database) is None:
            return
        try:
            if database.is_due():
                await self.refresh()
            used = [row.id for name in names if (row := self._find(name, workflow)) is not None]
            await database.note_use(used)
        except SignoffError as error:
            log.warning("the secrets could not be read again, so those that are known are used: %s", error)

    def read(self, name: str, workflow: str = "") -> str:
        """Return the value of the secret for a workflow. Raises `StepError` with what to do if there is none."""
        row = self._find(name, workflow)
        if row is not None:
            if (value := self._opened.get(row.sealed)) is not None:
                return value
            raise StepError(
                f"The secret {name} is set, but no key of this server opens it. Its operator has to give the server "
                "that key again, or set the secret anew."
            )
        if self._database is None or self._environment.has(name):
            return self._environment.read(name)
        raise StepError(f"The secret {name} is not set. An admin of Signoff has to set it: signoff secret set {name}")

    def in_environment(self, name: str) -> bool:
        """Return whether the environment has a value for this name."""
        return self._environment.has(name)

    def redact(self, text: str) -> str:
        """Return the text with every secret replaced by its name, however it is escaped or encoded."""
        return self._redactor.redact(text)

    def _find(self, name: str, workflow: str) -> StoredSecret | None:
        own = self._stored.get((workflow, name)) if workflow else None
        return own or self._stored.get((None, name))


class _Database:
    """The database that the secrets are read from."""

    def __init__(self, store: Store, keys: KeysOfSecrets, workspace: str, refresh_seconds: float | None) -> None:
        self._store, self.keys, self._workspace, self._refresh_seconds = store, keys, workspace, refresh_seconds
        self.turn = asyncio.Lock()
        self._read_at: float | None = None
        self._noted = dict[str, float]()

    async def load(self) -> list[StoredSecret]:
        """Return all rows."""
        self._read_at = asyncio.get_running_loop().time()
        return await self._store.read(lambda connection: secrets.load_all(connection, self._workspace))

    def is_due(self) -> bool:
        """Return whether another process may have changed something since the rows were read."""
        if self._read_at is None or self._refresh_seconds is None:
            return self._read_at is None
        return asyncio.get_running_loop().time() - self._read_at >= self._refresh_seconds

    async def note_use(self, used: Collection[str]) -> None:
        """Write that these secrets are used, unless this process has written it a moment ago."""
        now = asyncio.get_running_loop().time()
        fresh = [secret for secret in used if now - self._noted.get(secret, -_NOTE_SECONDS) >= _NOTE_SECONDS]
        if fresh:
            self._noted |= dict.fromkeys(fresh, now)
            await self._store.transact(lambda tx: [secrets.note_use(tx, secret) for secret in fresh])
