"""Run all checks. A check that breaks becomes a finding and does not hide the others."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

from bot import loaded_settings, setting_values
from bot.doctor import (
    account_sign_in,
    api_keys,
    callbacks,
    database,
    database_folder,
    database_server,
    email,
    events_endpoint,
    files,
    language_model,
    machine,
    oversight,
    secrets,
    settings,
    slack,
    triggers,
    workload,
)
from bot.doctor.context import CheckContext, ClockReading, is_answering, is_serving
from bot.doctor.finding import Finding, problem
from bot.settings import SettingsError
from bot.variable_checks import PREFIX
from engine.errors import SignoffError
from engine.ports import Clock
from engine.system import SECRET_PREFIX, EnvironmentSecrets

Check: TypeAlias = Callable[[CheckContext], Iterator[Finding]]
NetworkCheck: TypeAlias = Callable[[CheckContext], AsyncIterator[Finding]]
LOCAL_CHECKS: Final[tuple[tuple[Check, ...], ...]] = (
    settings.CHECKS,
    machine.CHECKS,
    database.CHECKS,
    database_folder.CHECKS,
    workload.CHECKS,
    triggers.CHECKS,
    secrets.CHECKS,
    api_keys.CHECKS,
    callbacks.CHECKS,
    oversight.CHECKS,
)
NETWORK_CHECKS: Final[tuple[NetworkCheck, ...]] = (
    *database_server.CHECKS,
    *slack.CHECKS,
    *events_endpoint.CHECKS,
    *account_sign_in.CHECKS,
    *email.CHECKS,
    *language_model.CHECKS,
    *files.CHECKS,
)
_ORDER: Final = ("settings", "slack", "mail", "model", "files", "machine", "database", "workflows", "work")
_SUBJECTS: Final = {
    "settings": "settings",
    "machine": "machine",
    "database": "database",
    "database_folder": "database",
    "database_server": "database",
    "workload": "work",
    "triggers": "workflows",
    "secrets": "workflows",
    "api_keys": "work",
    "callbacks": "work",
    "oversight": "work",
    "slack": "slack",
    "events_endpoint": "slack",
    "account_sign_in": "slack",
    "email": "mail",
    "language_model": "model",
    "files": "files",
}
"""The subject of the findings of each module with checks."""
_CREDENTIALS: Final = (
    "KEY",
    "AI_KEY",
    "FILES_KEY_ID",
    "FILES_SECRET",
    "SLACK_BOT_TOKEN",
    "SLACK_APP_TOKEN",
    "SLACK_SIGNING_SECRET",
    "SLACK_CLIENT_SECRET",
)
_TOKEN: Final = re.compile(r"\b(?:xox[a-z]|xapp)[.-]\w[\w.-]*\w")
_MIN_SECRET_LENGTH: Final = 4
"""Characters. Shorter secrets are not redacted, because that would mask ordinary words."""


def read_environment() -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the environment with the file of settings, and the problem of that file, if there is one."""
    try:
        return loaded_settings.load_environment(), ()
    except SettingsError as error:
        return dict(os.environ), tuple(error.sentences)


async def run_checks(environment: Mapping[str, str], clock: Clock, *, complaints: Iterable[str] = ()) -> list[Finding]:
    """Run all checks and return their findings in the order of the subjects. Writes nothing."""
    result = loaded_settings.read(environment)
    context = CheckContext(
        settings=result.settings,
        complaints=(*complaints, *result.complaints),
        unusable=result.unusable,
        environment=environment,
        clock=clock,
        started=ClockReading.take(clock),
        serving=False,
    )
    if context.database is not None:
        context = replace(context, serving=await is_serving(context.database))
    elif context.server_url is not None:
        context = replace(context, serving=await is_answering(context.settings))
    parts = await asyncio.gather(
        asyncio.to_thread(_run_local_checks, context),
        *(_run_network_check(check, context) for check in NETWORK_CHECKS),
    )
    findings = [finding for part in parts for finding in part]
    findings += machine.clock_jump(context, ClockReading.take(clock))
    findings.sort(key=lambda finding: _ORDER.index(finding.check.partition(".")[0]))
    redact = _redactor(environment)
    return [
        replace(
            finding,
            message=redact(finding.message),
            advice=None if finding.advice is None else redact(finding.advice),
        )
        for finding in findings
    ]


def _run_local_checks(context: CheckContext) -> list[Finding]:
    return [finding for checks in LOCAL_CHECKS for check in checks for finding in _run_local_check(check, context)]


def _run_local_check(check: Check, context: CheckContext) -> Iterator[Finding]:
    try:
        yield from check(context)
    except Exception as error:  # noqa: BLE001 an error in one check must not hide the findings of the others
        yield _broken_check(check, error)


async def _run_network_check(check: NetworkCheck, context: CheckContext) -> list[Finding]:
    findings: list[Finding] = []
    try:
        async for finding in check(context):
            findings.append(finding)  # noqa: PERF401 findings from before an error are kept
    except Exception as error:  # noqa: BLE001 as above
        findings.append(_broken_check(check, error))
    return findings


def _broken_check(check: Check | NetworkCheck, error: Exception) -> Finding:
    subject = _SUBJECTS[check.__module__.rpartition(".")[2]]
    if isinstance(error, SignoffError | OSError):
        reason = str(error).rstrip(".")
        return problem(subject, f"{check.__name__} could not be checked: {reason}.", "Fix that, then run this again.")
    return problem(
        subject,
        f"{check.__name__} could not be checked: something broke ({type(error).__name__}: {error}).",
        "Please report it.",
    )


def _redactor(environment: Mapping[str, str]) -> Callable[[str], str]:
    """Return a function that masks every secret, because a token may stand in a setting that is not for tokens."""
    smtp_secrets = setting_values.passwords_in(environment.get(f"{PREFIX}SMTP_URL", ""))
    credentials = {name: environment.get(PREFIX + name, "") for name in _CREDENTIALS}
    keys = environment.get(f"{PREFIX}SECRETS_KEY", "").split(",")
    credentials |= {f"SECRETS_KEY_{number}": key.strip() for number, key in enumerate(keys)}
    database_secrets = setting_values.passwords_in_server_url(environment.get(f"{PREFIX}DATABASE_URL", ""))
    credentials |= {f"DATABASE_URL_{number}": secret for number, secret in enumerate(database_secrets)}
    credentials |= {f"SMTP_URL_{number}": secret for number, secret in enumerate(smtp_secrets)}
    masked = EnvironmentSecrets(
        {name: value for name, value in environment.items() if name.startswith(SECRET_PREFIX)}
        | {SECRET_PREFIX + name: value for name, value in credentials.items() if len(value) >= _MIN_SECRET_LENGTH}
    )
    return lambda text: _TOKEN.sub("(a token)", masked.redact(text))
