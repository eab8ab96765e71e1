"""The examples of docs/ work: the first commands, the JSON that commands print, and the step type."""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.cli.exit_codes import Exit
from tests.support.cli import run_command
from tests.support.documents import DOCS, Page
from tests.support.processes import Server, create_installation

WORKFLOWS = Page.of("workflows.md")
COMMANDS = Page.of("commands.md")
EXPENSE = DOCS.parent / "templates" / "workflows" / "expense.yaml"
INPUTS = ("-i", "what=Train to Bonn", "-i", "amount=84.50", "-i", "spent_on=2026-03-02")


COUNTED = """
name: counted
steps:
  - id: note
    uses: set
    with: {text: hello}
    gate: {autonomy: {clean: 100, sample: 10%, only_when: true}}
"""
RATED = """\
name: rated
owner: finance@example.com
steps:
  - {id: go, uses: set, with: {}, gate: {feedback: true, exclude: [], hold: 1h}}
"""


@dataclass(frozen=True)
class Terminal:
    """Runs the command `signoff` on a database of its own, without a person at the keyboard."""

    capture: pytest.CaptureFixture[str]

    def signoff(self, *arguments: str, code: Exit = Exit.DONE) -> str:
        ended = run_command(*arguments)
        out, err = self.capture.readouterr()
        assert ended == code, err
        return out

    def json(self, *arguments: str, code: Exit = Exit.DONE) -> Any:
        """Run a command with `--json`, and return its parsed output."""
        return json.loads(self.signoff(*arguments, "--json", code=code))


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    for name in [name for name in os.environ if name.startswith("SIGNOFF_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SIGNOFF_DATABASE_URL", f"sqlite:///{tmp_path}/signoff.db")
    monkeypatch.setenv("SIGNOFF_OPERATOR", "finance@example.com")
    return Terminal(capsys)


ROUTED = """name: routed
owner: sam@example.com
routes: {payments: [{to: [owner]}]}
steps:
  - {id: pay, uses: set, with: {a: 1}, gate: {approvers: ["route:payments"]}}
"""

# -- JSON ---------------------------------------------------------------------------------------------------


def assert_same_keys(documented: Any, real: Any, path: str) -> None:
    """Check that every mapping on the page has the real keys, except mappings that a workflow fills in."""
    if isinstance(documented, list) and documented and real:
        assert_same_keys(documented[0], real[0], f"{path}[0]")
    elif isinstance(documented, dict) and isinstance(real, dict):
        if path.rpartition(".")[2] in ("inputs", "content", "output"):
            return
        assert list(documented) == list(real), path
        for key in documented:
            assert_same_keys(documented[key], real[key], f"{path}.{key}")
    else:
        assert isinstance(real, type(documented)) or documented is None or real is None, path


def test_every_command_prints_the_json_of_its_page(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    (Path.cwd() / "bad.yaml").write_text("name: bad\nstep: []\n")
    (Path.cwd() / "other.yaml").write_bytes(EXPENSE.read_bytes() + b"# another version\n")
    real = {"signoff check": terminal.json("check", "bad.yaml", code=Exit.NO)}
    real["signoff new"] = terminal.json("new", "expense", "--output", "made.yaml")
    real["signoff register"] = terminal.json("register", str(EXPENSE))
    real["signoff workflows"] = terminal.json("workflows")
    real["signoff doctor"] = terminal.json("doctor")
    real["signoff run"] = terminal.json("run", "expense", *INPUTS)
    (pending,) = terminal.json("requests")
    real["signoff people list"] = terminal.json("people", "list")
    real["signoff people show"] = terminal.json("people", "show", "finance@example.com")
    real["signoff revoke"] = terminal.json("revoke", pending["id"])
    real["signoff question"] = terminal.json("question", pending["id"], "Why?", "--to", "kim@example.com")
    with monkeypatch.context() as patch:
        patch.setenv("SIGNOFF_OPERATOR", "kim@example.com")
        real["signoff answer"] = terminal.json("answer", pending["id"], "For the fair.")
    real["signoff decide"] = terminal.json("decide", pending["id"], "edit", "what=Bus to Bonn")
    real["signoff requests"] = terminal.json("requests", pending["id"])
    real["signoff insights"] = terminal.json("insights")
    Path("routed.yaml").write_text(ROUTED)
    real["signoff route"] = terminal.json("route", "routed.yaml")
    real["signoff replay"] = terminal.json("replay", str(EXPENSE))
    real["signoff evaluate"] = terminal.json("evaluate", "expense")  # integration/test_evaluation.py has drafts
    real["signoff runs"] = terminal.json("runs", real["signoff run"]["run"])
    terminal.json("run", "expense", *INPUTS)
    (waiting,) = terminal.json("requests")
    passing_on = ("--to", "new@example.com", "--reason", "on holiday", "--for", "finance@example.com")
    real["signoff reassign"] = terminal.json("reassign", waiting["id"], *passing_on)
    (Path.cwd() / "rated.yaml").write_text(RATED)
    terminal.json("register", "rated.yaml")
    terminal.json("run", "rated")
    rated = next(request["id"] for request in terminal.json("requests") if request["workflow"] == "rated")
    terminal.json("decide", rated, "approve")
    real["signoff rate"] = terminal.json("rate", rated, "4")
    real["signoff undo"] = terminal.json("undo", rated)
    (Path.cwd() / "counted.yaml").write_text(COUNTED)
    terminal.json("register", "counted.yaml")
    counted = terminal.json("run", "counted")["run"]
    real["signoff autonomy list"] = terminal.json("autonomy", "list")
    plan = real["signoff autonomy list"][0]["id"]
    real["signoff autonomy show"] = terminal.json("autonomy", "show", plan)
    real["signoff autonomy tighten"] = terminal.json("autonomy", "tighten", plan, "--reason", "Audit week.")
    real["signoff incident"] = terminal.json("incident", counted, "--reason", "It was paid twice.")
    real["signoff away"] = terminal.json("away", "for", "two", "days", "--delegate", "new@example.com")
    real["signoff back"] = terminal.json("back")
    real["signoff preferences"] = terminal.json("preferences", "--quiet", "20:00-07:00")
    real["signoff people undo"] = terminal.json("people", "undo", "finance@example.com")
    real["signoff people sign-out"] = terminal.json("people", "sign-out", "kim@example.com")
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdin", io.StringIO("a-value-of-a-secret"))
        real["signoff secret set"] = terminal.json("secret", "set", "CRM_TOKEN")
    real["signoff secret list"] = terminal.json("secret", "list")
    real["signoff secret rotate"] = terminal.json("secret", "rotate")
    real["signoff secret delete"] = terminal.json("secret", "delete", "CRM_TOKEN")
    real["signoff keys create"] = terminal.json("keys", "create", "Support agent")
    real["signoff keys list"] = terminal.json("keys", "list")
    real["signoff keys show"] = terminal.json("keys", "show", "Support agent")
    real["signoff keys rotate"] = terminal.json("keys", "rotate", "Support agent")
    # An address without a name: nothing is looked up, and nothing is called before a program asks.
    endpoint = terminal.json("callbacks", "add", "Support agent", "https://1.1.1.1/signoff")
    real["signoff callbacks add"] = endpoint
    real["signoff callbacks list"] = terminal.json("callbacks", "list")
    real["signoff callbacks rotate"] = terminal.json("callbacks", "rotate", endpoint["id"])
    real["signoff callbacks enable"] = terminal.json("callbacks", "enable", endpoint["id"])
    real["signoff callbacks remove"] = terminal.json("callbacks", "remove", endpoint["id"])
    real["signoff keys revoke"] = terminal.json("keys", "revoke", "Support agent")
    real["signoff versions"] = terminal.json("versions", "expense")
    terminal.signoff("register", "other.yaml")
    real["signoff diff"] = terminal.json("diff", "expense", code=Exit.NO)
    real["signoff rollback"] = terminal.json("rollback", "expense")
    (Path.cwd() / "kept").mkdir()
    (Path.cwd() / "kept" / "expense.yaml").write_bytes(EXPENSE.read_bytes() + b"# one more version\n")
    real["signoff sync"] = terminal.json("sync", "kept")
    real["signoff disable"] = terminal.json("disable", "expense")
    real["signoff enable"] = terminal.json("enable", "expense")
    real["signoff transfer"] = terminal.json("transfer", "expense", "owner@example.com")
    real["signoff delete"] = terminal.json("delete", "expense")
    real["signoff erase"] = terminal.json("erase", "--person", "kim@example.com", "--yes")
    documented = {block.section: json.loads(block.text) for block in COMMANDS.blocks if block.info == "json"}
    del documented["signoff ask"]  # needs a server with an address; tests/flow/test_programs.py compares it
    for bench in ("slack", "engine", "pg", "web", "mail", "inbox", "oversight", "api", "builders"):
        del documented[f"signoff bench {bench}"]  # takes a minute; tests/bench and tests/integration run small ones
    assert set(documented) == set(real)
    for command in documented:
        assert_same_keys(documented[command], real[command], command)


def test_lists_have_the_keys_of_the_one_and_no_problem_is_an_empty_list(terminal: Terminal) -> None:
    assert terminal.json("check", str(EXPENSE)) == []
    terminal.signoff("register", str(EXPENSE))
    assert terminal.json("run", "expense", *INPUTS, "--key", "k") == terminal.json(
        "run", "expense", *INPUTS, "--key", "k"
    ) | {"created": True}
    (run,), (request,) = terminal.json("runs"), terminal.json("requests")
    assert run["steps"] == []
    assert run.keys() == terminal.json("runs", run["id"]).keys() - {"requests", "deliveries", "story"}
    assert request.keys() == terminal.json("requests", request["id"]).keys() - {"deliveries"}


# -- the first commands -----------------------------------------------------------------------------------------


def first_commands(number: int) -> list[list[str]]:
    """Return the commands of a block at the top of the page."""
    block = COMMANDS.under("Commands and settings", "console")[number]
    lines = [re.sub(r"^\$ (SIGNOFF_\w+=\S+ )?", "", line) for line in block.text.splitlines()]
    commands = [shlex.split(line, comments=True)[1:] for line in lines]
    return [[str(EXPENSE) if word.endswith(".yaml") else word for word in command] for command in commands]


def test_the_first_command_of_the_page_runs_and_asks(terminal: Terminal) -> None:
    (command,) = first_commands(0)
    assert "Pay back 84.50 EUR for Train to Bonn?" in terminal.signoff(*command, code=Exit.WAITING)
    terminal.signoff(*command, "--answer", "approve")


def test_the_walk_with_a_database_ends_with_a_decision(terminal: Terminal) -> None:
    serve_command, *commands = first_commands(1)
    assert serve_command == ["serve"]
    for command in commands:
        (request,) = terminal.json("requests") if "REQUEST" in command else [{"id": ""}]
        out = terminal.signoff(*[request["id"] if word == "REQUEST" else word for word in command])
    assert out.startswith("You approved this.\n")


def test_the_examples_of_decide_work_as_they_stand(terminal: Terminal) -> None:
    terminal.signoff("register", str(EXPENSE))
    (block,) = COMMANDS.under("signoff decide", "console")
    for line in block.text.splitlines():
        terminal.signoff("run", "expense", *INPUTS)
        (request,) = terminal.json("requests")
        _, _, command, _, *rest = shlex.split(line)
        terminal.signoff(command, request["id"], *rest)


def test_a_backup_is_restored_as_the_page_says(terminal: Terminal, tmp_path: Path) -> None:
    terminal.signoff("register", str(EXPENSE))
    terminal.signoff("run", "expense", *INPUTS)
    (request,) = terminal.json("requests")
    terminal.signoff("backup", "backup.db")
    terminal.signoff("decide", request["id"], "approve")
    # A killed server leaves these files beside the database.
    for ending in ("-wal", "-shm"):
        (tmp_path / f"signoff.db{ending}").write_bytes(b"of another file")
    (block,) = COMMANDS.under("signoff backup", "sh")
    for line in block.text.splitlines():
        command = shlex.split(line)
        if command == ["signoff", "serve"]:
            # The server says what may happen twice. It cannot ask, because no person is at the keyboard.
            assert run_command(*command[1:]) == Exit.STORE
            assert "1 request is open in it" in terminal.capture.readouterr().err
        elif command[0] == "signoff":
            terminal.signoff(*command[1:])
        else:
            subprocess.run(command, cwd=tmp_path, check=True)
    server = Server(create_installation(tmp_path), "--restored").wait_until_ready()
    assert server.stop() == 0
    assert (tmp_path / "signoff.db").stat().st_mode & 0o777 == 0o600
    assert [pending["id"] for pending in terminal.json("requests")] == [request["id"]]
    (tmp_path / "signoff.db.key").unlink()
    terminal.signoff("decide", request["id"], "approve")
    assert (tmp_path / "signoff.db.key").exists()


# -- your own step type -------------------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the distribution of the page."""
    (project,), (module,) = (WORKFLOWS.under("Your own step types", info) for info in ("toml", "python"))
    described = tomllib.loads(project.text)["project"]
    site = tmp_path / "site"
    info = site / f"{described['name'].replace('-', '_')}-{described['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {described['name']}\nVersion: {described['version']}\n"
    )
    for group, entries in described["entry-points"].items():
        lines = [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
        (info / "entry_points.txt").write_text("\n".join(lines))
        (name,) = {value.partition(":")[0] for value in entries.values()}
        (site / f"{name}.py").write_text(module.text)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(site)
    importlib.invalidate_caches()
    (workflow,) = WORKFLOWS.under("Your own step types", "yaml ledger")
    (tmp_path / "book.yaml").write_text(workflow.text)


@pytest.mark.usefixtures("installed")
def test_the_step_type_of_the_page_runs_as_approved_and_edited(terminal: Terminal, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.txt"
    ledger.touch()
    terminal.signoff("check", "book.yaml")
    inputs = ("-i", "line=pay 100", "-i", f"file={ledger}")
    terminal.signoff("try", "book.yaml", *inputs, "--answer", "edit:line=pay 90")
    key, _, line = ledger.read_text().partition(" ")
    assert line == "pay 90\n"
    assert key.endswith(":write:1")


@pytest.mark.usefixtures("installed")
def test_the_step_type_of_the_page_says_why_it_failed(terminal: Terminal, tmp_path: Path) -> None:
    inputs = ("-i", "line=x", "-i", "file=nowhere.txt")
    out = terminal.signoff("try", "book.yaml", *inputs, "--answer", "approve", code=Exit.NO)
    assert "There is no ledger nowhere.txt." in " ".join(out.split())


@pytest.mark.usefixtures("installed")
def test_the_step_type_of_the_page_refuses_a_parameter_that_it_does_not_have(terminal: Terminal) -> None:
    book = Path("book.yaml")
    book.write_text(book.read_text().replace("with: {file:", "with: {files:"))
    assert "Did you mean `file`?" in terminal.signoff("check", "book.yaml", code=Exit.NO)
