"""`signoff try` for a person at a real terminal, and for a script."""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from engine.store import lock
from tests.support.cli import Commands, commands
from tests.support.http_service import HttpService
from tests.support.processes import CommandResult, Installation, create_installation, serving
from tests.support.terminals import terminal

REFUND = """\
name: refund
title: Refund a customer
owner: sam@example.com
inputs:
  customer: {type: text, label: Customer}
  amount: {type: money, currency: EUR, label: Amount}
  note: {type: long_text, required: false}
steps:
  - id: plan
    uses: set
    with: {amount: "{{ inputs.amount }}", count: 1, letter: "Dear {{ inputs.customer }},"}
    gate:
      title: "Refund {{ inputs.amount }} to {{ inputs.customer }}?"
      approvers: [lee@example.com, kim@example.com]
      edit: {count: {type: integer, min: 1, label: Count}, letter: {type: long_text, label: Letter}}
      confirm: "This pays {{ inputs.amount }}. Sure?"
      approve_label: Pay it
      reject_label: Keep it
  - id: sent
    uses: set
    with: {text: "{{ steps.plan.count }} x {{ steps.plan.letter }}"}
    gate: {at: after, approvers: [kim@example.com]}
"""
TWO = """\
name: two
title: Two gates
owner: sam@example.com
inputs:
  text: {type: text, default: nothing}
steps:
  - id: first
    uses: set
    with: {text: "{{ inputs.text }}"}
    gate: {title: "Say {{ inputs.text }}?", confirm: "Really {{ inputs.text }}?"}
  - id: second
    uses: set
    with: {text: "{{ steps.first.text }}!"}
    gate: true
"""
CALL = """\
name: call
title: Call
owner: sam@example.com
steps:
  - id: call
    uses: http
    with: {method: POST, url: "URL/pay", json: {text: "hello"}}
    gate: {edit: [json.text]}
"""
WORDS = """\
name: words
title: Words
owner: sam@example.com
steps:
  - {id: write, uses: set, with: {text: "hello {{ review.comment }}"}}
  - id: send
    uses: set
    with: {text: "{{ steps.write.text }}"}
    gate: {title: "Send it?", approvers: [lee@example.com], approve_label: LABEL, edit: [text], revise: write}
"""
INPUTS = ("-i", "customer=Ann", "-i", "amount=12.50")
QUESTION = "[a] Pay it"
DETAILS = "[d] Details: "


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    # A trial without a named file is stored in the temporary folder.
    (tmp_path / "tmp").mkdir()
    new_installation = create_installation(tmp_path)
    new_installation.settings["TMPDIR"] = str(tmp_path / "tmp")
    new_installation.write("refund.yaml", REFUND)
    new_installation.write("two.yaml", TWO)
    return new_installation


@pytest.fixture
def signoff(
    installation: Installation, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Commands]:
    """Yield the command `signoff` without a terminal."""
    monkeypatch.setattr(tempfile, "tempdir", installation.settings["TMPDIR"])
    yield from commands(installation, capsys, monkeypatch)


def trial_folders(installation: Installation) -> list[Path]:
    return list((installation.folder / "tmp").iterdir())


def resume_command(output: str) -> list[str]:
    """Return the command in the last line, without `signoff`. A terminal may break the line anywhere."""
    match = re.search(r"The run is waiting\. Continue it: signoff try --db (.+\.db)", output.replace("\n", ""))
    assert match, output
    return ["try", "--db", *shlex.split(match[1])]


# -- at a terminal ------------------------------------------------------------------------------------------


