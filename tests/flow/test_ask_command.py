"""`signoff ask` and `signoff report` in processes of their own, against a server that can fail in every way."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.ask_server import KEY, AskServer, Fault, open_ask_server
from tests.support.processes import CommandResult, Installation, Process, finish

REFUND = ("ask", "Refund", "-a", "order=A-1001", "-a", "amount:=120.50", "--tool", "refund")


@pytest.fixture
def asks() -> Iterator[AskServer]:
    with open_ask_server() as server:
        yield server


@pytest.fixture
def shell(asks: AskServer, tmp_path: Path) -> Installation:
    """A folder from which programs ask. It has no server and no database."""
    return Installation(tmp_path, tmp_path / "none.db", {"SIGNOFF_URL": asks.url, "SIGNOFF_API_KEY": KEY})


def decided(asks: AskServer, process: Process, verdict: str = "approved", **more: Any) -> CommandResult:
    """Decide the ask that a process waits for, and return how the process ended."""
    asks.decide(asks.await_ask(polled=True)["id"], verdict, **more)
    return finish(process)


def test_the_id_is_printed_at_once_and_the_content_is_sent_as_it_was_typed(
    shell: Installation, asks: AskServer
) -> None:
    ended = shell.run(
        *REFUND, "--editable", "amount", "--risk", "high", "--workflow", "money", "--expires-in", "2h",
        "--requester", "kim@example.com", "--summary", "A customer waits."
    )  # fmt: skip
    assert (ended.code, ended.out) == (0, "ask1\n")
    assert "Waiting for Ada.\nNot decided yet, and this command does not wait: to wait, use --wait" in ended.err
    body = asks.asks["ask1"]["body"]
    assert json.dumps(body["arguments"], default=str) == '{"order": "A-1001", "amount": "120.50"}'
    assert {name: body[name] for name in body if name != "arguments"} == {
        "title": "Refund", "use": "once", "tool": "refund", "editable": ["amount"], "risk": "high",
        "workflow": "money", "expires_in": "2h", "requester": "kim@example.com", "summary": "A customer waits.",
    }  # fmt: skip


def test_the_approved_values_are_printed_and_the_approval_is_taken(shell: Installation, asks: AskServer) -> None:
    ended = decided(asks, shell.start(*REFUND, "--editable", "amount", "--wait"), amount=80)
    assert (ended.code, ended.out) == (0, "order=A-1001\namount=80\n")
    assert ended.err.startswith("Asked: ask1\n")
    assert asks.asks["ask1"]["consumed_at"]
    assert shell.run("report", "ask1", "succeeded", "--note", "Paid.", "--result", '{"id": 7}').code == 0
    assert asks.asks["ask1"]["outcome"]["status"] == "succeeded"
    assert asks.asks["ask1"]["result"] == {"id": 7}


def test_json_has_the_id_the_values_and_the_decision(shell: Installation, asks: AskServer) -> None:
    ended = decided(asks, shell.start(*REFUND, "--editable", "*", "--wait", "--json"), amount=80, reason="Only half.")
    record = json.loads(ended.out)
    assert record["arguments"] == {"order": "A-1001", "amount": 80}
    assert (record["id"], record["status"], record["decision"]["by"]) == ("ask1", "approved", "Ada")
    assert record["decision"]["edits"] == [{"path": "amount", "before": 120.5, "after": 80}]


@pytest.mark.parametrize(
    ("verdict", "code"), [("rejected", 1), ("expired", 5), ("cancelled", 6), ("failed", 1)]
)  # fmt: skip
def test_each_end_has_its_exit_code_and_prints_no_values(
    shell: Installation, asks: AskServer, verdict: str, code: int
) -> None:
    ended = decided(asks, shell.start(*REFUND, "--wait", "--", "touch", "ran"), verdict, reason="Too much.")
    assert (ended.code, ended.out) == (code, "")
    assert not (shell.folder / "ran").exists()
    assert asks.asks["ask1"]["consumed_at"] is None
    assert ("Too much." in ended.err) == (verdict == "rejected")
    assert asks.asks["ask1"]["status"] == verdict


def test_a_timeout_cancels_the_ask_that_nothing_can_come_back_to(shell: Installation, asks: AskServer) -> None:
    ended = shell.run(*REFUND, "--wait", "--timeout", "1s")
    assert ended.code == 5
    assert asks.asks["ask1"]["status"] == "cancelled"
    late, cancelled = ended.err.splitlines()[-2:]
    assert late == "'Refund' was not decided within 1 second."
    assert cancelled.startswith("The ask was cancelled, because no command would use its approval")
    assert "With --key TEXT it stays, and the same command waits for it again." in cancelled


def test_a_timeout_says_when_the_ask_could_not_be_cancelled(shell: Installation, asks: AskServer) -> None:
    asks.faults.append(Fault("POST /asks/ask1/cancel", status=403))
    ended = shell.run(*REFUND, "--wait", "--timeout", "1s")
    assert ended.code == 5
    assert ended.err.splitlines()[-1].startswith("The ask could not be cancelled, so people may still decide it.")


def test_with_a_key_the_ask_goes_on_and_the_next_call_gets_it(shell: Installation, asks: AskServer) -> None:
    late = shell.run(*REFUND, "--wait", "--timeout", "1s", "--key", "deploy-7")
    assert late.code == 5
    assert late.err.splitlines()[-1].endswith("The same command with the same --key waits for it again.")
    asks.decide("ask1")
    ended = shell.run(*REFUND, "--wait", "--key", "deploy-7")
    assert (ended.code, ended.out) == (0, "order=A-1001\namount=120.5\n")
    again = shell.run(*REFUND, "--wait", "--key", "deploy-7")
    assert (again.code, again.out) == (1, "")
    assert "already used" in again.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_a_cancelled_pipeline_cancel_the_ask(
    shell: Installation, asks: AskServer, number: signal.Signals
) -> None:
    process = shell.start(*REFUND, "--wait")
    asks.await_ask(polled=True)
    os.kill(process.pid, number)
    assert finish(process).code == 130
    assert asks.asks["ask1"]["status"] == "cancelled"


@pytest.mark.parametrize(
    ("verdict", "code", "sentence"),
    [
        ("approved", 0, "Approved by Ada"),
        ("rejected", 1, "'Refund' was rejected by Ada"),
        ("expired", 5, "'Refund' expired"),
        ("cancelled", 6, "'Refund' was not approved: it was cancelled."),
    ],
)
def test_without_wait_the_command_says_what_is_decided_already(
    shell: Installation, asks: AskServer, verdict: str, code: int, sentence: str
) -> None:
    first = shell.run(*REFUND, "--key", "refund-1")
    assert "the same command with --wait does" in first.err
    asks.decide("ask1", verdict)
    again = shell.run(*REFUND, "--key", "refund-1")
    assert (again.code, again.out) == (code, "ask1\n")
    assert sentence in again.err
    assert asks.asks["ask1"]["consumed_at"] is None


def test_ctrl_c_before_the_id_is_known_cancels_the_ask_too(shell: Installation, asks: AskServer) -> None:
    """The server answers nothing any more, so the command knows no id when it is stopped."""
    asks.faults.extend([Fault("POST /asks", drop="after"), Fault("POST /asks", status=503)])
    process = shell.start(*REFUND, "--wait")
    asks.await_ask()
    os.kill(process.pid, signal.SIGINT)
    assert finish(process).code == 130
    assert (asks.asks["ask1"]["status"], len(asks.asks)) == ("cancelled", 1)


def test_waiting_goes_on_over_a_restart_of_the_server(shell: Installation, asks: AskServer) -> None:
    process = shell.start(*REFUND, "--wait")
    asks.await_ask(polled=True)
    asks.stop()
    asks.decide("ask1")
    asks.start()
    ended = finish(process)
    assert (ended.code, ended.out) == (0, "order=A-1001\namount=120.5\n")


@pytest.mark.parametrize("drop", ["before", "after"])
@pytest.mark.parametrize("call", ["POST /asks", "GET /asks/ask1", "POST /asks/ask1/consume"])
def test_a_lost_answer_asks_and_takes_only_once(shell: Installation, asks: AskServer, call: str, drop: str) -> None:
    asks.faults.append(Fault(call, drop=drop))
    ended = decided(asks, shell.start(*REFUND, "--wait"))
    assert (ended.code, ended.out) == (0, "order=A-1001\namount=120.5\n")
    assert len(asks.asks) == 1


def test_a_server_that_cannot_be_reached_is_said(shell: Installation, asks: AskServer) -> None:
    asks.stop()
    ended = shell.run(*REFUND, "--wait", "--timeout", "1s")
    assert (ended.code, ended.out) == (4, "")
    assert "Check SIGNOFF_URL" in ended.err


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (["ask", "Refund", "-a", "order"], "write NAME=VALUE"),
        (["ask", "Refund", "-a", "amount:=1x"], "not JSON"),
        (["ask", "Refund", "--arguments", "[1]"], "write a JSON object"),
        (["ask", "Refund", "--field", "amount=number", "-a", "amount=abc"], "-a amount: The value"),
        (["ask", "Refund", "--timeout", "5m"], "Add --wait"),
        (["ask", "Refund", "--wait", "--timeout", "soon"], "is not a duration"),
        (["ask", "Refund", "--expires-in", "0s"], "is zero"),
        (["ask", "Refund", "--"], "no command after the --"),
        (["ask", "Refund", "the", "order"], "(the order). Put the title in quotes, and a command"),
        (["ask", "Refund", "sh", "-c", "pay"], "'-c'. Put the title in quotes, and a command to run after --."),
        (["report", "ask1", "maybe"], "is not one of"),
        (["report", "ask1", "failed", "--result", "{"], "not JSON"),
    ],
)  # fmt: skip
def test_wrong_use_is_said_and_asks_nothing(
    shell: Installation, asks: AskServer, typed: list[str], sentence: str
) -> None:
    ended = shell.run(*typed)
    assert (ended.code, ended.out) == (2, "")
    assert sentence in ended.err
    assert not asks.asks


@pytest.mark.parametrize("missing", ["SIGNOFF_URL", "SIGNOFF_API_KEY"])
def test_the_address_and_the_key_can_lie_in_the_file_env(shell: Installation, asks: AskServer, missing: str) -> None:
    value = shell.settings.pop(missing)
    assert (shell.run(*REFUND).code, shell.run(*REFUND).out) == (2, "")
    (shell.folder / ".env").write_text(f"{missing}={value}\n")
    assert shell.run(*REFUND).out == "ask1\n"


def test_a_field_without_a_value_is_a_question(shell: Installation, asks: AskServer) -> None:
    process = shell.start("ask", "Which region?", "--field", "region=text", "--wait")
    ended = decided(asks, process, region="eu\ncentral")
    assert (ended.code, ended.out) == (0, 'region="eu\\ncentral"\n')
    body = asks.asks["ask1"]["body"]
    assert (body["use"], body["fields"], body["editable"]) == ("answer", {"region": "text"}, ["region"])
    assert asks.asks["ask1"]["consumed_at"] is None


class TestCommand:
    def test_it_runs_with_the_approved_values_and_its_end_is_reported(
        self, shell: Installation, asks: AskServer
    ) -> None:
        script = 'echo "$ASK_ID $ASK_ORDER $ASK_AMOUNT"'
        ended = decided(asks, shell.start(*REFUND, "--editable", "amount", "--", "sh", "-c", script), amount=80)
        assert (ended.code, ended.out) == (0, "ask1 A-1001 80\n")
        assert "Approved by Ada. Changed: amount." in ended.err
        assert asks.asks["ask1"]["outcome"]["status"] == "succeeded"

    @pytest.mark.parametrize(
        ("script", "code", "status"), [("exit 3", 3, "failed"), ("kill -9 $$", 137, "unknown")]
    )  # fmt: skip
    def test_its_exit_code_is_that_of_the_ask(
        self, shell: Installation, asks: AskServer, script: str, code: int, status: str
    ) -> None:
        ended = decided(asks, shell.start(*REFUND, "--", "sh", "-c", script))
        assert ended.code == code
        assert asks.asks["ask1"]["outcome"]["status"] == status

    def test_a_command_that_is_not_there_has_failed(self, shell: Installation, asks: AskServer) -> None:
        ended = decided(asks, shell.start(*REFUND, "--", "./deploy"))
        assert ended.code == 127
        assert asks.asks["ask1"]["outcome"]["status"] == "failed"

    def test_a_cancelled_pipeline_ends_the_command_too(self, shell: Installation, asks: AskServer) -> None:
        os.mkfifo(shell.folder / "started")
        script = "echo > started; exec sleep 60"
        process = shell.start(*REFUND, "--", "sh", "-c", script)
        asks.decide(asks.await_ask(polled=True)["id"])
        (shell.folder / "started").read_text()
        process.send_signal(signal.SIGTERM)
        assert finish(process).code == 143
        assert asks.asks["ask1"]["outcome"]["status"] == "unknown"
