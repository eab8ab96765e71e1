"""The command `signoff init`: asks four questions, writes `.env`, checks it, and registers a first workflow."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from bot import env_file, loaded_settings
from bot.cli import client, doctor
from bot.cli.exit_codes import Exit
from bot.doctor import checks
from bot.slack import manifest
from bot.terminal.output import print_sentence
from engine.system import SystemClock

_ENV: Final = Path(".env")
_FIRST: Final = Path("lunch.yaml")
_FIRST_WORKFLOW: Final = """\
name: lunch
title: Lunch for the team
inputs:
  place: {type: text, label: Where}
  amount: {type: money, label: Amount, currency: EUR}
steps:
  - id: order
    uses: set
    title: Order lunch
    with: {place: "{{ inputs.place }}", amount: "{{ inputs.amount }}"}
    gate:
      title: "Spend {{ inputs.amount }} at {{ inputs.place }}?"
      approvers: [owner]
      edit: [amount]
      expires: 2h
"""
_OF_ENVIRONMENT: Final = (
    "SIGNOFF_SLACK_BOT_TOKEN",
    "SIGNOFF_SLACK_APP_TOKEN",
    "SIGNOFF_PUBLIC_URL",
    "SIGNOFF_OPERATOR",
    "SIGNOFF_SMTP_URL",
    "SIGNOFF_EMAIL_FROM",
)
"""The settings that are asked for. A script gives them in the environment."""


@dataclass(frozen=True, slots=True)
class _Question:
    """A question for one setting. `needs`: the setting without which it is not asked."""

    setting: str
    text: str
    hidden: bool = False
    needs: str | None = None


_QUESTIONS: Final = (
    _Question("SIGNOFF_SLACK_BOT_TOKEN", "Slack bot token (xoxb-…); empty to try it without Slack", hidden=True),
    _Question(
        "SIGNOFF_SLACK_APP_TOKEN", "Slack app-level token (xapp-…)", hidden=True, needs="SIGNOFF_SLACK_BOT_TOKEN"
    ),
    _Question("SIGNOFF_OPERATOR", "Your email address, as in Slack"),
    _Question("SIGNOFF_PUBLIC_URL", "Public address of this server (https://…); empty if it has none"),
    _Question(
        "SIGNOFF_SMTP_URL",
        "Mail server (smtps://user:password@host:465); empty for none",
        hidden=True,
        needs="SIGNOFF_PUBLIC_URL",
    ),
    _Question("SIGNOFF_EMAIL_FROM", "Sender of emails, such as signoff@example.com", needs="SIGNOFF_SMTP_URL"),
)


@click.command()
@click.option("--yes", is_flag=True, help="Ask nothing: take the settings from the options and the environment.")
@click.option("--operator", metavar="EMAIL", help="Who uses this machine's terminal: SIGNOFF_OPERATOR.")
@click.option("--public-url", metavar="URL", help="Where browsers reach this server: SIGNOFF_PUBLIC_URL.")
def init(*, yes: bool, operator: str | None, public_url: str | None) -> int:
    """Set Signoff up in this folder: write the file .env, check it, and register a first workflow.

    Tokens and passwords are typed without being shown, or come from the environment; they are no options, because other
    users of the machine can read those. A value that is in .env already is kept, unless you say so.
    """
    given = {name: os.environ[name] for name in _OF_ENVIRONMENT if os.environ.get(name)}
    options = {"SIGNOFF_OPERATOR": operator, "SIGNOFF_PUBLIC_URL": public_url}
    given |= {name: value for name, value in options.items() if value}
    written = env_file.read(_ENV)
    answers = given if yes else {**given, **_ask({**written, **given})}
    if "SIGNOFF_OPERATOR" not in {**written, **answers}:
        raise click.UsageError("Say who you are: --operator and your email address.")
    if "SIGNOFF_SLACK_BOT_TOKEN" in answers and "SIGNOFF_BUILDERS" not in written:
        answers = {**answers, "SIGNOFF_BUILDERS": {**written, **answers}["SIGNOFF_OPERATOR"]}
    _write(written, answers, asks=not yes)
    _check()
    _register()
    print_sentence("Start the server: signoff serve. Then start the workflow: signoff run lunch")
    return Exit.DONE


def _ask(known: Mapping[str, str]) -> dict[str, str]:
    """Ask for what is not known, and return the answers that can be used."""
    answers = dict[str, str]()
    for question in _QUESTIONS:
        present = {**known, **answers}
        if question.setting in present or (question.needs is not None and question.needs not in present):
            continue
        if question.setting == "SIGNOFF_SLACK_BOT_TOKEN":
            print_sentence("Create the Slack app here, and install it. docs/slack.md says which clicks:")
            click.echo(f"  {manifest.link()}")
        while (value := _answer(question)) and (wrong := _problem(present, question.setting, value)) is not None:
            print_sentence(wrong, err=True)
        if value:
            answers[question.setting] = value
    return answers


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


def _write(written: Mapping[str, str], answers: Mapping[str, str], *, asks: bool) -> None:
    """Write the answers. A value that is there already is replaced only if the person says so."""
    changes = {name: value for name, value in answers.items() if written.get(name) != value}
    for name in [name for name in changes if name in written]:
        if not asks or not click.confirm(f"{name} has another value in .env. Replace it?", default=False):
            print_sentence(f"{name} stays as it is in .env.")
            del changes[name]
    try:
        env_file.write(_ENV, changes)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{_ENV.absolute()} was not written: {error}") from None
    print_sentence(f"The settings are in {_ENV.absolute()}, which only you can read.")


def _check() -> None:
    environment, complaints = checks.read_environment()
    doctor.print_findings(asyncio.run(checks.run_checks(environment, SystemClock(), complaints=complaints)))


def _register() -> None:
    """Write the first workflow and register it, unless its file is there already."""
    if _FIRST.exists():
        print_sentence(f"{_FIRST} exists already, so no workflow was registered.")
        return
    _FIRST.write_text(_FIRST_WORKFLOW, encoding="utf-8")
    client.facts_of(client.carry_out("register", {"source": _FIRST_WORKFLOW}))
    print_sentence(f"The workflow lunch is registered, from {_FIRST}. Its owner approves it, and that is you.")
