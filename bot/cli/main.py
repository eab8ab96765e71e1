"""The group of commands, and the one place where errors become sentences."""

from __future__ import annotations

import logging
import secrets
import signal
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path

import click
import platformdirs

from bot import log, settings
from bot.cli import audits, bench, demo, doctor, files, requests, runs, server, slack
from bot.cli.exits import Exit
from bot.settings import SettingsError
from bot.terminal import screen
from engine.errors import SignoffError, StoreError
from engine.system import EnvironmentSecrets, SystemClock


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def signoff() -> None:
    """Workflows whose risky steps wait for a person's decision.

    Start with: signoff try FILE
    """


for _command in (
    *(files.check, files.try_, files.register, files.workflows),
    *(runs.run, runs.runs, runs.cancel, runs.resume),
    *(requests.requests, requests.decide, requests.revoke),
    *(server.serve, server.migrate, server.backup, server.version),
    audits.audit,
    slack.manifest,
    bench.bench,
    demo.demo,
    doctor.doctor,
):
    signoff.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command of this process, and exit. `arguments` None: those of the command line."""
    code = _run(arguments)
    if arguments is None:
        # Everything is told and closed: a second, impatient Ctrl-C would only print a traceback over it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = signoff.main(args=arguments, prog_name="signoff", standalone_mode=False)
        return code if isinstance(code, int) else Exit.DONE
    except click.exceptions.Exit as finished:
        return finished.exit_code
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return 130
    except SettingsError as error:
        click.echo("Some settings cannot be used:", err=True)
        for sentence in error.sentences:
            click.echo(f"  {sentence}", err=True)
        return Exit.USAGE
    except StoreError as error:
        screen.say(str(error), err=True)
        return Exit.STORE
    except SignoffError as error:
        screen.say(str(error), err=True)
        return Exit.NO
    except SystemExit:
        # click and rich ask for it when a pipe breaks, and have silenced the output: who read it has seen enough.
        return Exit.DONE
    except Exception:  # noqa: BLE001 a person never sees a traceback; it goes to a file that the message names
        return _broken()


def _broken() -> int:
    incident, redact = secrets.token_hex(4), EnvironmentSecrets(settings.environment()).redact
    where = _incidents() / f"{SystemClock().now().astimezone(UTC):%Y%m%dT%H%M%S}-{incident}.txt"
    try:
        where.parent.mkdir(parents=True, exist_ok=True)
        where.touch(mode=0o600)  # a traceback may quote what a run holds
        where.write_text(redact(traceback.format_exc()), encoding="utf-8")
        told = f"the traceback is in {where}"
    except OSError:
        log.set_up("error", "text", redact)
        logging.getLogger(__name__).exception("incident %s", incident)
        told = "the traceback is above"
    click.echo(f"Something broke (incident {incident}); {told}. Please report it.", err=True)
    return Exit.BROKEN


def _incidents() -> Path:
    return platformdirs.user_state_path("signoff") / "incidents"