def test_a_person_is_asked_for_inputs_and_decides(installation: Installation) -> None:
    with terminal(installation, "try", "refund.yaml", columns=80) as person:
        person.see("Customer: ")
        person.type("")
        person.see("Customer is missing.")
        person.see("Customer: ")
        person.type("Ann")
        person.see("Amount (like 12.50 EUR): ")
        person.type("lots")
        person.see("Amount must be an amount in EUR")
        person.see("Amount (like 12.50 EUR): ")
        person.type("12.50")
        card = person.see(QUESTION)
        assert "Refund 12.50 EUR to Ann?" in card
        assert "lee@example.com or kim@example.com can decide." in card
        assert max(map(len, card.splitlines())) == 80
        assert person.see(": ") == "  [e] Edit  [r] Keep it  [q] Ask  [d] Details"
        assert "plan (set)" not in card
        person.type("x")
        person.see("is not one of")
        person.see(DETAILS)
        person.type("d")
        assert "plan (set)" in person.see(QUESTION)
        person.see(DETAILS)
        person.type("a")
        person.see("This pays 12.50 EUR. Sure? [y/N]: ")
        person.type("n")
        person.see(DETAILS)
        person.type("A")
        person.see("Sure? [y/N]: ")
        person.type("y")
        person.see("Answering as lee@example.com.")
        person.see("1 x Dear Ann,")
        person.see("[r] Reject  [q] Ask  [d] Details: ")
        person.type("a")
        person.see("Answering as kim@example.com.")
        person.see("1 x Dear Ann,")
        person.see("The run is done.")
        assert person.end() == 0
    assert trial_folders(installation) == []


def test_a_choice_is_typed_as_a_letter_or_in_words(installation: Installation) -> None:
    installation.write("words.yaml", WORDS.replace("LABEL", "Pay it"))
    with terminal(installation, "try", "words.yaml") as person:
        person.see("[c] Ask for changes")
        person.see(DETAILS)
        person.type("perhaps")
        person.see("'perhaps' is not one of a, e, c, r, q, d, or their words.")
        person.see(DETAILS)
        person.type("details")
        person.see(DETAILS)
        person.type(" EDIT ")
        person.see("New value: ")
        person.type("a new text")
        person.see(DETAILS)
        person.type("ask  for changes")
        person.see("What should change?")
        person.type("Shorter")
        person.see(DETAILS)
        person.type("pay it")
        person.see("The run is done.")
        assert person.end() == 0
    with terminal(installation, "try", "words.yaml") as person:
        person.see(DETAILS)
        person.type("reject")
        person.see("Reason")
        person.type("No")
        person.see("rejected")
        person.end()


def test_a_word_with_two_meanings_decides_nothing(installation: Installation) -> None:
    installation.write("words.yaml", WORDS.replace("LABEL", "Reject"))
    with terminal(installation, "try", "words.yaml") as person:
        person.see(DETAILS)
        person.type("reject")
        person.see("'reject' is not one of")
        person.see(DETAILS)
        person.type("approve")
        person.see("The run is done.")
        assert person.end() == 0


def test_edits_are_asked_field_by_field_until_they_are_right(installation: Installation) -> None:
    editor = installation.write("editor.sh", "#!/bin/sh\nprintf 'Dear Bob,\\nsorry.\\n' > \"$1\"\n")
    editor.chmod(0o700)
    installation.settings["EDITOR"] = str(editor)
    with terminal(installation, "try", "refund.yaml", *INPUTS) as person:
        person.see(DETAILS)
        person.type("e")
        person.see("Count: 1\n")
        person.see("New value: ")
        person.type("none")
        person.see("Count must be a number.")
        person.see("New value: ")
        person.type("3")
        # The person writes the longer text in an editor.
        person.see("Count: 1 → 3")
        person.see("Letter:\n│ Dear [-Ann,-]{+Bob,\n│ sorry.+}")
        person.see("[a] Pay it with your changes")
        person.type("a")
        person.see("[y/N]: ")
        person.type("y")
        person.see("lee@example.com chose “Pay it”, and changed Count and Letter.")
        person.see("[r] Reject  [q] Ask  [d] Details: ")
        person.type("a")
        person.see("The run is done.")
        assert person.end() == 0
        assert "3 x Dear Bob," in person.screen


