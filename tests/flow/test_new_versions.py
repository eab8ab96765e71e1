"""A protected workflow in the terminal: its author proposes and does not decide, and kill -9 leaves no half of it."""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from tests.support.processes import OPERATOR, Installation, create_installation

FILE = f"""\
name: flow
owner: {OPERATOR}
protected: true
steps:
  - {{id: one, uses: set, with: {{n: NUMBER}}}}
"""
KIM = "kim@example.com"
KILLS = 6


def rows(installation: Installation, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{installation.database}?mode=ro", uri=True, timeout=10)) as connection:
        return connection.execute(query).fetchall()


def register(installation: Installation, number: int) -> int:
    name = f"flow{number}.yaml"
    return installation.run("register", installation.write(name, FILE.replace("NUMBER", str(number)))).code


def test_the_author_proposes_in_the_terminal_and_another_person_decides_despite_kill_9(tmp_path: Path) -> None:
    lee = create_installation(tmp_path)
    lee.settings["SIGNOFF_ADMINS"] = f"{KIM},{OPERATOR}"
    kim = replace(lee, settings={**lee.settings, "SIGNOFF_OPERATOR": KIM})
    assert register(lee, 1) == 0
    proposed = lee.run("register", lee.write("flow2.yaml", FILE.replace("NUMBER", "2")))
    assert proposed.code == 3
    assert "another person was asked to approve this change" in proposed.output
    ((request,),) = rows(lee, "SELECT id FROM request WHERE state = 'pending'")
    refused = lee.run("decide", str(request), "approve")
    assert refused.code == 1
    assert "You wrote what this is about" in refused.output or "only" in refused.output.lower()

    dice, done = random.Random(21), False
    for _ in range(KILLS):
        process = kim.start("decide", str(request), "approve")
        time.sleep(dice.uniform(0.05, 1.5))
        process.kill()
        process.communicate()
        ((ended,),) = rows(lee, "SELECT count(*) FROM oversight_request WHERE state = 'approved'")
        ((decided,),) = rows(lee, "SELECT count(*) FROM decision")
        ((version,),) = rows(lee, "SELECT version FROM workflow WHERE name = 'flow'")
        assert (ended, decided, version) in ((0, 0, 1), (1, 1, 2))
        done = version == 2
    if not done:
        assert kim.run("decide", str(request), "approve").code == 0
    listed = lee.run("versions", "flow", "--json").json
    assert [(one["version"], one["registered_by"]) for one in listed] == [(2, OPERATOR), (1, OPERATOR)]
    assert lee.run("disable", "flow").code == 0
    assert "flow (disabled)" in lee.run("workflows").output
    refused = lee.run("run", "flow")
    assert (refused.code, "was disabled by" in refused.output) == (1, True)
    assert lee.run("enable", "flow").code == 3
    verified = lee.run("audit", "verify")
    assert verified.code == 0, verified.output
