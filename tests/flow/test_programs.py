"""The commands of programs against a real server: scripts, pipelines, Claude Code and MCP agents ask people."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.to_thread
import pytest
import yaml
from mcp.types import CallToolResult

from bot.devtools.demo.servers import free_port
from tests.support.documents import DOCS, Page
from tests.support.http_service import PATIENCE
from tests.support.mcp_env import McpServer, open_mcp_over_http
from tests.support.processes import SIGNOFF, CommandResult, Installation, Process, Server, create_installation, finish

RULES: Final = """\
name: approvals
title: Tool calls of agents
owner: lee@example.com
rules:
  - {tool: "search_*", approve: true}
  - {tool: drop_table, reject: "Tables are dropped by people only."}
  - gate: {approvers: [lee@example.com]}
"""
REFUND: Final = ("--tool", "refund", "-a", "order=A-1001", "-a", "amount:=120.50", "--editable", "amount")


@dataclass
class Company:
    """A server that asks Lee, and a folder from which a program asks with a key of its own."""

    installation: Installation
    program: Installation
    server: Server

    def request(self, title: str) -> str:
        """Wait until Lee is asked, and return the id of the request. A command on the server waits like a person."""
        for _ in range(200):
            for request in self.installation.run("requests", "--json").json:
                if request["title"] == title:
                    return str(request["id"])
        raise AssertionError(title)

    def decide(self, title: str, *decision: str) -> None:
        decided = self.installation.run("decide", self.request(title), *decision)
        assert decided.code == 0, decided.output

    def run_status(self, ask: str) -> str:
        return str(self.installation.run("runs", ask, "--json").json["status"])

    def revoke(self, key: str) -> None:
        revoked = self.installation.run("keys", "revoke", key.split("_")[1])
        assert revoked.code == 0, revoked.output

    def requester(self, run: str) -> str:
        return str(self.installation.run("runs", run, "--json").json["requester"]["name"])

    def as_program(self, key: str) -> Installation:
        """Return the folder of a program with another key."""
        program = self.program
        return Installation(program.folder, program.database, {**program.settings, "SIGNOFF_API_KEY": key})

    def key(self, name: str) -> str:
        return self.installation.run("keys", "create", name).out.strip()


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    installation = create_installation(tmp_path_factory.mktemp("server"), public_url=url, port=str(port))
    installation.write("approvals.yaml", RULES)
    folder = tmp_path_factory.mktemp("program")
    server = Server(installation)
    try:
        server.wait_until_ready()
        program = Installation(folder, folder / "none.db", {"SIGNOFF_URL": url})
        opened = Company(installation, program, server)
        program.settings["SIGNOFF_API_KEY"] = opened.key("Agent of the shop")
        assert installation.run("register", "approvals.yaml").code == 0
        yield opened
        assert not (folder / "none.db").exists(), "a program never opens the database"
    finally:
        opened.server.kill()


def test_the_approved_values_come_back_and_the_outcome_ends_the_run(company: Company) -> None:
    process = company.program.start("ask", "Refund one", *REFUND, "--wait", "--json")
    company.decide("Refund one", "edit", "amount=80")
    ended = finish(process)
    assert ended.code == 0, ended.output
    assert f"Review: {company.program.settings['SIGNOFF_URL']}/requests/" in ended.err
    record = json.loads(ended.out)
    (documented,) = [
        block for block in Page.of("commands.md").blocks if (block.section, block.info) == ("signoff ask", "json")
    ]
    assert json.loads(documented.text).keys() == record.keys()
    assert (record["arguments"], record["decision"]["by"]) == ({"order": "A-1001", "amount": 80}, "lee@example.com")
    assert company.run_status(record["id"]) == "waiting"
    assert company.program.run("report", record["id"], "succeeded", "--note", "Paid.").code == 0
    assert company.run_status(record["id"]) == "succeeded"
    again = company.program.run("report", record["id"], "failed")
    assert (again.code, again.out) == (1, "")


def test_a_rejection_has_its_reason_and_runs_nothing(company: Company) -> None:
    process = company.program.start("ask", "Refund two", *REFUND, "--", "touch", "ran")
    company.decide("Refund two", "reject", "--reason", "Ask the shop first.")
    ended = finish(process)
    assert (ended.code, ended.out) == (1, "")
    assert "Ask the shop first." in ended.err
    assert not (company.program.folder / "ran").exists()


def test_rules_decide_without_a_person(company: Company) -> None:
    passed = company.program.run("ask", "Search", "--tool", "search_orders", "-a", "text=shoes", "--wait")
    assert (passed.code, passed.out) == (0, "text=shoes\n")
    refused = company.program.run("ask", "Drop it", "--tool", "drop_table", "--wait")
    assert (refused.code, refused.out) == (1, "")
    assert "Tables are dropped by people only." in refused.err


def test_a_command_runs_with_what_was_approved(company: Company) -> None:
    process = company.program.start("ask", "Refund three", *REFUND, "--", "sh", "-c", 'echo "$ASK_ORDER $ASK_AMOUNT"')
    company.decide("Refund three", "edit", "amount=70")
    assert finish(process).out == "A-1001 70\n"


def test_ctrl_c_cancels_the_run(company: Company) -> None:
    process = company.program.start("ask", "Refund four", *REFUND, "--wait")
    request = company.request("Refund four")
    run = company.installation.run("requests", request, "--json").json["run"]
    os.kill(process.pid, signal.SIGINT)
    assert finish(process).code == 130
    assert company.run_status(run) == "cancelled"


def test_a_program_waits_over_a_killed_server(company: Company) -> None:
    process = company.program.start("ask", "Refund five", *REFUND, "--wait")
    request = company.request("Refund five")
    company.server.kill()
    company.server = Server(company.installation).wait_until_ready()
    assert company.installation.run("decide", request, "approve").code == 0
    ended = finish(process)
    assert (ended.code, ended.out.splitlines()) == (0, ["order=A-1001", "amount=120.50"])


def test_another_program_cannot_see_or_use_the_ask(company: Company) -> None:
    ask = company.program.run("ask", "Refund six", *REFUND).out.strip()
    refused = company.as_program(company.key("X")).run("report", ask, "succeeded")
    assert (refused.code, refused.out) == (1, "")
    assert company.installation.run("decide", company.request("Refund six"), "approve").code == 0
    unknown = company.as_program("sgn_x").run("ask", "Refund seven", *REFUND, "--wait")
    assert (unknown.code, unknown.out) == (1, "")


def test_a_key_asks_once_for_the_same_deploy(company: Company) -> None:
    words = ("ask", "Refund eight", *REFUND, "--key", "deploy-8")
    first, second = company.program.run(*words), company.program.run(*words)
    assert first.out == second.out
    other = company.program.run("ask", "Refund nine", *REFUND, "--key", "deploy-8")
    assert (other.code, other.out) == (1, "")


# -- Claude Code --------------------------------------------------------------------------------------------


def event(name: str, use: str, **more: Any) -> str:
    return json.dumps(
        {
            "session_id": "s1", "transcript_path": "/t", "cwd": "/srv/shop", "hook_event_name": name,
            "tool_name": "Bash", "tool_input": {"command": "rm -rf build"}, "tool_use_id": use,
        }
        | more
    )  # fmt: skip


def answer(ended: CommandResult) -> dict[str, Any]:
    assert ended.code == 0, ended.output
    output: dict[str, Any] = json.loads(ended.out)["hookSpecificOutput"]
    return output


def hook(company: Company, use: str, **more: Any) -> Process:
    return company.program.start("hook", stdin=event("PreToolUse", use, **more))


def test_claude_code_uses_a_tool_as_people_approved_it(company: Company) -> None:
    process = hook(company, "toolu_1")
    company.decide("Claude Code: Bash", "edit", "command=rm -rf build/tmp")
    allowed = answer(finish(process))
    assert allowed["permissionDecision"] == "allow"
    assert allowed["updatedInput"] == {"command": "rm -rf build/tmp"}
    repeated = answer(finish(hook(company, "toolu_1")))
    assert repeated["permissionDecision"] == "allow"
    after = event("PostToolUse", "toolu_1", tool_response={"stdout": ""})
    assert company.program.run("hook", stdin=after).code == 0
    assert answer(finish(hook(company, "toolu_1")))["permissionDecision"] == "deny"


def test_claude_code_hears_why_it_may_not(company: Company) -> None:
    process = hook(company, "toolu_2")
    company.decide("Claude Code: Bash", "reject", "--reason", "Never that.")
    denied = answer(finish(process))
    assert (denied["permissionDecision"], "Never that." in denied["permissionDecisionReason"]) == ("deny", True)
    refused = answer(finish(hook(company, "toolu_3", tool_name="drop_table")))
    assert "Tables are dropped by people only." in refused["permissionDecisionReason"]
    passed = answer(finish(hook(company, "toolu_4", tool_name="search_web")))
    assert passed["permissionDecision"] == "allow"


# -- MCP ----------------------------------------------------------------------------------------------------


def structured(result: CallToolResult) -> dict[str, Any]:
    assert result.structured_content is not None, result.content
    content: dict[str, Any] = result.structured_content
    return content


async def test_an_mcp_agent_asks_acts_and_reports(company: Company) -> None:
    async with McpServer(company.program, installed=True).client() as client:
        results: list[CallToolResult] = []

        async def call() -> None:
            arguments = {"title": "Refund by MCP", "tool": "refund", "arguments": {"amount": 120.5}, "editable": True}
            results.append(await client.call_tool("request_approval", arguments))

        async with anyio.create_task_group() as group:
            group.start_soon(call)
            await anyio.to_thread.run_sync(company.decide, "Refund by MCP", "edit", "amount=60")
        approved = structured(results[0])
        assert (approved["status"], approved["arguments"]) == ("approved", {"amount": 60})
        await client.call_tool("report_outcome", {"id": approved["id"], "status": "failed", "note": "No money."})
        passed = await client.call_tool("request_approval", {"title": "Search", "tool": "search_x"})
        assert structured(passed)["status"] == "approved"
        dropped = await client.call_tool("request_approval", {"title": "Drop", "tool": "drop_table"})
        assert dropped.is_error
        asked = await client.call_tool("approval_status", {"id": "06b6pe67q4f51aykc"})
        assert asked.is_error
    state = await anyio.to_thread.run_sync(company.run_status, approved["id"])
    assert state == "failed"


async def test_over_http_each_agent_asks_in_its_own_name(company: Company) -> None:
    other = company.key("Agent of the stock")
    with open_mcp_over_http(company.program) as server:
        async with server.client() as client, server.client(key=other) as stranger:
            asking = {"title": "Order more", "tool": "order", "arguments": {"pieces": 5}, "key": "order-1"}
            first = await client.call_tool("request_approval", {**asking, "title": "Search", "tool": "search_stock"})
            second = await stranger.call_tool("request_approval", {**asking, "title": "Search", "tool": "search_stock"})
            ids = structured(first)["id"], structured(second)["id"]
            assert ids[0] != ids[1], "the same key of two programs is two asks"
            assert (await stranger.call_tool("approval_status", {"id": ids[0]})).is_error
            assert (await stranger.call_tool("report_outcome", {"id": ids[0], "status": "succeeded"})).is_error
            await anyio.to_thread.run_sync(company.revoke, other)
            refused = await stranger.call_tool("request_approval", {**asking, "key": "order-2"})
            assert refused.is_error
    requesters = [await anyio.to_thread.run_sync(company.requester, ask) for ask in ids]
    assert requesters == ["Agent of the shop", "Agent of the stock"]


# -- pipelines ----------------------------------------------------------------------------------------------

DEPLOY: Final = '#!/bin/sh\necho "deployed $ASK_VERSION to $ASK_ENVIRONMENT at $ASK_COMMIT"\n'
GITHUB: Final = {
    "GITHUB_REF_NAME": "v1.4", "GITHUB_SHA": "3f1dec4f", "GITHUB_ACTOR": "kim", "GITHUB_RUN_ID": "7",
    "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/shop",
}  # fmt: skip
GITLAB: Final = {
    "CI_COMMIT_TAG": "v1.5", "CI_COMMIT_SHA": "25ffda82", "GITLAB_USER_LOGIN": "kim",
    "CI_PIPELINE_URL": "https://gitlab.com/acme/shop/-/pipelines/7",
}  # fmt: skip


def github_scripts() -> list[str]:
    workflow = yaml.safe_load((DOCS / "ci" / "github-action.yml").read_text())
    return [step["run"] for step in workflow["jobs"]["deploy"]["steps"] if "run" in step]


def gitlab_scripts() -> list[str]:
    job = yaml.safe_load((DOCS / "ci" / "gitlab-job.yml").read_text())["deploy"]
    return [*job["before_script"], *job["script"]]


@pytest.mark.parametrize(
    ("scripts", "variables", "tag", "decision", "code", "out"),
    [
        (github_scripts(), GITHUB, "v1.4", ["approve"], 0, "deployed v1.4 to production at 3f1dec4f\n"),
        (gitlab_scripts(), GITLAB, "v1.5", ["approve"], 0, "deployed v1.5 to production at 25ffda82\n"),
        (github_scripts(), GITHUB, "v1.4", ["reject", "--reason", "Not now."], 1, ""),
    ],
    ids=["github", "gitlab", "rejected"],
)  # fmt: skip
def test_a_pipeline_deploys_after_an_approval(
    company: Company, tmp_path: Path, scripts: list[str], variables: Mapping[str, str], tag: str, decision: list[str],
    code: int, out: str,
) -> None:  # fmt: skip
    install, script = scripts
    assert install.split()[1:] == ["install", "signoff"]
    deploy = tmp_path / "deploy.sh"
    deploy.write_text(DEPLOY)
    deploy.chmod(0o755)
    environment = {**company.program.environment, **variables, "PATH": f"{SIGNOFF.parent}:{os.defpath}"}
    process = subprocess.Popen(
        ["bash", "-e", "-c", script], cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    company.decide(f"Deploy {tag} to production", *decision)
    printed, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, printed) == (code, out), errors