def test_typed_edits_are_kept_when_the_answer_is_refused(installation: Installation) -> None:
    installation.write(
        "call.yaml", CALL.replace("URL", "http://127.0.0.1:9").replace("edit: [json.text]", "edit: [url]")
    )
    with terminal(installation, "try", "call.yaml") as person:
        person.see("[r] Reject  [q] Ask  [d] Details: ")
        person.type("e")
        person.see("New value: ")
        person.type("nowhere")
        person.see("[a] Approve with your changes")
        person.see("[r] Reject  [q] Ask  [d] Details: ")
        person.type("a")
        person.see("URL must")
        person.see("[a] Approve with your changes")
        assert person.interrupt() == 3


def test_all_items_of_a_batch_are_printed_before_the_decision_about_them(signoff: Commands) -> None:
    signoff.installation.write(
        "pay.yaml",
        "name: pay\nowner: sam@example.com\nsteps:\n- id: each\n  uses: foreach\n"
        "  with: {over: [Ann, Bob, Cy, Di]}\n  gate: true\n"
        "  steps: [{id: one, uses: set, with: {text: 'Pay {{ item }}'}}]\n",
    )
    printed = signoff.run_ok("try", "pay.yaml", "--answer", "approve").out
    assert printed.index("Pay Di") < printed.index("Answering as sam@example.com.")


def test_a_rejection_needs_a_reason(installation: Installation) -> None:
    with terminal(installation, "try", "refund.yaml", *INPUTS) as person:
        person.see(DETAILS)
        person.type("r")
        person.see("Reason: ")
        person.type("  ")
        person.see("Please say why you reject this. The person who asked will read it.")
        person.see("Reason: ")
        person.type("too much")
        person.see("lee@example.com chose “Keep it”. Reason: too much")
        person.see("The run ended because the request was rejected.")
        assert person.end() == 1
    assert trial_folders(installation) == []


def test_a_question_is_asked_and_answered_before_the_decision(installation: Installation) -> None:
    with terminal(installation, "try", "two.yaml", "-i", "text=hi") as person:
        person.see("[q] Ask  [d] Details: ")
        person.type("e")
        person.see("New value: ")
        person.type("hey")
        person.see("[a] Approve with your changes")
        person.see("[d] Details: ")
        person.type("q")
        person.see("Your question (Enter to go back): ")
        person.type("")
        person.see("[d] Details: ")
        person.type("q")
        person.see("Your question (Enter to go back): ")
        person.type("To [bold]which[/bold] customer?")
        person.see("Who should answer? (Enter for ")
        person.type("sam")
        person.see("The address ")
        person.see("Who should answer? (Enter for ")
        person.type("kim@example.com")
        person.see("sam@example.com asked kim@example.com: “To [bold]which[/bold] customer?”")
        person.see("Answering as kim@example.com.")
        person.see("sam@example.com asks: To [bold]which[/bold] customer?")
        person.see("Your answer (Enter to leave it open): ")
        person.type("Ann")
        person.see("kim@example.com answered: “Ann”")
        card = " ".join(person.see("[a] Approve with your changes").replace("│", " ").split())
        assert "To [bold]which[/bold] customer?" in card
        assert "Ann" in card
        person.see("[d] Details: ")
        person.type("a")
        person.see("Really hi? [y/N]: ")
        person.type("y")
        person.see("changed Text")
        assert person.interrupt() == 3


def test_a_question_that_is_left_open_keeps_no_one_from_deciding(installation: Installation) -> None:
    installation.write("strict.yaml", TWO.replace("gate: true", "gate: {assurance: sso, confirm_with: code}"))
    with terminal(installation, "try", "strict.yaml") as person:
        person.see("[d] Details: ")
        person.type("a")
        person.see("[y/N]: ")
        person.type("y")
        person.see("chose “Approve”")
        person.see("[d] Details: ")
        person.type("q")
        person.see("Your question (Enter to go back): ")
        person.type("Why?")
        person.see("Who should answer? (Enter for ")
        person.type("sam@example.com")
        person.see("You cannot ask yourself. Choose another person.")
        person.see("[d] Details: ")
        person.type("q")
        person.see("Your question (Enter to go back): ")
        person.type("Why?")
        person.see("Who should answer? (Enter for ")
        person.type("")
        person.see("Your answer (Enter to leave it open): ")
        person.type("")
        person.see("[d] Details: ")
        person.type("a")
        person.see("The run is done.")
        assert person.end() == 0


