"""The group of commands, and how each of them ends."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

import click

from bot.cli.exits import Exit
from bot.cli.later import Group, Later


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def signoff() -> None:
    """Workflows whose risky steps wait for a person's decision.

    Start with: signoff try FILE
    """


for _command in (
    Later("check", "checking:check", "Print everything that is wrong with workflow FILES."),
    Later("try", "trying:try_", "Run the workflow in FILE here, and answer its requests."),
    Later("register", "files:register", "Register the workflow in FILE, or a new version of it."),
    Later("workflows", "files:workflows", "List the registered workflows."),
    Later("run", "runs:run", "Start a run of the registered WORKFLOW."),
    Later("runs", "runs:runs", "List the runs, or show the run ID with its story."),
    Later("cancel", "runs:cancel", "Cancel the run ID and withdraw its request."),
    Later("resume", "runs:resume", "Say what became of a step of unknown outcome in the run ID."),
    Later("requests", "requests:requests", "List the requests that wait, or show the request ID."),
    Later("decide", "requests:decide", "Decide the request ID: approve, edit or reject."),
    Later("revoke", "requests:revoke", "Make the links mailed for the request or run ID useless."),
    Later("people", "people:people", "List people and their addresses, and undo whose an address is."),
    Later("serve", "serving:serve", "Run the workflows and tell the approvers, until Ctrl-C."),
    Later("migrate", "database:migrate", "Bring the database to this version's schema. A backup is made first."),
    Later("backup", "database:backup", "Copy the database to TARGET, also while a server uses it."),
    Later("version", "version:version", "Print the version."),
    Later("audit", "audits:audit", "Export and verify the record of everything that happened."),
    Later("manifest", "slack:manifest", "Print the manifest from which the Slack app is created."),
    Later("bench", "bench:bench", "Measure how fast Signoff is on this machine."),
    Later("demo", "demo:demo", "Play with a whole Signoff that has a Slack of its own."),
    Later("doctor", "doctor:doctor", "Say what is wrong with this installation, and what to do."),
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
    except SystemExit:
        # click and rich ask for it when a pipe breaks, and have silenced the output: who read it has seen enough.
        return Exit.DONE
    except Exception as error:  # noqa: BLE001 a person never sees a traceback; it goes to a file that the message names
        # It needs settings, log and card, and a command that goes well may need none of them.
        from bot.cli import failures

        return failures.told(error)
