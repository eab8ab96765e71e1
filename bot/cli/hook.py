"""The command `signoff hook`, which Claude Code calls before and after it uses a tool.

Claude Code runs the tool whenever a hook fails in a way that it does not expect: only the answer `deny` and the exit
code 2 keep it from that. So nothing that goes wrong here may end in another way.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import click

from bot.cli import api_server, ask_arguments, hook_events, hook_memory, waited_ask
from bot.cli.exit_codes import Exit
from bot.cli.hook_events import ToolUse

if TYPE_CHECKING:
    from signoff.questions import Question
    from signoff.records import Ask
    from signoff.transport import Server

BLOCK: Final = 2
"""The exit code with which a hook keeps Claude Code from using the tool. It is also that of wrong use."""
_PATIENCE: Final = 20.0
"""How long a call is repeated while the server does not answer, in seconds."""


@click.command()
@click.option("--timeout", default="9m", metavar="DURATION", help="How long to wait for a decision. Default: 9m.")
@click.option(
    "--when-unreachable",
    type=click.Choice(["deny", "ask"]),
    default="deny",
    help="What to answer if Signoff cannot be reached: deny, or ask you in Claude Code.",
)
@click.option(
    "--when-undecided",
    type=click.Choice(["deny", "ask", "defer"]),
    default="deny",
    help="What to answer after the timeout; defer is for claude -p, which --resume continues.",
)
@click.option("--no-edits", is_flag=True, help="Approvers may not change the input of the tool.")
@click.option("--risk", type=click.Choice(["low", "medium", "high", "critical"]), help="How risky the tools are.")
@click.option("--workflow", metavar="NAME", help="The workflow that decides who is asked. Default: approvals.")
def hook(timeout: str, when_unreachable: str, when_undecided: str, **content: Any) -> int:
    """Ask people before Claude Code uses a tool, and report what became of it.

    It reads an event of Claude Code from standard input, and prints the answer. Set it in settings.json for the
    events PreToolUse, PostToolUse and PostToolUseFailure. Whatever goes wrong, the tool is not used.
    """
    seconds = ask_arguments.seconds_of(timeout, "--timeout") or 0.0
    try:
        use = hook_events.read(sys.stdin.buffer.read())
        if use.event != hook_events.BEFORE:
            return _report(use)
        click.echo(_answer(use, _question(use, **content), seconds, when_unreachable, when_undecided))
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 anything else than this exit code lets the tool run
        click.echo(f"Signoff cannot decide on this use of a tool: {error or type(error).__name__}", err=True)
        return BLOCK
    return Exit.DONE


def _question(use: ToolUse, *, no_edits: bool, risk: str | None, workflow: str | None) -> Question:
    from signoff.questions import question

    return question(
        use.title,
        use.input,
        use="once",
        key=use.key,
        editable=bool(use.input) and not no_edits,
        data=use.origin,
        tool=use.tool,
        server=use.server,
        summary=use.summary,
        risk=risk,
        workflow=workflow,
    )


def _answer(use: ToolUse, asked: Question, seconds: float, when_unreachable: str, when_undecided: str) -> str:
    """Ask, and return the answer to Claude Code."""
    from signoff.errors import SignoffError, StillWaiting, Unreachable

    server = _server(min(_PATIENCE, seconds))
    is_kept = when_undecided == "defer"  # a later hook for the same use goes on with the ask
    try:
        ended = waited_ask.decided(
            server, asked, seconds, stays=lambda error: is_kept and isinstance(error, StillWaiting)
        )
        ask = _taken(server, asked, ended)
        asked.values(ask)  # raises for values that were not asked for
    except Unreachable as error:
        return hook_events.answer(when_unreachable, str(error))
    except StillWaiting as error:
        return hook_events.answer(when_undecided, f"{error} Use the tool again later if it is still needed.")
    except SignoffError as error:
        return hook_events.answer("deny", str(error))
    _remember(use, ask)
    return hook_events.answer("allow", _reason(ask), ask.arguments if ask.decision and ask.decision.edits else None)


def _server(patience: float) -> Server:
    """Return the server of the environment. The agent may write the folder's files, so they cannot name another one."""
    return api_server.server(patience, reads_env_file=False)


def _taken(server: Server, asked: Question, ask: Ask) -> Ask:
    """Take the approval. A hook that was killed after this may be called again for the same use, and gets the same."""
    from signoff import conversation

    if ask.outcome is not None or ask.consumed_at is None:
        conversation.approved(ask)
    asked.values(ask)  # what is wrong with them is noticed before the approval is used
    return server.run(conversation.consume(ask, server.patience, f"{asked.key}-use"))


def _remember(use: ToolUse, ask: Ask) -> None:
    try:
        hook_memory.remember(use.key, ask.id)
    except OSError as error:
        # The owner of the workflow is asked about an outcome that is not reported.
        click.echo(f"Signoff: the outcome of {ask.id} cannot be reported: {error.strerror}.", err=True)


def _reason(ask: Ask) -> str:
    if ask.decision is None or not ask.decision.by:
        return "A rule of Signoff allows it."
    changed = f" {ask.decision.by} changed {', '.join(edit.path for edit in ask.decision.edits)}."
    said = f" {ask.decision.by} wrote: {ask.decision.reason}" if ask.decision.reason else ""
    return f"Approved by {ask.decision.by}.{changed if ask.decision.edits else ''}{said}"


def _report(use: ToolUse) -> int:
    """Report what became of the use of a tool. A use that was not asked about is none of ours."""
    from signoff import conversation
    from signoff.errors import SignoffError

    outcome = hook_events.outcome(use)
    ask = hook_memory.take(use.key) if outcome is not None else None
    if outcome is None or ask is None:
        return Exit.DONE
    server = _server(_PATIENCE)
    try:
        server.run(conversation.report(ask, outcome[0], outcome[1], None, server.patience))
    except SignoffError as error:
        click.echo(f"Signoff: the outcome of {ask} was not reported. {error}", err=True)
        return Exit.NO
    return Exit.DONE
