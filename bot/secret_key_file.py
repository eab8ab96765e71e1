"""Where the keys are kept that encrypt the secrets of workflows: in a setting, or in a file beside the database."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from bot import setting_values
from bot.key_file import KeyFile, KeyUnusable
from bot.settings import Settings
from engine.code_derivation import MIN_KEY
from engine.secret_keys import KeysOfSecrets, SecretKeys

_OR_ELSE: Final = (
    "or remove it. Signoff then makes a new key, and every secret has to be set again (signoff secret list says which)."
)
_NO_SETTING: Final = (
    "This server has no key for secrets. Set SIGNOFF_SECRETS_KEY, the same for every server of this database, and "
    "start them again. To make a key: signoff key"
)


def keys_path(database: Path) -> Path:
    """Return the path of the file with the keys: beside the database itself, also for a symbolic link to it."""
    return Path(os.path.realpath(database) + ".secrets-key")


def keys_of(settings: Settings) -> KeysOfSecrets:
    """Return where the keys of this installation are kept."""
    keys = setting_values.parse_keys(settings.secrets_key.get_secret_value())
    if keys or settings.server_url is not None:
        return KeysInSetting(keys)
    return KeysInFile(keys_path(settings.database))


class KeysInSetting:
    """The keys of `SIGNOFF_SECRETS_KEY`: the first one encrypts. The operator puts a new one before the others."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self._keys = SecretKeys(keys)

    def load(self) -> SecretKeys:
        """Return the keys of the setting."""
        return self._keys

    def need(self) -> SecretKeys:
        """Return the keys of the setting. Raises `KeyUnusable` if there are none."""
        if self._keys.current is None:
            raise KeyUnusable(_NO_SETTING)
        return self._keys

    def add(self) -> SecretKeys:
        """Return the keys of the setting: its first one is the new one."""
        return self.need()

    def forget_others(self) -> None:
        """Do nothing: the operator removes the other keys from the setting."""


class KeysInFile:
    """The keys of a file, one a line: the first one encrypts. The file is made when the first secret is set."""

    def __init__(self, path: Path) -> None:
        self._file = KeyFile(path, _OR_ELSE)

    def load(self) -> SecretKeys:
        """Return the keys of the file; none if there is no file. Raises `KeyUnusable`."""
        return SecretKeys(self._read())

    def need(self) -> SecretKeys:
        """Return the keys of the file, and make it if there is none. Raises `KeyUnusable`."""
        return self.load() if self._file.exists else self.add()

    def add(self) -> SecretKeys:
        """Put a new key before the others. Raises `KeyUnusable`."""
        self._file.write([os.urandom(MIN_KEY), *self._read()])
        return self.load()

    def forget_others(self) -> None:
        """Keep the first key only. Raises `KeyUnusable`."""
        self._file.write(self._read()[:1])

    def _read(self) -> list[bytes]:
        keys = self._file.read() if self._file.exists else []
        if self._file.exists and (not keys or any(len(key) < MIN_KEY for key in keys)):
            raise self._file.has_no_key()
        return keys
