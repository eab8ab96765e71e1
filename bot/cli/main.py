"""The group of all commands, and the exit code of each outcome."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Final

import click

from bot.cli.exit_codes import Exit
from bot.cli.lazy import LazyCommand, LazyGroup

_ELSEWHERE: Final = {
    "pending": "See the open requests: signoff requests",
    "list": "See the registered workflows: signoff workflows",
    "show": "See a run: signoff runs ID. See a request: signoff requests ID.",
    "approve": "Use: signoff decide ID approve",
    "edit": "Use: signoff decide ID edit FIELD=VALUE",
    "reject": 'Use: signoff decide ID reject --reason "…"',
    "restore": "Stop the server, and put the backup in the place of the database: signoff backup --help",
}
"""What the words of Slack and of the buttons are here, and what people look for after a loss."""


@click.group(
    cls=LazyGroup,
    elsewhere=_ELSEWHERE,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def signoff() -> None:
    """Workflows whose risky steps wait for a person's approval.

    Start with: signoff demo
    """


for _command in (
    LazyCommand("check", "check:check", "Check workflow FILES, and print all their problems."),
    LazyCommand("schema", "schema:schema", "Print the JSON Schema of workflow files, for editors."),
    LazyCommand("try", "try_:try_", "Try the workflow in FILE, and decide its requests yourself."),
    LazyCommand("new", "new:new", "Make a workflow from the gallery. Without TEMPLATE, the gallery is listed."),
    LazyCommand("register", "workflows:register", "Register the workflow in FILE, or a new version of it."),
    LazyCommand("replay", "replay:replay", "Replay recorded requests with the gates of the changed workflow in FILE."),
    LazyCommand(
        "evaluate", "evaluate:evaluate", "Say what people made of the drafts of WORKFLOW, by prompt and model."
    ),
    LazyCommand("insights", "insights:insights", "Show what became of requests: of WORKFLOW, or of all workflows."),
    LazyCommand("sync", "sync:sync", "Make the registered workflows those of the files in DIR: all of them, or none."),
    LazyCommand("diff", "diff:diff", "Say what differs between two versions of a workflow, or from its file."),
    LazyCommand("workflows", "workflows:workflows", "List the registered workflows."),
    LazyCommand("versions", "versions:versions", "List the versions of WORKFLOW, the newest first."),
    LazyCommand(
        "rollback", "versions:rollback", "Register the file of an older VERSION of WORKFLOW as its next version."
    ),
    LazyCommand("disable", "versions:disable", "Let nothing start WORKFLOW any more. Open runs go on."),
    LazyCommand("enable", "versions:enable", "Let WORKFLOW be started again."),
    LazyCommand("delete", "versions:delete", "Let nothing start WORKFLOW any more, and list it no more."),
    LazyCommand("transfer", "versions:transfer", "Give WORKFLOW another OWNER."),
    LazyCommand("run", "runs:run", "Start a run of the registered WORKFLOW."),
    LazyCommand("runs", "runs:runs", "List the runs, or show the run ID with its story."),
    LazyCommand("cancel", "runs:cancel", "Cancel the run ID and its request."),
    LazyCommand("retry", "runs:retry", "Try the failed run ID again, from the step that failed."),
    LazyCommand("resume", "runs:resume", "Say whether a step of the run ID happened."),
    LazyCommand(
        "incident",
        "autonomy:incident",
        "Say that something is wrong with what the run RUN did, so that everything like it is reviewed again.",
    ),
    LazyCommand(
        "autonomy",
        "autonomy:autonomy",
        "See which gates let a share through without review, and bring back the review of everything.",
    ),
    LazyCommand("requests", "requests:requests", "List the open requests, or show the request ID."),
    LazyCommand("decide", "requests:decide", "Approve, edit or reject the request ID, or ask for changes."),
    LazyCommand("reassign", "requests:reassign", "Let another person decide the request ID in your place."),
    LazyCommand("question", "questions:question", "Ask a QUESTION before you decide the request ID."),
    LazyCommand("answer", "questions:answer", "Answer a question that you were asked about the request ID."),
    LazyCommand("rate", "ratings:rate", "Rate what the request ID asked you about, from 1 to 5."),
    LazyCommand("undo", "requests:undo", "Undo the approval of the request ID, before anything follows from it."),
    LazyCommand("revoke", "requests:revoke", "Revoke the links emailed for the request or run ID."),
    LazyCommand("away", "absences:away", "Say that you are away, and who decides in your place."),
    LazyCommand("back", "absences:back", "Say that you are back."),
    LazyCommand(
        "preferences", "preferences:preferences", "Choose when you are told of requests, or see what you chose."
    ),
    LazyCommand(
        "people", "people:people", "List people and their addresses, give an address back, and sign a person out."
    ),
    LazyCommand(
        "init",
        "init:init",
        "Set Signoff up in this folder: write the file .env, check it, and register a first workflow.",
    ),
    LazyCommand("serve", "serve:serve", "Run the workflows and ask the approvers, until Ctrl-C."),
    LazyCommand("worker", "serve:worker", "Run workflows and send messages, while others take the clicks."),
    LazyCommand("health", "health:health", "Ask the server on this machine whether it works."),
    LazyCommand("callbacks", "callbacks:callbacks", "Set up where programs are told what became of their asks."),
    LazyCommand("keys", "keys:keys", "Create, list, rotate and revoke the API keys of programs."),
    LazyCommand("secret", "secret:secret", "Set, list and delete the secrets that workflows use as {{ secret.NAME }}."),
    LazyCommand("route", "route:route", "Say which people the routes of the workflow in FILE would ask."),
    LazyCommand("key", "key:key", "Print a new key for SIGNOFF_KEY or SIGNOFF_SECRETS_KEY."),
    LazyCommand("migrate", "database:migrate", "Bring the database to this version's schema. A backup is made first."),
    LazyCommand(
        "move", "move:move", "Move the database file to an empty PostgreSQL database, with everything that waits in it."
    ),
    LazyCommand("backup", "database:backup", "Copy the database to TARGET, also while a server uses it."),
    LazyCommand("version", "version:version", "Print the version."),
    LazyCommand("audit", "audit:audit", "Export, verify or erase the log of everything that happened."),
    LazyCommand(
        "export",
        "export:export",
        "Export workflows as files; or who decided what, what was changed, and what became of it.",
    ),
    LazyCommand("erase", "erase:erase", "Erase the contents of old runs, or the names and addresses of a person."),
    LazyCommand("manifest", "manifest:manifest", "Print the manifest from which the Slack app is created."),
    LazyCommand("bench", "bench:bench", "Measure how fast Signoff is on this machine."),
    LazyCommand("ask", "ask:ask", "Ask people to approve TITLE, or to fill in fields, and get the approved values."),
    LazyCommand("hook", "hook:hook", "Ask people before Claude Code uses a tool, and report what became of it."),
    LazyCommand("mcp", "mcp:mcp", "Let agents ask people over the Model Context Protocol."),
    LazyCommand("report", "ask:report", "Report what became of what the ask ID approved."),
    LazyCommand("demo", "demo:demo", "Try a whole Signoff in your browser, with a Slack of its own."),
    LazyCommand("doctor", "doctor:doctor", "Check this installation, and say what to do about problems."),
):
    signoff.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit. Without `arguments`, those of the command line are used."""
    if arguments is None:
        # Nearly all objects of a start are modules and classes, which stay: to look for garbage among them is in vain,
        # now and, once they are frozen, at the end.
        gc.set_threshold(100_000, 20, 100)
    code = _run(arguments, on_import=gc.freeze if arguments is None else None)
    if arguments is None:
        # All output is written and all files are closed: a second Ctrl-C would only print a traceback over it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


def _run(arguments: Sequence[str] | None, on_import: Callable[[], None] | None) -> int:
    try:
        code = signoff.main(args=arguments, prog_name="signoff", standalone_mode=False, obj=on_import)
        return code if isinstance(code, int) else Exit.DONE
    except click.exceptions.Exit as finished:
        return finished.exit_code
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        if sys.stderr.isatty():
            click.echo(err=True)  # the terminal has printed ^C, or the question of a prompt
        click.echo("Stopped.", err=True)
        return 130
    except SystemExit:
        # click and rich raise it when a pipe breaks, and have silenced the output: its reader needs no more.
        return Exit.DONE
    except Exception as error:  # noqa: BLE001 the traceback goes to a file, and the message names it
        # It imports settings and log, which a command that succeeds may not need.
        from bot.cli import errors

        return errors.report(error)
