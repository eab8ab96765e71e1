"""All checks, each by itself: what breaks in one is a finding of its own, and hides no other."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

from bot import endpoints
from bot import settings as reading
from bot.doctor import context as cases
from bot.doctor import database, database_folder, email, events_endpoint, machine, settings, slack, workload
from bot.doctor.context import Case, Moment
from bot.doctor.finding import Finding, problem
from bot.settings import PREFIX, SettingsError
from engine.errors import SignoffError
from engine.ports import Clock
from engine.system import SECRET_PREFIX, EnvironmentSecrets

Check: TypeAlias = Callable[[Case], Iterator[Finding]]
NetworkCheck: TypeAlias = Callable[[Case], AsyncIterator[Finding]]
LOCAL: Final[tuple[tuple[Check, ...], ...]] = (
    settings.CHECKS,
    machine.CHECKS,
    database.CHECKS,
    database_folder.CHECKS,
    workload.CHECKS,
)
REMOTE: Final[tuple[NetworkCheck, ...]] = (*slack.CHECKS, *events_endpoint.CHECKS, *email.CHECKS)
_ORDER: Final = ("settings", "slack", "mail", "machine", "database", "workflows", "work")
_CREDENTIALS: Final = ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET")
_TOKEN: Final = re.compile(r"\b(?:xox[a-z]|xapp)[.-]\w[\w.-]*\w")
_SHORTEST: Final = 4
"""Values that are shorter are not searched for: they would strike out ordinary words."""


def environment() -> tuple[dict[str, str], tuple[str, ...]]:
    """What is set, and what is wrong with the file that says so."""
    try:
        return reading.environment(), ()
    except SettingsError as error:
        return dict(os.environ), tuple(error.sentences)


async def examine(given: Mapping[str, str], clock: Clock, *, complaints: Iterable[str] = ()) -> list[Finding]:
    """Everything that can be said, in the order of the subjects. Writes nothing."""
    read = reading.read(given)
    case = Case(
        settings=read.settings,
        complaints=(*complaints, *read.complaints),
        unusable=read.unusable,
        environment=given,
        clock=clock,
        began=Moment.of(clock),
        serving=False,
    )
    if case.database is not None:
        case = replace(case, serving=await cases.answers(case.database))
    parts = await asyncio.gather(
        asyncio.to_thread(_local, case),
        *(_remote(check, case) for check in REMOTE),
    )
    found = [finding for part in parts for finding in part]
    found += machine.steadiness(case, Moment.of(clock))
    found.sort(key=lambda finding: _ORDER.index(finding.check.partition(".")[0]))
    return [_redacted(finding, given) for finding in found]


def _local(case: Case) -> list[Finding]:
    return [finding for checks in LOCAL for check in checks for finding in _guarded(check, case)]


def _guarded(check: Check, case: Case) -> Iterator[Finding]:
    try:
        yield from check(case)
    except Exception as error:  # noqa: BLE001 whatever one check meets, the others still tell what they find
        yield _broken(check, error)


async def _remote(check: NetworkCheck, case: Case) -> list[Finding]:
    found: list[Finding] = []
    try:
        async for finding in check(case):
            found.append(finding)  # noqa: PERF401 what came before an error is kept
    except Exception as error:  # noqa: BLE001 as above
        found.append(_broken(check, error))
    return found


def _broken(check: Check | NetworkCheck, error: Exception) -> Finding:
    subject = check.__module__.rpartition(".")[2]
    name = {"door": "slack", "places": "database"}.get(subject, subject)
    if isinstance(error, SignoffError | OSError):
        why = str(error).rstrip(".")
        return problem(name, f"{check.__name__} could not be looked at: {why}.", "See to that, then look again.")
    return problem(
        name,
        f"{check.__name__} could not be looked at: something broke ({type(error).__name__}: {error}).",
        "Please report it.",
    )


def _redacted(finding: Finding, given: Mapping[str, str]) -> Finding:
    """Without anything that is secret, wherever it came from: a token may stand in a setting that is not for tokens."""
    held = {name: given.get(PREFIX + name, "") for name in _CREDENTIALS}
    held |= {f"SMTP_URL_{n}": one for n, one in enumerate(endpoints.secrets_of(given.get(f"{PREFIX}SMTP_URL", "")))}
    secrets = EnvironmentSecrets(
        {name: value for name, value in given.items() if name.startswith(SECRET_PREFIX)}
        | {SECRET_PREFIX + name: value for name, value in held.items() if len(value) >= _SHORTEST}
    )

    def clean(text: str) -> str:
        return _TOKEN.sub("(a token)", secrets.redact(text))

    return replace(finding, said=clean(finding.said), todo=None if finding.todo is None else clean(finding.todo))
