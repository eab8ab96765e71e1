"""The command `signoff init`: asks four questions, writes `.env`, checks it, and registers a first workflow."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from bot import databases, env_file
from bot.cli import client, doctor, init_questions
from bot.cli.context import load_context
from bot.cli.exit_codes import Exit
from bot.cli.init_questions import APP_TOKEN, BOT_TOKEN, EMAIL_FROM, OPERATOR, PUBLIC_URL, SMTP_URL
from bot.doctor import checks
from bot.doctor.finding import FindingState
from bot.settings import SettingsError
from bot.terminal.output import print_sentence
from engine.domain import DEFAULT_WORKSPACE
from engine.store import files, workflow_versions
from engine.system import SystemClock

_BUILDERS: Final = "SIGNOFF_BUILDERS"
_ENV: Final = Path(".env")
_FIRST: Final = Path("lunch.yaml")
_FIRST_NAME: Final = "lunch"
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


@click.command()
@click.option("--yes", is_flag=True, help="Ask nothing: take the settings from the options and the environment.")
@click.option("--operator", metavar="EMAIL", help=f"Who uses this machine's terminal: {OPERATOR}.")
@click.option("--public-url", metavar="URL", help=f"Where browsers reach this server: {PUBLIC_URL}.")
@click.option("--email-from", metavar="EMAIL", help=f"The sender of emails: {EMAIL_FROM}.")
@click.option("--slack-bot-token-file", "slack_bot_token", metavar="FILE", help="The file with the bot token.")
@click.option("--slack-app-token-file", "slack_app_token", metavar="FILE", help="The file with the app-level token.")
@click.option("--smtp-url-file", "smtp_url", metavar="FILE", help="The file with the address of the mail server.")
def init(
    *,
    yes: bool,
    operator: str | None,
    public_url: str | None,
    email_from: str | None,
    slack_bot_token: str | None,
    slack_app_token: str | None,
    smtp_url: str | None,
) -> int:
    """Set Signoff up in this folder: write the file .env, check it, and register a first workflow.

    Tokens and passwords are typed without being shown, or come from files or the environment; they are no options,
    because other users of the machine can read those. A FILE of - is standard input. A value that is in .env already is
    kept, unless you say so.
    """
    named = {BOT_TOKEN: slack_bot_token, APP_TOKEN: slack_app_token, SMTP_URL: smtp_url}
    options = {OPERATOR: operator, PUBLIC_URL: public_url, EMAIL_FROM: email_from}
    written = _written()
    given = init_questions.given({**options, **init_questions.read_files(named)}, written)
    _check_writable()
    answers = given if yes else {**given, **init_questions.ask({**written, **given})}
    if OPERATOR not in {**written, **answers}:
        raise click.UsageError("Say who you are: --operator and your email address.")
    if BOT_TOKEN in answers and _BUILDERS not in written:
        answers = {**answers, _BUILDERS: {**written, **answers}[OPERATOR]}
    _write(written, answers, asks=not yes)
    has_problems = _check()
    _register()
    if has_problems:
        print_sentence("There are problems, listed above. Fix them, and check again: signoff doctor", err=True)
        return Exit.NO
    print_sentence(f"Start the server: signoff serve. Then start the workflow: signoff run {_FIRST_NAME}")
    return Exit.DONE


def _written() -> dict[str, str]:
    try:
        return env_file.read(_ENV)
    except ValueError as error:
        raise SettingsError([str(error)]) from None


def _check_writable() -> None:
    """Raise `click.ClickException` if this folder takes no file, before a person has answered in vain."""
    probe = Path(f".signoff-init-{os.getpid()}")
    try:
        os.close(files.create_private(probe))
        probe.unlink()
    except OSError as error:
        raise click.ClickException(
            f"Nothing can be written in {Path.cwd()}: {error.strerror}. Go to a folder of your own, such as ~/signoff."
        ) from None


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


def _check() -> bool:
    """Print what doctor finds, and return whether there are problems."""
    environment, complaints = checks.read_environment()
    findings = asyncio.run(checks.run_checks(environment, SystemClock(), complaints=complaints))
    doctor.print_findings(findings)
    return any(finding.state is FindingState.PROBLEM for finding in findings)


def _register() -> None:
    """Write the first workflow and register it, unless there is a workflow or another file of its name."""
    if _is_registered():
        print_sentence(f"There is a workflow {_FIRST_NAME} already, so none was registered.")
        return
    if not _FIRST.exists():
        files.write_whole(_FIRST, _FIRST_WORKFLOW.encode())
    elif _FIRST.read_bytes() != _FIRST_WORKFLOW.encode():
        print_sentence(f"{_FIRST} has another workflow, so none was registered. To do it: signoff register {_FIRST}")
        return
    client.facts_of(client.carry_out("register", {"source": _FIRST_WORKFLOW}))
    print_sentence(f"The workflow {_FIRST_NAME} is registered, from {_FIRST}. Its owner approves it, and that is you.")


def _is_registered() -> bool:
    """Return whether the database has or had a workflow of this name."""
    settings = load_context().settings
    if settings.server_url is None and not settings.database.exists():
        return False
    with databases.reading(settings) as connection:
        return bool(workflow_versions.version_views(connection, DEFAULT_WORKSPACE, _FIRST_NAME))