def test_a_gate_that_takes_no_questions_offers_none(installation: Installation) -> None:
    installation.write("off.yaml", TWO.replace("gate: true", "gate: {questions: off}"))
    with terminal(installation, "try", "off.yaml", "--db", "off.db") as person:
        person.see("[q] Ask  [d] Details: ")
        person.type("a")
        person.see("[y/N]: ")
        person.type("y")
        person.see("[r] Reject  [d] Details: ")
        person.type("q")
        person.see("is not one of")
        assert person.interrupt() == 3


@pytest.mark.parametrize("key", ["Ctrl-C", "Ctrl-D"])
def test_leaving_keeps_the_run_and_says_how_to_go_on(installation: Installation, key: str) -> None:
    with terminal(installation, "try", "refund.yaml", *INPUTS) as person:
        person.see(DETAILS)
        if key == "Ctrl-D":
            person.press("\x04")
        assert (person.interrupt() if key == "Ctrl-C" else person.end()) == 3
        command = resume_command(person.screen)
    with terminal(installation, *command) as person:
        person.see("Refund 12.50 EUR to Ann?")
        person.see(DETAILS)
        person.type("r")
        person.see("Reason: ")
        person.type("no")
        assert person.end() == 1
    finished = installation.run(*command)
    assert (finished.code, finished.out) == (0, "This trial is over. Begin a new one: signoff try FILE\n")


def test_ctrl_c_before_there_is_a_run_leaves_nothing(installation: Installation) -> None:
    with terminal(installation, "try", "refund.yaml") as person:
        person.see("Customer: ")
        assert person.interrupt() == 130
        assert "Stopped." in person.screen
    assert trial_folders(installation) == []


def test_data_cannot_imitate_the_terminal(installation: Installation) -> None:
    hostile = "\x1b[2J\x1b]0;owned\x07[red]Ann[/red] \u202eNNA :smile:"
    with terminal(installation, "try", "two.yaml", "-i", f"text={hostile}", "--as", "sam@example.com") as person:
        person.see("Say ")
        person.see("[r] Reject  [q] Ask  [d] Details: ")
        person.type("e")
        person.see("Text: ")
        person.see("New value: ")
        person.type("plain")
        person.see("[r] Reject  [q] Ask  [d] Details: ")
        person.type("a")
        person.see("Really ")
        person.see("[y/N]: ")
        assert person.interrupt() == 3
        raw, screen = person.raw, person.screen
    for trick in ("\x1b[2J", "\x1b]0", "\x07", "\u202e"):
        assert trick not in raw
    visible = "⟦U+001B⟧[2J⟦U+001B⟧]0;owned⟦U+0007⟧[red]Ann[/red] ⟦U+202E⟧NNA :smile:"
    assert screen.replace("\n", "").count(visible) >= 4  # title, field, edit, confirmation


def test_a_step_of_unknown_outcome_is_asked_about(installation: Installation, http_service: HttpService) -> None:
    installation.write("call.yaml", CALL.replace("URL", http_service.url))
    http_service.status = 500
    with terminal(installation, "try", "call.yaml") as person:
        person.see("[r] Reject  [q] Ask  [d] Details: ")
        person.type("a")
        person.see("It is unknown whether “Call” happened: ")
        person.see("Did “Call” happen?")
        person.see("done: It happened. The run continues with the next step.")
        person.see("Your answer")
        http_service.status = 200
        person.type("repeat")
        person.see("The run is done.")
        assert person.end() == 0
    assert [post.body for post in http_service.posts] == [{"text": "hello"}] * 2
    assert len({post.key for post in http_service.posts}) == 1


