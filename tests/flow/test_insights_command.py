"""`signoff insights --open N`: the command asks the server that runs, and nothing changes before people approve."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from engine.system import SystemClock
from tests.support.cli import Commands
from tests.support.insight_rows import counts
from tests.support.processes import OPERATOR, serving

FLOW = f"""\
name: pay
title: Pay
owner: {OPERATOR}
steps:
  - id: pay
    uses: set
    with: {{amount: 12}}
    gate: {{approvers: [ada@example.com], expires: 8h, remind: true}}
"""


def test_a_recommendation_is_asked_for_at_the_server_that_runs(signoff: Commands) -> None:
    installation = signoff.installation
    signoff.set(admins="kim@example.com")
    installation.settings["SIGNOFF_ADMINS"] = "kim@example.com"
    installation.write("pay.yaml", FLOW)
    signoff.run_ok("register", "pay.yaml")
    with closing(sqlite3.connect(installation.database)) as database, database:
        ((workflow,),) = database.execute("SELECT id FROM workflow WHERE name = 'pay'")
        for statement in counts(workflow, 1, "pay", SystemClock().now()):
            database.execute(statement)
    with serving(installation):
        listed = signoff.json("insights", "pay")["recommendations"]
        assert [(one["number"], one["kind"], one["waits_in"]) for one in listed] == [
            (1, "sample", None),
            (2, "drop_reminder", None),
        ]
        assert listed[0]["text"] in signoff.run_ok("insights", "pay").output.replace("  ", " ")
        nothing = signoff("insights", "pay", "--open", "3")
        assert "There is no recommendation 3 in this list. It has 1 to 2." in nothing.output
        opened = signoff.run_ok("insights", "pay", "--open", "1")
        assert "People are asked for this change. Nothing changes before one of them approves." in opened.output
        run = opened.out.split()[-1]
        assert signoff.json("insights", "pay")["recommendations"][0]["waits_in"] == run
        again = signoff.json("insights", "pay", "--open", "1")
        assert (again["run"], again["was_open"]) == (run, True)
        (request,) = signoff.json("requests")
        assert request["run"] == run
        assert [one["version"] for one in signoff.json("workflows")] == [1]
