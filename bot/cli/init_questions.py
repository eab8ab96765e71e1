"""The settings that `signoff init` writes: from its options, from files, from the environment, or asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import click

from bot import loaded_settings
from bot.slack import manifest
from bot.terminal.output import print_sentence

BOT_TOKEN: Final = "SIGNOFF_SLACK_BOT_TOKEN"  # noqa: S105 the name of a setting
APP_TOKEN: Final = "SIGNOFF_SLACK_APP_TOKEN"  # noqa: S105 the name of a setting
OPERATOR: Final = "SIGNOFF_OPERATOR"
PUBLIC_URL: Final = "SIGNOFF_PUBLIC_URL"
SMTP_URL: Final = "SIGNOFF_SMTP_URL"
EMAIL_FROM: Final = "SIGNOFF_EMAIL_FROM"
_MAX_LENGTH: Final = 10_000
"""Maximum length of a file with a token, in characters."""


@dataclass(frozen=True, slots=True)
class _Question:
    """A question for one setting. `needs`: the setting without which it is not asked."""

    setting: str
    text: str
    hidden: bool = False
    needs: str | None = None


_QUESTIONS: Final = (
    _Question(BOT_TOKEN, "Slack bot token (xoxb-…); empty to try it without Slack", hidden=True),
    _Question(APP_TOKEN, "Slack app-level token (xapp-…)", hidden=True, needs=BOT_TOKEN),
    _Question(OPERATOR, "Your email address, as in Slack"),
    _Question(PUBLIC_URL, "Public address of this server (https://…); empty if it has none"),
    _Question(SMTP_URL, "Mail server (smtps://user:password@host:465); empty for none", hidden=True, needs=PUBLIC_URL),
    _Question(EMAIL_FROM, "Sender of emails, such as signoff@example.com", needs=SMTP_URL),
)
"""What is asked for, in this order. A script gives it in options, in files and in the environment."""


def read_files(named: Mapping[str, str | None]) -> dict[str, str]:
    """Return what each of these files has in its one line; `-` is standard input. Raises `click.UsageError`."""
    if sum(name == "-" for name in named.values()) > 1:
        raise click.UsageError("Standard input can have one of the values. Put the others into files.")
    return {setting: _read_line(setting, name) for setting, name in named.items() if name}


def _read_line(setting: str, name: str) -> str:
    shown = "standard input" if name == "-" else name
    try:
        with click.open_file(name) as file:
            text: str = file.read(_MAX_LENGTH + 1).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{setting} was not read from {shown}: {error}.") from None
    if not text or len(text) > _MAX_LENGTH or len(text.splitlines()) > 1:
        raise click.UsageError(f"{setting} was not read from {shown}: it must have one line, and nothing else.")
    return text


def given(options: Mapping[str, str | None], written: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of the options, and of the environment. Raises `click.UsageError` for a wrong one."""
    names = [question.setting for question in _QUESTIONS]
    values = {name: os.environ[name] for name in names if os.environ.get(name)}
    values |= {name: value for name, value in options.items() if value}
    for name, value in values.items():
        if (wrong := _problem({**written, **values}, name, value)) is not None:
            raise click.UsageError(wrong)
    return values


def ask(known: Mapping[str, str]) -> dict[str, str]:
    """Ask for what is not known, and return the answers that can be used."""
    answers = dict[str, str]()
    for question in _open(known, answers):
        if question.setting == BOT_TOKEN:
            print_sentence("Create the Slack app here, and install it. docs/slack.md says which clicks:")
            click.echo(f"  {manifest.link()}")
        present = {**known, **answers}
        while (value := _answer(question)) and (wrong := _problem(present, question.setting, value)) is not None:
            print_sentence(wrong, err=True)
        if value:
            answers[question.setting] = value
    return answers


def _open(known: Mapping[str, str], answers: Mapping[str, str]) -> Iterator[_Question]:
    """Yield the questions that are left, each one when those before it have been answered."""
    for question in _QUESTIONS:
        present = {**known, **answers}
        if question.setting not in present and (question.needs is None or question.needs in present):
            yield question


def _answer(question: _Question) -> str:
    hides = question.hidden and sys.stdin.isatty()
    typed: str = click.prompt(question.text, default="", show_default=False, hide_input=hides)
    return typed.strip()


def _problem(present: Mapping[str, str], setting: str, value: str) -> str | None:
    """Return why a value cannot be used, or None. What is asked for later does not count as missing."""
    loaded = loaded_settings.read({**present, setting: value})
    if setting.removeprefix("SIGNOFF_").lower() not in loaded.unusable:
        return None
    return next((complaint for complaint in loaded.complaints if complaint.startswith(setting)), "That is not right.")