# -- without a terminal -------------------------------------------------------------------------------------


def test_without_a_terminal_the_run_waits_and_says_how_to_answer(signoff: Commands) -> None:
    finished = signoff("try", "refund.yaml", *INPUTS)
    assert finished.code == 3
    assert "Refund 12.50 EUR to Ann?" in finished.out
    assert "This is not a terminal, so you cannot be asked. Add --answer approve, or use a terminal." in finished.output
    answered = signoff(*resume_command(finished.out), "--answer", "approve")
    assert answered.code == 0
    assert "The run is done." in answered.out


def test_one_answer_answers_every_request(signoff: Commands) -> None:
    finished = signoff("try", "two.yaml", "-i", "text=hi", "--answer", "approve")
    assert finished.code == 0
    assert "hi!" in finished.out
    assert trial_folders(signoff.installation) == []


def test_several_answers_each_answer_the_next_request(signoff: Commands) -> None:
    finished = signoff("try", "two.yaml", "--answer", "edit:text=hey", "--answer", "reject:too loud")
    assert finished.code == 1
    assert "hey!" in finished.out
    assert "sam@example.com chose “Reject”. Reason: too loud" in finished.output
    waiting = signoff("try", "two.yaml", "--db", "t.db", "--answer", "approve", "--answer", 'edit:{"text": "x"}')
    assert waiting.code == 0
    assert "x" in waiting.out


def test_answers_that_run_out_leave_the_run_waiting(signoff: Commands) -> None:
    signoff.installation.write("three.yaml", TWO + "  - id: third\n    uses: set\n    with: {a: b}\n    gate: true\n")
    finished = signoff("try", "three.yaml", "--answer", "approve", "--answer", "approve")
    assert finished.code == 3
    assert signoff(*resume_command(finished.out), "--answer", "approve").code == 0


@pytest.mark.parametrize(
    ("answer", "code", "sentence"),
    [
        ("edit:colour=red", 1, "Signoff does not know “colour”. Use one of these: text."),
        ("edit:[1]=red", 1, "Signoff does not know “[1]”. Use one of these: text."),
    ],
)
def test_an_answer_that_cannot_be_used_keeps_the_run(signoff: Commands, answer: str, code: int, sentence: str) -> None:
    finished = signoff("try", "two.yaml", "--answer", answer)
    assert finished.code == code
    assert sentence in finished.err
    assert signoff(*resume_command(finished.out), "--answer", "approve").code == 0


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("perhaps", "'perhaps' is not an answer. Write approve, reject:reason, edit:field=value or revise:comment;"),
        ("edit:text", "'edit:text' changes nothing. Write edit:field=value."),
    ],
)
def test_an_unreadable_answer_is_refused_before_a_run_starts(signoff: Commands, answer: str, sentence: str) -> None:
    finished = signoff("try", "two.yaml", "--answer", "approve", "--answer", answer)
    assert finished.code == 2
    assert sentence in finished.err
    assert trial_folders(signoff.installation) == []


def test_a_person_who_is_no_approver_is_refused(signoff: Commands) -> None:
    finished = signoff("try", "two.yaml", "--answer", "approve", "--as", "eve@example.com")
    assert finished.code == 1
    assert "eve@example.com is not an approver of this request. sam@example.com can decide." in finished.err


def test_missing_and_wrong_inputs_are_named(signoff: Commands) -> None:
    finished = signoff("try", "refund.yaml", "-i", "amount=lots", "-i", "colour=red")
    assert finished.code == 2
    assert {line.partition(":")[0] for line in finished.err.splitlines()} == {"-i customer", "-i amount", "-i colour"}
    assert trial_folders(signoff.installation) == []


