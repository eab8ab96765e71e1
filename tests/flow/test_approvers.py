"""The approvers of gates that take them from data: no requester becomes the approver of their own run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cli import Commands
from tests.support.processes import OPERATOR

GATED = """\
name: gated
owner: sam@example.com
inputs:
  who: %s
  urgent: {type: boolean, default: false}
steps:
  - id: a
    uses: set
    with: {x: 1}
    gate: {%s}
"""
FROM_INPUT = 'approvers: ["{{ inputs.who }}"]'


def request_of_run(signoff: Commands, source: str, approver: str) -> dict[str, Any]:
    """Start a run as the operator, and return its request."""
    signoff.installation.write("gated.yaml", source)
    signoff.run_ok("register", "gated.yaml")
    signoff.run_ok("run", "gated", "-i", f"who={approver}")
    (request,) = signoff.json("requests")
    return dict(signoff.json("requests", request["id"]))


def names(request: dict[str, Any]) -> list[str]:
    return [approver["person"]["name"] for approver in request["approvers"]]


@pytest.mark.parametrize("word", ["requester", "owner", "group:everyone"])
def test_a_keyword_from_an_input_names_no_person(signoff: Commands, word: str) -> None:
    request = request_of_run(signoff, GATED % ("text", FROM_INPUT), word)
    assert names(request) == ["sam@example.com"]
    assert f'"{word}" cannot be an approver: data can name people only by their address.' in request["notes"]
    refused = signoff("decide", request["id"], "approve")
    assert refused.code == 1
    assert "You started this, so another person decides. sam@example.com can decide." in refused.output


@pytest.mark.parametrize("kind", ["text", "email", "person"])
def test_an_input_does_not_make_the_requester_their_own_approver(signoff: Commands, kind: str) -> None:
    request = request_of_run(signoff, GATED % (kind, FROM_INPUT), OPERATOR)
    assert names(request) == ["sam@example.com"]
    assert "lee@example.com started this run and is not asked." in request["notes"]
    assert signoff("decide", request["id"], "approve").code == 1


def test_an_address_in_another_case_is_the_same_person(signoff: Commands) -> None:
    assert names(request_of_run(signoff, GATED % ("text", FROM_INPUT), "LEE@Example.com")) == ["sam@example.com"]


@pytest.mark.parametrize(
    "gate",
    [
        "exclude: [], " + FROM_INPUT,
        "approvers: [requester]",
        f"approvers: [{OPERATOR}]",
        'approvers: ["{{ run.requester }}"]',
        "approvers: [\"{{ 'owner' if inputs.urgent else 'requester' }}\"]",
    ],
)
def test_the_file_can_let_people_approve_what_they_started(signoff: Commands, gate: str) -> None:
    request = request_of_run(signoff, GATED % ("email", gate), OPERATOR)
    assert names(request) == [OPERATOR]
    assert signoff("decide", request["id"], "approve").code == 0


def test_card_and_record_say_that_the_requester_named_the_approver(signoff: Commands) -> None:
    note = "The person who started this run chose the approver, in “Who”."
    request = request_of_run(signoff, GATED % ("email", FROM_INPUT), "kim@example.com")
    assert names(request) == ["kim@example.com"]
    assert request["approvers"][0]["rule"] == "{{ inputs.who }}"
    assert note in request["notes"]
    assert note in signoff.run_ok("requests", request["id"]).out
    assert note in signoff.run_ok("audit", "export").out


@pytest.mark.parametrize(
    ("kind", "gate", "sentence"),
    [
        ("text", "approvers: []", "gate.approvers: This list is empty. Name a person, or delete the line"),
        ("text", 'approvers: ["{{ inputs.who }},{{ inputs.who }}"]', "This text names several people. Write a list"),
        ("text", 'approvers: "{{ inputs.who }} {{ inputs.who }}"', "This text names several people. Write a list"),
        ("text", "approvers: [\"{{ inputs.who ~ ', ' ~ inputs.who }}\"]", "This text names several people."),
        ("json", "approvers: [\"{{ inputs.who | join(', ') }}\"]", "This text names several people."),
        ("text", "approvers: [\"{{ inputs.who + '; ' + inputs.who }}\"]", "This text names several people."),
        ("text", 'approvers: ["group:{{ inputs.who }}"]', "Data cannot say which group or role is asked."),
        ("number", FROM_INPUT, "An approver is a person, but `inputs.who` is a number."),
        ("{type: money, currency: EUR}", FROM_INPUT, "An approver is a person, but `inputs.who` is money"),
        ("date", FROM_INPUT, "An approver is a person, but `inputs.who` is a date"),
        (
            "{type: choice, options: [owner, requester]}",
            FROM_INPUT,
            "`inputs.who` can be `owner`, which is not the address",
        ),
        (
            "{type: choices, options: [lee@example.com, nobody]}",
            FROM_INPUT,
            "`inputs.who` can be `nobody`, which is not the address of a person.",
        ),
        ("text", "approvers: [\"{{ 'bos' if inputs.urgent else 'owner' }}\"]", "`bos` is not a person."),
    ],
)
def test_a_reference_that_can_never_name_a_person_is_refused(
    signoff: Commands, kind: str, gate: str, sentence: str
) -> None:
    signoff.installation.write("gated.yaml", GATED % (kind, gate))
    for command in ("check", "register", "try"):
        finished = signoff(command, "gated.yaml")
        assert finished.code == 1
        assert sentence in finished.output


@pytest.mark.parametrize(
    ("kind", "gate"),
    [
        ("text", 'approvers: ["{{ inputs.who }}@example.com"]'),
        ("{type: choice, options: [lee@example.com, U012AB3CD]}", FROM_INPUT),
        ("json", 'approvers: "{{ inputs.who }}"'),
        ("person", "approvers: [\"{{ inputs.who | default('owner') }}\", lee@example.com]"),
        ("text", "approvers: [\"{{ ['owner', inputs.who] }}\"]"),
    ],
)
def test_a_reference_that_may_name_a_person_passes(signoff: Commands, kind: str, gate: str) -> None:
    signoff.installation.write("gated.yaml", GATED % (kind, gate))
    assert signoff.run_ok("check", "gated.yaml").out == "No problems.\n"


def test_a_form_without_approvers_is_refused_too(signoff: Commands) -> None:
    form = "name: f\nsteps:\n  - {id: a, uses: form, fields: {x: text}, approvers: []}\n"
    signoff.installation.write("form.yaml", form)
    assert "approvers: This list is empty." in signoff("check", "form.yaml").output
