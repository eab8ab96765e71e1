"""What to do about a failure, on the command line and in a trial, and what the lists, the export and the log say."""

from __future__ import annotations

import json

import pytest

from engine.system import SystemClock
from tests.support.cli import Commands

REFUND = """\
name: refund
owner: lee@example.com
steps:
  - id: pay
    title: Send the refund
    uses: http
    with: {method: POST, url: "http://127.0.0.1:1/", body: "Pay 120 EUR"}
    on_error: ask
  - {id: note, uses: set, with: {problem: "{{ steps.pay.error | default('none') }}"}}
"""


def registered(signoff: Commands) -> str:
    """Start a run whose call fails, and return the id of the request about it."""
    signoff.installation.write("refund.yaml", REFUND)
    signoff.run_ok("register", "refund.yaml")
    signoff.run_ok("run", "refund")
    (request,) = signoff.json("requests")
    return str(request["id"])


def test_a_failure_is_tried_again_and_skipped_and_everything_says_so(signoff: Commands) -> None:
    first = registered(signoff)
    shown = signoff.run_ok("requests", first).out
    for command in ("retry", "retry body=…", "skip", "stop"):
        assert f"signoff decide {first} {command}" in shown
    assert "What went wrong" in shown or "127.0.0.1" in shown
    for word in ("approve", "reject"):
        refused = signoff("decide", first, word)
        assert (refused.code, "Answer retry, skip or stop." in refused.err) == (1, True)
    tried = signoff.run_ok("decide", first, "retry", "body=Pay 99 EUR", "--yes").out
    assert tried.startswith("You tried this again with edits."), tried
    (second,) = signoff.json("requests")
    assert second["id"] != first
    assert "Pay 99 EUR" in signoff.run_ok("requests", second["id"]).out
    late = signoff("decide", first, "skip")
    assert "You already tried this step again" in late.err
    assert signoff.run_ok("decide", second["id"], "skip", "--reason", "Paid by hand").out.startswith(
        "You skipped this."
    )
    assert signoff.json("requests", second["id"])["state"] == "skipped"
    out = signoff.run_ok("export", "decisions", "--since", f"{SystemClock().now():%Y-%m-%d}", "--format", "jsonl").out
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(line["verdict"], line["button"], line["at"]) for line in lines] == [
        ("tried_again", "Try again", "failed"),
        ("skipped", "Skip", "failed"),
    ]
    assert [change["after"] for change in lines[0]["changes"]] == ["Pay 99 EUR"]
    assert "skipped" in signoff.run_ok("requests", "--all").out.casefold()
    signoff.run_ok("audit", "verify")


def test_a_stop_fails_the_run(signoff: Commands) -> None:
    request = registered(signoff)
    assert signoff.run_ok("decide", request, "stop").out.startswith("You stopped this.")
    listed = signoff.run_ok("runs").out
    assert "refund" in listed
    assert "Failed" in listed
    signoff.run_ok("audit", "verify")


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        (("skip",), "The run is done."),
        (("retry", "stop"), "The run failed."),
        (("retry:body=Pay 1 EUR", "skip:paid by hand"), "The run is done."),
    ],
)
def test_a_trial_answers_a_failure(signoff: Commands, answers: tuple[str, ...], says: str) -> None:
    signoff.installation.write("refund.yaml", REFUND)
    options = [option for answer in answers for option in ("--answer", answer)]
    tried = signoff("try", "refund.yaml", *options)
    assert says in tried.out, tried.out + tried.err


def test_a_trial_does_not_try_again_for_ever_nor_approves_a_failure(signoff: Commands) -> None:
    signoff.installation.write("refund.yaml", REFUND)
    assert signoff("try", "refund.yaml", "--answer", "retry").code == 3
    wrong = signoff("try", "refund.yaml", "--answer", "approve")
    assert (wrong.code, "Answer retry, skip or stop." in f"{wrong.out}{wrong.err}") == (2, True)