def test_the_problems_of_a_file_are_reported_line_by_line(signoff: Commands) -> None:
    signoff.installation.write("bad.yaml", TWO.replace("uses: set", "uses: sett", 1))
    finished = signoff("try", "bad.yaml")
    assert finished.code == 1
    assert finished.err.startswith("bad.yaml:8:11: ")
    assert signoff("try").code == signoff("try", "--db", "none.db").code == 2
    assert trial_folders(signoff.installation) == []


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("for", "5", "“For” must be a duration with its unit, like 90s, 15m, 4h, 2d or 1w."),
        ("until", "5", "“Until” must be a time, like 2026-03-01T09:00+01:00, or a date, like 2026-03-01."),
        ("until", '"9999-01-01"', "until: '9999-01-01' is more than 366 days away; write an earlier time."),
    ],
)
def test_a_wait_that_cannot_be_says_what_to_write(signoff: Commands, key: str, value: str, sentence: str) -> None:
    steps = f'steps: [{{id: pause, uses: wait, with: {{{key}: "{{{{ inputs.n }}}}"}}}}]'
    signoff.installation.write("pause.yaml", f"name: pause\ninputs: {{n: json}}\n{steps}\n")
    finished = signoff("try", "pause.yaml", "-i", f"n={value}")
    assert finished.code == 1
    assert sentence in " ".join(finished.output.split())


def test_an_http_step_really_calls(signoff: Commands, http_service: HttpService) -> None:
    signoff.installation.write("call.yaml", CALL.replace("URL", http_service.url))
    finished = signoff("try", "call.yaml", "--answer", "edit:json.text=goodbye")
    assert finished.code == 0
    assert [post.body for post in http_service.posts] == [{"text": "goodbye"}]


def test_an_http_step_that_may_not_call_fails_with_a_sentence(signoff: Commands, http_service: HttpService) -> None:
    signoff.set(http_allow="")
    signoff.installation.write("call.yaml", CALL.replace("URL", http_service.url))
    finished = signoff("try", "call.yaml", "--answer", "approve")
    assert finished.code == 1
    assert "127.0.0.1 is not a public address" in finished.output
    assert "The run failed." in finished.out
    assert http_service.posts == []


REFUND_PATH = """\
name: path
owner: sam@example.com
inputs: {order: text, server: {type: text, default: "URL"}}
steps:
  - id: pay
    uses: http
    with: {method: POST, url: "ADDRESS", json: {}}
    gate: {edit: [url], approvers: [ada@example.com]}
"""


def try_payment(signoff: Commands, http_service: HttpService, address: str, order: str, *answers: str) -> CommandResult:
    signoff.installation.write("path.yaml", REFUND_PATH.replace("ADDRESS", address).replace("URL", http_service.url))
    options = [part for answer in answers for part in ("--answer", answer)]
    return signoff("try", "path.yaml", "-i", f"order={order}", *options)


@pytest.mark.parametrize(
    ("order", "segment"),
    [("A 1/x?y#z", "A%201%2Fx%3Fy%23z"), ("100%", "100%25"), ("a%2Fb", "a%252Fb"), ("ü&c=d", "%C3%BC%26c%3Dd")],
)
def test_the_address_that_is_shown_is_the_one_that_is_called(
    signoff: Commands, http_service: HttpService, order: str, segment: str
) -> None:
    finished = try_payment(signoff, http_service, "URL/orders/{{ inputs.order }}/refund", order, "approve")
    assert finished.code == 0
    assert [post.path for post in http_service.posts] == [f"/orders/{segment}/refund"]
    assert f"{http_service.url}/orders/{segment}/refund" in finished.out.replace("\n", "").replace(" ", "")
    assert "not from the workflow file" not in finished.out


@pytest.mark.parametrize("order", ["..", "%2e%2e", "../../admin", "%252e"])
def test_a_value_that_would_change_the_address_ends_the_run_before_the_request(
    signoff: Commands, http_service: HttpService, order: str
) -> None:
    finished = try_payment(signoff, http_service, "URL/orders/{{ inputs.order }}/refund", order, "approve")
    assert finished.code == 1
    assert "another address" in " ".join(finished.output.split())
    assert http_service.posts == []


