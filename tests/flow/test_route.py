"""`signoff route` says which people the routes of a file would ask, before anything runs."""

from __future__ import annotations

from bot.cli.exit_codes import Exit
from tests.support.cli import Commands

ROUTED = """name: pay
owner: sam@example.com
inputs:
  amount: number
routes:
  payments:
    - {when: "{{ inputs.amount > 5000 }}", to: ["role:finance"], because: "Over 5,000"}
    - {department: sales, to: [lee@example.com]}
    - {to: ["role:support"], working: true, least_loaded: 2}
    - {to: [owner]}
steps:
  - {id: pay, uses: set, with: {a: 1}, gate: {approvers: ["route:payments"]}}
"""
RULES = """name: approvals
owner: sam@example.com
routes:
  tools:
    - {action: "refund_*", when: "{{ ask.arguments.amount > 5 }}", to: [lee@example.com]}
    - {to: [owner]}
rules:
  - gate: {approvers: ["route:tools"]}
"""


def test_it_says_why_each_rule_applies_or_not(signoff: Commands) -> None:
    signoff.installation.write("routed.yaml", ROUTED)
    assert signoff.run_ok("route", "routed.yaml", "-i", "amount=9000").out == (
        "Pay: the route payments\n  rule 1 applies (Over 5,000): asks role:finance.\n"
    )
    assert signoff.run_ok("route", "routed.yaml", "-i", "amount=9000", "--explain").out == (
        "Pay: the route payments\n"
        "  rule 1 applies (Over 5,000): asks role:finance.\n"
        "  rule 2 is not looked at.\n"
        "  rule 3 is not looked at.\n"
        "  rule 4 is not looked at.\n"
    )
    assert signoff.run_ok("route", "routed.yaml", "-i", "amount=5", "--explain").out == (
        "Pay: the route payments\n"
        "  rule 1 does not apply: its condition is false.\n"
        "  rule 2 applies if the requester is of sales: asks lee@example.com.\n"
        "  rule 3 applies if one of them works at that moment: asks role:support, of them the 2 with the fewest open "
        "requests.\n"
        "    role:support: unknown here\n"
        "  rule 4 applies: asks owner.\n"
    )
    (gate,) = signoff.json("route", "routed.yaml", "-i", "amount=5")
    assert [rule["applies"] for rule in gate["rules"]] == [False, None, None, True]
    assert [rule["why"] for rule in gate["rules"]] == ["its condition is false", None, None, None]


def test_it_names_wrong_inputs_and_files(signoff: Commands) -> None:
    signoff.installation.write("routed.yaml", ROUTED)
    wrong = signoff("route", "routed.yaml", "-i", "amount=much")
    assert wrong.code == Exit.USAGE
    assert "-i amount" in wrong.output
    signoff.installation.write("bad.yaml", ROUTED.replace("to: [owner]", "to: []"))
    bad = signoff("route", "bad.yaml", "-i", "amount=1")
    assert bad.code == Exit.NO
    assert "bad.yaml:10:" in bad.output
    signoff.installation.write(
        "plain.yaml", "name: a\nowner: sam@example.com\nsteps: [{id: a, uses: set, with: {a: 1}}]\n"
    )
    assert signoff.run_ok("route", "plain.yaml").out == "No gate of this workflow names a route.\n"


def test_it_knows_the_department_of_the_person_who_starts(signoff: Commands) -> None:
    signoff.installation.write("routed.yaml", ROUTED)
    people = "people: [{name: Ann, addresses: [ann@example.com], department: Sales}]"
    signoff.installation.write("roles.yaml", people)
    signoff.set(roles="roles.yaml")
    assert signoff.run_ok("route", "routed.yaml", "-i", "amount=5", "--as", "Ann@example.com").out == (
        "Pay: the route payments\n  rule 2 applies: asks lee@example.com.\n"
    )


