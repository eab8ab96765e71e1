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