def test_an_address_from_data_is_shown_as_such(signoff: Commands, http_service: HttpService) -> None:
    finished = try_payment(signoff, http_service, "{{ inputs.server }}/pay/{{ inputs.order }}", "7", "approve")
    assert finished.code == 0
    assert [post.path for post in http_service.posts] == ["/pay/7"]
    output = " ".join(finished.out.split())
    assert "The address to call comes from “Server”, not from the workflow file." in output


def test_an_edited_address_is_called_as_it_is_recorded_or_refused(signoff: Commands, http_service: HttpService) -> None:
    address = "URL/orders/{{ inputs.order }}/refund"
    for wrong in ("/orders/../admin", "/orders/%2e%2e/admin", "/orders/7#x"):
        refused = try_payment(signoff, http_service, address, "7", f"edit:url={http_service.url}{wrong}")
        assert refused.code != 0
        assert "URL has" in " ".join(refused.output.split())
    assert try_payment(signoff, http_service, address, "7", "edit:url=example.com/x").code != 0
    finished = try_payment(signoff, http_service, address, "7", f"edit:url={http_service.url}/orders/a b")
    assert finished.code == 0
    assert [post.path for post in http_service.posts] == ["/orders/a%20b"]


def test_one_person_answers_in_a_trial_also_where_each_decision_is_confirmed(signoff: Commands) -> None:
    strict = TWO.replace("gate: true", "gate: {assurance: sso, confirm_with: code}")
    signoff.installation.write("strict.yaml", strict)
    finished = signoff("try", "strict.yaml", "--answer", "approve")
    assert finished.code == 0, finished.output
    assert "has no Slack account" not in finished.output


def test_a_trial_and_a_real_database_are_never_taken_for_each_other(signoff: Commands) -> None:
    assert signoff("register", "two.yaml").code == 0
    refused = signoff("try", "two.yaml", "--db", signoff.installation.database)
    assert refused.code == 4
    assert refused.err.endswith(
        "holds real decisions, and `signoff try` uses only databases that it made. Name another file.\n"
    )
    assert signoff("try", "two.yaml", "--db", "trial.db").code == 3
    signoff.set(database_url=f"sqlite:///{signoff.installation.folder / 'trial.db'}")
    for command in (["serve"], ["register", "two.yaml"]):
        refused = signoff(*command)
        assert refused.code == 4
        assert "is a database of `signoff try`, where one person answers for everyone. Set SIGNOFF_DATABASE_URL" in (
            refused.err
        )


def test_a_trial_beside_a_server_is_a_database_of_its_own(installation: Installation, signoff: Commands) -> None:
    with serving(installation):
        assert signoff("try", "two.yaml", "--answer", "approve").code == 0
        assert signoff.json("workflows") == []


def test_an_id_can_be_copied_from_a_narrow_terminal(installation: Installation, signoff: Commands) -> None:
    signoff.run_ok("register", "refund.yaml")
    signoff.run_ok("run", "refund", "-i", "customer=A customer with a long name", "-i", "amount=12.50")
    (request,) = signoff.json("requests")
    with terminal(installation, "requests", columns=60) as person:
        person.see(request["id"])
        assert person.end() == 0


# -- files of trials -----------------------------------------------------------------------------------------


def make_older(folder: Path, *, hours: int) -> None:
    for file in [*folder.iterdir(), folder]:
        os.utime(file, (file.stat().st_atime, file.stat().st_mtime - hours * 3600))


def start_waiting_trial(signoff: Commands, installation: Installation) -> Path:
    """Start a trial that waits, and return its folder."""
    before = set(trial_folders(installation))
    assert signoff("try", "two.yaml").code == 3
    (folder,) = set(trial_folders(installation)) - before
    return folder