PEOPLE = """
roles:
  support: [mia@example.com, noa@example.com, "group:night"]
people:
  - {name: Mia, addresses: [mia@example.com], timezone: UTC}
  - {name: Noa, addresses: [noa@example.com], timezone: Asia/Tokyo}
"""
WAITING = """name: wait
owner: sam@example.com
steps:
  - {id: a, uses: set, with: {a: 1}, gate: {approvers: [mia@example.com]}}
"""


def test_it_reads_working_hours_and_open_requests_of_this_installation(signoff: Commands) -> None:
    """The database is only read: a command that explains creates none."""
    signoff.installation.write("routed.yaml", ROUTED)
    signoff.installation.write("roles.yaml", PEOPLE.replace(', "group:night"', ""))
    signoff.installation.write("wait.yaml", WAITING)
    # Working hours that never close, whatever the time of this test is.
    signoff.set(roles="roles.yaml", working_hours="mon-sun 00:00-24:00", database_url="sqlite:///absent.db")
    asked = ["route", "routed.yaml", "-i", "amount=5", "--explain", "--as", "pat@example.com"]
    unread = signoff.run_ok(*asked).out
    assert "    Mia: works now, open requests unknown here\n" in unread
    assert not (signoff.installation.folder / "absent.db").exists()
    signoff.run_ok("register", "wait.yaml")
    signoff.run_ok("run", "wait")
    signoff.run_ok("run", "wait")
    out = signoff.run_ok(*asked).out
    assert (
        "  rule 3 applies: asks role:support, of them the 2 with the fewest open requests.\n"
        "    Mia: works now, 2 open requests – asked\n"
        "    Noa: works now, 0 open requests – asked\n"
        "  rule 4 is not looked at.\n"
    ) in out
    signoff.installation.write("routed.yaml", ROUTED.replace("least_loaded: 2", "least_loaded: 1"))
    (gate,) = signoff.json(*asked)
    assert gate["rules"][2]["applies"] is True
    assert gate["rules"][2]["people"] == {
        "known": [
            {"name": "Mia", "works": True, "open_requests": 2, "asked": False},
            {"name": "Noa", "works": True, "open_requests": 0, "asked": True},
        ],
        "unknown": [],
    }
    signoff.installation.write("roles.yaml", PEOPLE)
    night = signoff.run_ok(*asked).out
    assert "    Noa: works now, 0 open requests\n    group:night: unknown here\n" in night


def test_it_says_who_is_asked_as_well(signoff: Commands) -> None:
    rule = '- {to: [lee@example.com], expires: 1d, escalate: {after: 2h, to: [kim@example.com, "role:finance"]}}'
    signoff.installation.write("routed.yaml", ROUTED.replace("- {to: [owner]}", rule))
    assert "rule 4 applies: asks lee@example.com; after 2 hours also kim@example.com, role:finance." in (
        signoff.run_ok("route", "routed.yaml", "-i", "amount=5").out
    )
    (gate,) = signoff.json("route", "routed.yaml", "-i", "amount=5")
    assert gate["rules"][3]["escalate"] == {"after": "2h", "to": ["kim@example.com", "role:finance"]}
    assert gate["rules"][3]["people"] is None


def test_it_plays_an_ask(signoff: Commands) -> None:
    signoff.installation.write("rules.yaml", RULES)
    ask = '{"title": "Refund", "tool": "refund_order", "arguments": {"amount": 9}}'
    assert "rule 1 applies: asks lee@example.com." in signoff.run_ok("route", "rules.yaml", "--ask", ask).out
    other = ask.replace("refund_order", "delete")
    explained = signoff.run_ok("route", "rules.yaml", "--ask", other, "--explain").out
    assert "rule 1 does not apply: the action is ask or delete." in explained
    unclear = ask.replace("9", '"\u202e9"')
    assert "rule 1 applies: asks lee@example.com. Note: its condition could not be told" in (
        signoff.run_ok("route", "rules.yaml", "--ask", unclear).out
    )
