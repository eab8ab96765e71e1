"""Checks of all environment variables: unknown names, settings that need another one, short secrets. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from engine.redaction import MIN_LENGTH
from engine.system import SECRET_PREFIX
from engine.workflowfile.scalars import SECRET_NAME

PREFIX: Final = "SIGNOFF_"
OF_PROGRAMS: Final = ("URL", "API_KEY")
"""Variables of programs that ask people, which may stand in the same environment or file as our settings."""
_NEEDS: Final = {
    "SMTP_URL": ("EMAIL_FROM", "PUBLIC_URL"),
    "EMAIL_FROM": ("SMTP_URL",),
    "SMTP_CA_FILE": ("SMTP_URL",),
    "DKIM_KEY_FILE": ("DKIM_SELECTOR", "SMTP_URL"),
    "DKIM_SELECTOR": ("DKIM_KEY_FILE",),
    "DKIM_DOMAIN": ("DKIM_KEY_FILE",),
    "LMTP_PORT": ("LMTP_DOMAIN", "LMTP_AUTHSERV"),
    "LMTP_SOCKET": ("LMTP_DOMAIN", "LMTP_AUTHSERV"),
    "FILES_KEY_ID": ("FILES_SECRET", "FILES_URL"),
    "FILES_SECRET": ("FILES_KEY_ID",),
}
"""Settings, each with the settings that it needs."""


def problems(environment: Mapping[str, str], settings: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for each problem. `settings`: the names of all settings."""
    yield from _unknown(environment, settings)
    yield from _incomplete(environment)
    yield from _too_short(environment)


def _incomplete(environment: Mapping[str, str]) -> Iterator[str]:
    """Return a sentence for each setting that needs another one."""
    token, transports = "SLACK_BOT_TOKEN", ("SLACK_SIGNING_SECRET", "SLACK_APP_TOKEN")
    transports_set = [name for name in transports if environment.get(PREFIX + name)]
    if environment.get(PREFIX + token) and not transports_set:
        yield (
            f"{PREFIX}{token}: is not enough to hear from Slack. Set {PREFIX}{transports[1]} too, for Socket Mode, "
            f"or {PREFIX}{transports[0]}, for HTTP."
        )
    if transports_set and not environment.get(PREFIX + token):
        yield f"{PREFIX}{transports_set[0]}: is not enough to write to Slack. Set {PREFIX}{token} too."

    on_server = environment.get(f"{PREFIX}DATABASE_URL", "").startswith("postgresql+")
    if on_server and not environment.get(f"{PREFIX}KEY"):
        yield f"{PREFIX}KEY: is needed with PostgreSQL, the same for every server. Make one: signoff key"
    if not on_server and environment.get(f"{PREFIX}ROLE", "all").lower() != "all":
        yield f"{PREFIX}ROLE: has no use with a database file, which one process does all work on. Remove it."

    for name, needed in _NEEDS.items():
        for other in needed:
            if environment.get(PREFIX + name) and not environment.get(PREFIX + other):
                yield f"{PREFIX}{name}: has no use without {PREFIX}{other}. Set that too."


def _too_short(environment: Mapping[str, str]) -> Iterator[str]:
    """Return a sentence for each secret that is too short: redacting it would remove ordinary words too."""
    for name, value in sorted(environment.items()):
        if name.startswith(SECRET_PREFIX) and value and len(value.strip()) < MIN_LENGTH:
            yield (
                f"{name}: must have at least {MIN_LENGTH} characters. A shorter secret cannot be hidden in what "
                "people read."
            )


def _unknown(environment: Mapping[str, str], settings: Sequence[str]) -> Iterator[str]:
    """Return a sentence for each variable with our prefix that is no setting."""
    names = [*(name.upper() for name in settings), *OF_PROGRAMS]
    for name in sorted(environment):
        setting = name.removeprefix(PREFIX)
        if name.startswith(SECRET_PREFIX):
            if not SECRET_NAME.fullmatch(name.removeprefix(SECRET_PREFIX)):
                yield (f"{name}: must end with a name of A-Z, 0-9 and _, like {SECRET_PREFIX}CRM_TOKEN.")
        elif setting != name and setting not in names:
            # Compared without the prefix, which would make any two names look alike.
            close = difflib.get_close_matches(setting, names, n=1)
            hint = f" Did you mean {PREFIX}{close[0]}?" if close else ""
            yield f"{name}: there is no such setting.{hint}"