def test_a_trial_that_waited_for_a_day_is_removed_by_the_next(signoff: Commands, installation: Installation) -> None:
    old, young = start_waiting_trial(signoff, installation), start_waiting_trial(signoff, installation)
    make_older(old, hours=25)
    make_older(young, hours=23)
    output = signoff("try", "two.yaml", "--answer", "approve").out
    assert "A trial is deleted" not in output
    assert trial_folders(installation) == [young]


@pytest.mark.parametrize("change", ["a file besides", "another mode", "no trial", "a link", "in use"])
def test_a_folder_that_may_not_be_a_trial_is_never_removed(
    signoff: Commands, installation: Installation, change: str
) -> None:
    old = start_waiting_trial(signoff, installation)
    with ExitStack() as stack:
        match change:
            case "a file besides":
                (old / "letter.txt").write_text("Dear Ada")
            case "another mode":
                old.chmod(0o755)
            case "no trial":
                (old / "trial.db").write_bytes(b"a letter to my mother\n" * 500)
            case "a link":
                moved = old.rename(installation.folder / "elsewhere")
                old.symlink_to(moved)
            case _:
                stack.enter_context(lock.own(old / "trial.db"))
        make_older(old, hours=48)
        signoff.run_ok("try", "two.yaml", "--answer", "approve")
    assert old.exists()
    assert (old / "trial.db").exists()


def test_a_trial_that_waits_says_how_to_go_on_and_when_it_goes(signoff: Commands) -> None:
    lines = signoff("try", "two.yaml").out.splitlines()
    assert lines[-2].startswith("The run is waiting. Continue it: signoff try --db ")
    assert lines[-1] == "A trial is deleted after a day without use. To keep one longer, start it with --db FILE."
    assert "A trial is deleted" not in signoff("try", "two.yaml", "--db", "mine.db").out


def test_a_failure_is_reported_once(signoff: Commands, installation: Installation) -> None:
    installation.write("call.yaml", CALL.replace("URL", "http://127.0.0.1:9"))
    finished = signoff("try", "call.yaml", "--answer", "approve")
    assert finished.code == 1
    assert finished.out.count("was not sent") == 1
    assert finished.out.endswith("The run failed.\n")


APPROVALS = """\
name: approvals
title: Tool calls of agents
owner: sam@example.com
steps:
  - id: call
    uses: ask
    gate: {approvers: [lee@example.com]}
"""


def test_a_workflow_for_asks_is_tried_with_what_a_program_would_ask(signoff: Commands, tmp_path: Path) -> None:
    file = tmp_path / "approvals.yaml"
    file.write_text(APPROVALS)
    without = signoff("try", str(file), "--answer", "approve")
    assert without.code == 2
    assert "a trial needs one. Add --ask" in without.output
    wrong = signoff("try", str(file), "--ask", '{"titel": "Refund"}')
    assert wrong.code == 2
    assert "“titel” is not a part that this call knows" in wrong.output
    nothing = signoff("try", str(file), "--ask", "{}", "--answer", "approve")
    assert nothing.code == 2
    assert "--ask is not as this call needs it. “title” is required." in nothing.output
    asked = '{"title": "Refund 12 EUR", "arguments": {"amount": 12}, "editable": true}'
    tried = signoff.run_ok("try", str(file), "--ask", asked, "--answer", "edit:amount=10").out
    assert "used the approval." in tried
    assert "reported that it worked." in tried
    assert "The run is done." in tried


def test_only_an_ask_starts_such_a_workflow(signoff: Commands, tmp_path: Path) -> None:
    file = tmp_path / "approvals.yaml"
    file.write_text(APPROVALS)
    signoff.run_ok("register", str(file))
    for inputs in ([], ["-i", "amount=1"]):
        started = signoff("run", "approvals", *inputs)
        assert started.code == 1
        assert "approvals decides about what programs ask, so only an ask starts it." in started.output
