"""`signoff hook` as Claude Code calls it: events as it writes them, and answers in the form that it reads."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Final

import jsonschema
import pytest

from bot.cli.hook import hook
from engine import durations
from tests.support.ask_server import KEY, AskServer, Fault, open_ask_server
from tests.support.documents import Page
from tests.support.processes import CommandResult, Installation, Process, finish

ANSWER: Final = {
    "type": "object",
    "required": ["hookSpecificOutput"],
    "additionalProperties": False,
    "properties": {
        "hookSpecificOutput": {
            "type": "object",
            "required": ["hookEventName", "permissionDecision", "permissionDecisionReason"],
            "additionalProperties": False,
            "properties": {
                "hookEventName": {"const": "PreToolUse"},
                "permissionDecision": {"enum": ["allow", "deny", "ask", "defer"]},
                "permissionDecisionReason": {"type": "string", "minLength": 1},
                "updatedInput": {"type": "object"},
            },
        }
    },
}
"""The answer to PreToolUse in the hooks reference of Claude Code 2.1, without the parts that we do not use."""
COMMAND: Final = {"command": "rm -rf build", "description": "Remove the build folder", "timeout": 5000}


def event(name: str = "PreToolUse", *, use: str = "toolu_01", **more: Any) -> str:
    return json.dumps(
        {
            "session_id": "0b5e", "transcript_path": "/home/kim/.claude/t.jsonl", "cwd": "/home/kim/shop",
            "permission_mode": "default", "hook_event_name": name, "tool_name": "Bash", "tool_input": COMMAND,
            "tool_use_id": use,
        }
        | more
    )  # fmt: skip


@pytest.fixture
def asks() -> Iterator[AskServer]:
    with open_ask_server() as server:
        yield server


@pytest.fixture
def claude(asks: AskServer, tmp_path: Path) -> Installation:
    """The folder and the environment in which Claude Code calls hooks."""
    return Installation(tmp_path, tmp_path / "none.db", {"SIGNOFF_URL": asks.url, "SIGNOFF_API_KEY": KEY})


def answer(ended: CommandResult) -> dict[str, Any]:
    """Return the answer of a hook, which has the form that Claude Code reads."""
    assert ended.code == 0, ended.output
    parsed = json.loads(ended.out)
    jsonschema.validate(parsed, ANSWER)
    output: dict[str, Any] = parsed["hookSpecificOutput"]
    return output


def decided(asks: AskServer, process: Process, verdict: str = "approved", **more: Any) -> dict[str, Any]:
    asks.decide(asks.await_ask(polled=True)["id"], verdict, **more)
    return answer(finish(process))


def test_an_approval_allows_the_use_and_the_use_reports_its_end(claude: Installation, asks: AskServer) -> None:
    allowed = decided(asks, claude.start("hook", stdin=event()))
    assert (allowed["permissionDecision"], allowed["permissionDecisionReason"]) == ("allow", "Approved by Ada.")
    assert "updatedInput" not in allowed
    body = asks.asks["ask1"]["body"]
    assert body["arguments"] == COMMAND
    assert {name: body[name] for name in body if name != "arguments"} == {
        "title": "Claude Code: Bash", "tool": "Bash", "summary": "Remove the build folder", "use": "once",
        "editable": True, "data": "Folder: /home/kim/shop\nSession: 0b5e",
    }  # fmt: skip
    assert asks.asks["ask1"]["consumed_at"]
    after = claude.run("hook", stdin=event("PostToolUse", tool_response={"stdout": ""}, duration_ms=3))
    assert (after.code, after.out, asks.asks["ask1"]["outcome"]["status"]) == (0, "", "succeeded")


@pytest.mark.parametrize(
    ("name", "more", "status"),
    [
        ("PostToolUseFailure", {"error": "Exit code 1"}, "failed"),
        ("PostToolUseFailure", {"error": "Stopped", "is_interrupt": True}, "unknown"),
        ("PermissionDenied", {"reason": "A rule"}, "failed"),
    ],
)  # fmt: skip
def test_each_end_of_a_use_is_reported(
    claude: Installation, asks: AskServer, name: str, more: dict[str, Any], status: str
) -> None:
    decided(asks, claude.start("hook", stdin=event()))
    assert claude.run("hook", stdin=event(name, **more)).code == 0
    assert asks.asks["ask1"]["outcome"]["status"] == status


def test_an_edit_takes_the_place_of_the_whole_input(claude: Installation, asks: AskServer) -> None:
    allowed = decided(asks, claude.start("hook", stdin=event()), command="rm -rf build/tmp", reason="Only this.")
    assert allowed["updatedInput"] == {**COMMAND, "command": "rm -rf build/tmp"}
    assert allowed["permissionDecisionReason"] == "Approved by Ada. Ada changed command. Ada wrote: Only this."


@pytest.mark.parametrize("verdict", ["rejected", "expired", "cancelled", "failed"])
def test_every_other_end_denies_with_its_reason(claude: Installation, asks: AskServer, verdict: str) -> None:
    denied = decided(asks, claude.start("hook", stdin=event()), verdict, reason="Not on a Friday.")
    assert denied["permissionDecision"] == "deny"
    assert ("Not on a Friday." in denied["permissionDecisionReason"]) == (verdict == "rejected")
    assert asks.asks["ask1"]["consumed_at"] is None
    assert claude.run("hook", stdin=event("PostToolUse", tool_response={})).code == 0
    assert asks.asks["ask1"]["outcome"] is None


def test_a_hook_that_is_called_again_for_the_same_use_asks_once_and_gets_the_same_approval(
    claude: Installation, asks: AskServer
) -> None:
    decided(asks, claude.start("hook", stdin=event()))
    assert answer(claude.run("hook", stdin=event()))["permissionDecision"] == "allow"
    assert len(asks.asks) == 1
    claude.run("hook", stdin=event("PostToolUse", tool_response={}))
    used = answer(claude.run("hook", stdin=event()))
    assert used["permissionDecision"] == "deny"
    assert "already used" in used["permissionDecisionReason"]


def test_the_same_use_with_another_input_is_denied(claude: Installation, asks: AskServer) -> None:
    decided(asks, claude.start("hook", stdin=event()))
    changed = answer(claude.run("hook", stdin=event(tool_input={**COMMAND, "command": "rm -rf /"})))
    assert changed["permissionDecision"] == "deny"


def test_another_use_of_the_same_input_is_asked_about_again(claude: Installation, asks: AskServer) -> None:
    decided(asks, claude.start("hook", stdin=event()))
    asks.seen.clear()
    second = claude.start("hook", stdin=event(use="toolu_02"))
    asks.decide(asks.await_ask(polled=True)["id"], "rejected")
    assert answer(finish(second))["permissionDecision"] == "deny"
    assert len(asks.asks) == 2


@pytest.mark.parametrize(
    ("option", "decision"),
    [((), "deny"), (("--when-unreachable", "ask"), "ask"), (("--when-unreachable", "deny"), "deny")],
)  # fmt: skip
def test_a_server_that_cannot_be_reached_never_allows(
    claude: Installation, asks: AskServer, option: tuple[str, ...], decision: str
) -> None:
    asks.stop()
    output = answer(claude.run("hook", "--timeout", "1s", *option, stdin=event()))
    assert output["permissionDecision"] == decision
    assert "did not answer" in output["permissionDecisionReason"]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST /asks", status=401, body=b"<html>", content_type="text/html"),
        Fault("POST /asks", status=200, body=b'{"status": "approved"}'),
        Fault("POST /asks", status=200, body=b"[]"),
        Fault("POST /asks", status=302, headers={"location": "http://127.0.0.1/"}),
        Fault("GET /asks", change=lambda record: record.update(arguments={"command": "rm -rf /"})),
        Fault("GET /asks", change=lambda record: record.update(id="ask9")),
        Fault("POST /asks/ask1/consume", change=lambda record: record.update(status="pending")),
        Fault("POST /asks/ask1/consume", change=lambda record: record.update(consumed_at=None)),
    ],
)  # fmt: skip
def test_an_answer_that_is_not_clear_never_allows(claude: Installation, asks: AskServer, fault: Fault) -> None:
    asks.faults.append(fault)
    process = claude.start("hook", "--no-edits", stdin=event())
    if fault.on != "POST /asks":
        asks.decide(asks.await_ask(polled=True)["id"])
    assert answer(finish(process))["permissionDecision"] == "deny"


@pytest.mark.parametrize(("option", "decision"), [("deny", "deny"), ("ask", "ask")])
def test_without_a_decision_in_time_the_ask_is_cancelled(
    claude: Installation, asks: AskServer, option: str, decision: str
) -> None:
    output = answer(claude.run("hook", "--timeout", "1s", "--when-undecided", option, stdin=event()))
    assert (output["permissionDecision"], asks.asks["ask1"]["status"]) == (decision, "cancelled")


def test_a_deferred_use_goes_on_with_its_ask(claude: Installation, asks: AskServer) -> None:
    options = ("hook", "--timeout", "1s", "--when-undecided", "defer")
    assert answer(claude.run(*options, stdin=event()))["permissionDecision"] == "defer"
    asks.decide("ask1")
    assert answer(claude.run(*options, stdin=event()))["permissionDecision"] == "allow"
    assert len(asks.asks) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_hook_that_is_stopped_blocks_and_cancels(
    claude: Installation, asks: AskServer, number: signal.Signals
) -> None:
    process = claude.start("hook", stdin=event())
    asks.await_ask(polled=True)
    os.kill(process.pid, number)
    ended = finish(process)
    assert (ended.code, ended.out, asks.asks["ask1"]["status"]) == (2, "", "cancelled")


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", '"PreToolUse"', "{}", '{"hook_event_name": "PreToolUse"}', "[" * 3000,
        event(tool_input="rm"), event(tool_use_id=None), event(session_id=7), event(tool_name=""),
        event(hook_event_name=["PreToolUse"]), event(tool_input=None),
    ],
)  # fmt: skip
def test_an_event_that_cannot_be_read_blocks(claude: Installation, asks: AskServer, text: str) -> None:
    ended = claude.run("hook", stdin=text)
    assert (ended.code, ended.out) == (2, "")
    assert "Signoff" in ended.err
    assert not asks.asks


@pytest.mark.parametrize("options", [["--timeout", "soon"], ["--when-unreachable", "allow"], ["--nonsense"], ["now"]])
def test_wrong_options_block(claude: Installation, asks: AskServer, options: list[str]) -> None:
    assert claude.run("hook", *options, stdin=event()).code == 2


def test_without_an_address_or_a_key_the_use_is_denied(claude: Installation, asks: AskServer) -> None:
    for name in ("SIGNOFF_URL", "SIGNOFF_API_KEY"):
        value = claude.settings.pop(name)
        assert answer(claude.run("hook", stdin=event()))["permissionDecision"] == "deny"
        claude.settings[name] = value


def test_the_files_of_the_folder_cannot_name_another_server(claude: Installation, asks: AskServer) -> None:
    """The agent may write them."""
    (claude.folder / ".env").write_text("SIGNOFF_URL=http://127.0.0.1:9\n")
    assert decided(asks, claude.start("hook", stdin=event()))["permissionDecision"] == "allow"
    (claude.folder / ".env").write_text(f"SIGNOFF_URL={claude.settings.pop('SIGNOFF_URL')}\n")
    assert answer(claude.run("hook", stdin=event(use="toolu_02")))["permissionDecision"] == "deny"
    assert len(asks.asks) == 1


class TestPage:
    """docs/agents/claude-code.md"""

    PAGE: ClassVar = Page.of("agents/claude-code.md")

    def test_its_settings_call_the_hook_for_events_that_it_knows_within_its_time(self) -> None:
        (settings,) = [json.loads(block.text) for block in self.PAGE.blocks if '"hooks": {' in block.text]
        assert set(settings["hooks"]) == {"PreToolUse", "PostToolUse", "PostToolUseFailure"}
        for matchers in settings["hooks"].values():
            for called in matchers[0]["hooks"]:
                assert (called["type"], called["command"]) == ("command", "signoff hook")
        (before,) = settings["hooks"]["PreToolUse"][0]["hooks"]
        default = next(option.default for option in hook.params if option.name == "timeout")
        assert durations.parse(str(default)).total_seconds() < before["timeout"]
        assert before["onFailure"] == "block"

    def test_its_rules_can_be_registered(self, claude: Installation) -> None:
        (rules,) = [block.text for block in self.PAGE.blocks if block.info == "yaml"]
        checked = claude.run("check", claude.write("approvals.yaml", rules))
        assert checked.code == 0, checked.output


def test_a_home_that_cannot_be_written_loses_only_the_report(claude: Installation, asks: AskServer) -> None:
    claude.settings["XDG_STATE_HOME"] = "/proc"
    process = claude.start("hook", stdin=event())
    asks.decide(asks.await_ask(polled=True)["id"])
    ended = finish(process)
    assert answer(ended)["permissionDecision"] == "allow"
    assert "cannot be reported" in ended.err


def test_the_server_of_an_mcp_tool_is_named(claude: Installation, asks: AskServer) -> None:
    decided(asks, claude.start("hook", stdin=event(tool_name="mcp__github__create_issue")))
    assert (asks.asks["ask1"]["tool"], asks.asks["ask1"]["server"]) == ("mcp__github__create_issue", "github")


def test_numbers_of_an_input_keep_their_digits(claude: Installation, asks: AskServer) -> None:
    given = '{"amount": 12345678901234567890.10, "command": "x"}'
    text = event().replace(json.dumps(COMMAND), given)
    process = claude.start("hook", stdin=text)
    asks.decide(asks.await_ask(polled=True)["id"], command="y")
    ended = finish(process)
    assert ended.code == 0
    assert '"updatedInput":{"amount":' in ended.out


def test_what_is_remembered_is_private_and_forgotten(claude: Installation, asks: AskServer) -> None:
    decided(asks, claude.start("hook", stdin=event()))
    (file,) = [path for path in claude.folder.rglob("claude-*") if path.is_file()]
    assert (file.read_text(), file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == ("ask1", 0o600, 0o700)
    claude.run("hook", stdin=event("PostToolUse", tool_response={}))
    assert not file.exists()
