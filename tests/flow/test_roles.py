"""The roles file of a server: a mistake stops the start, and a change counts while the server runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from tests.support.cli import Commands
from tests.support.http_service import PATIENCE
from tests.support.processes import serving

FLOW: Final = """\
name: flow
owner: sam@example.com
steps:
  - {id: act, uses: set, with: {a: 1}, gate: {approvers: ["role:%s"]}}
"""
FINANCE: Final = "roles: {finance: [lee@example.com]}\npeople: [{name: Lee Kim, addresses: [lee@example.com]}]\n"


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition: the server reads a changed file again within seconds."""
    last = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < last
        time.sleep(0.1)


def test_a_mistake_in_the_roles_file_stops_the_start_with_its_line(signoff: Commands) -> None:
    path = signoff.installation.write("roles.yaml", "roles:\n  finance: [lee@example.com, bob]\n")
    signoff.set(roles=str(path), builders="role:finance")
    expected = f"SIGNOFF_ROLES: {path}:2:30: roles.finance[1]: `bob` is not a member of a role"
    for command in "serve", "run":
        finished = signoff(command, *(["flow"] if command == "run" else []))
        assert finished.code == 2
        assert expected in finished.err
    (finding,) = [item for item in signoff("doctor", "--json").json if item["check"] == "settings.roles"]
    assert finding["state"] == "problem"
    assert expected in finding["said"]
    signoff.set(roles=str(path.with_name("missing.yaml")))
    assert "missing.yaml cannot be read: No such file or directory." in signoff("serve").err


def test_a_role_in_a_setting_needs_the_file(signoff: Commands) -> None:
    signoff.set(builders="role:finance")
    finished = signoff("serve")
    assert finished.code == 2
    assert "SIGNOFF_BUILDERS: there is no role:finance; set SIGNOFF_ROLES to the file that has it." in finished.err


def test_a_change_of_the_file_counts_while_the_server_runs(signoff: Commands) -> None:
    path = signoff.installation.write("roles.yaml", FINANCE)
    path.chmod(0o664)
    signoff.set(roles=str(path))
    signoff.installation.settings["SIGNOFF_ROLES"] = str(path)
    signoff.installation.write("board.yaml", FLOW % "board")
    signoff.installation.write("finance.yaml", FLOW % "finance")
    with serving(signoff.installation) as server:
        refused = signoff("register", "board.yaml")
        assert refused.code == 1
        assert "There is no role board in the roles file of this server, which has finance." in refused.output
        signoff.run_ok("register", "finance.yaml")
        signoff.run_ok("run", "flow")
        (request,) = signoff.json("requests")
        (approver,) = signoff.json("requests", request["id"])["approvers"]
        assert (approver["person"]["name"], approver["rule"]) == ("Lee Kim", "role:finance")
        path.write_text(f"{FINANCE}\nboard: []\n", encoding="utf-8")
        until(lambda: "The changed roles file cannot be used." in server.output)
        path.write_text(FINANCE.replace("}\n", ", board: ['role:finance']}\n", 1), encoding="utf-8")
        until(lambda: signoff("register", "board.yaml").code == 0)
    findings = [item for item in signoff("doctor", "--json").json if item["check"] == "settings.roles"]
    assert [(item["state"], item["said"]) for item in findings] == [
        ("warning", f"Other users of this machine can change {path}, and so decide who approves."),
        ("ok", f"{path} has 2 roles and 1 person."),
    ]
