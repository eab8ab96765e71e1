"""Lists, App Home, and answers to commands keep the limits of Slack, and say what a person can do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.presentation import input_words
from bot.slack import command_messages, home_view, ids, list_rows
from bot.slack.list_rows import RunList
from bot.slack.message_view import SlackMessage
from bot.slack.text_objects import Block, View
from engine import workflowfile
from engine.domain import Approver, Person, Registered, RequestState, RunStatus
from engine.fields import FieldType
from engine.inbox import InboxPart
from engine.read_models import RequestView, WorkflowView
from engine.requests import Question
from engine.steps import registry
from engine.workflowfile import Workflow
from tests.support import home_samples, samples, slack_rules
from tests.support.examples import example_count

FULL_WORKFLOW = Path(__file__).parents[3] / "data" / "workflows" / "full.yaml"
TEMPLATES = sorted((Path(__file__).parents[4] / "templates" / "workflows").glob("*.yaml"))
ADA, BEN = Person("p2", "Ada"), Person("p3", "Ben")


def check_view(view: View) -> View:
    assert slack_rules.problems_of_view(view) == []
    return view


def check_message(message: SlackMessage) -> SlackMessage:
    assert slack_rules.problems_of_message(message.text, message.blocks, message.metadata) == []
    return message


def join_texts(payload: Any) -> str:
    return "\n".join(slack_rules.texts(payload))


def load_workflow(path: Path) -> Workflow:
    return workflowfile.load(path.read_bytes(), kinds=registry.all_step_types())


def lines_of(block: Block) -> list[str]:
    """Return each paragraph of a rich text as one text, with expressions in backticks."""
    return [
        "".join(
            f"`{element['text']}`" if element.get("style") == {"code": True} else element["text"]
            for element in part["elements"]
        )
        for part in block["elements"]
    ]


# -- workflows ----------------------------------------------------------------------------------------------


def test_the_steps_of_a_workflow_are_told_in_words() -> None:
    approvers = {"lee@example.com": "Lee"}
    message = check_message(command_messages.workflow(load_workflow(FULL_WORKFLOW), version=3, approvers=approvers))
    assert message.blocks[0]["text"]["text"] == "Refund a customer, version 3"
    assert lines_of(message.blocks[1]) == [
        "1. Look the order up\nCalls `GET https://shop.example.com/orders/{{ inputs.order }}`. No one is asked.",
        "2. Pause\nRuns only if “Urgent” is no. No one is asked.",
        "3. Letter\nFirst needs approval by the owner of the workflow. No deadline: it waits until a person decides.",
        "4. Pay\nRuns only if `false`. Calls `POST https://pay.example.com/refunds`. "
        "If “Amount” is above 100 EUR, it first needs approval by Lee, the "
        "owner of the workflow, the person who starts the run, the person in “Boss” or "
        "the “Account owner” that “Lookup” gives. Approvers may change “Amount”, “Fee”, “Text” and “URL”. "
        "Without a decision in 2 days, the request is rejected.",
        "5. Receipt\nCalls `GET https://pay.example.com/receipts/{{ run.id }}`. If “Status” of step “Receipt” is not "
        "200, its result needs approval by the owner of the workflow. Approvers may change “Body”. "
        "No deadline: it waits until a person decides.",
        "6. Quiet\nNo one is asked.",
    ]


def test_the_inputs_of_a_workflow_are_told_with_their_types() -> None:
    message = check_message(command_messages.workflow(load_workflow(FULL_WORKFLOW), version=3, approvers={}))
    assert (
        "To start it, you enter: Order number (text), Amount (amount in EUR), Note (long text), Urgent (yes or no), "
        "Boss (person, optional)."
    ) in join_texts(message.blocks)
    every = "\n".join(
        f"  {kind}: {{type: {kind}{', options: [a, {value: b, label: Bee}]' if 'choice' in kind else ''}}}"
        for kind in FieldType
    )
    flow = workflowfile.load(
        f"name: a\ninputs:\n{every}\nsteps: [{{id: a, uses: set}}]".encode(), kinds=registry.builtin()
    )
    sentence = input_words.sentence(flow)
    for part in (
        "Choice (one of a, Bee)",
        "Choices (some of a, Bee)",
        "URL (web address)",
        "Money (amount and currency)",
    ):
        assert part in sentence
    none = workflowfile.load(b"name: a\nsteps: [{id: a, uses: set}]", kinds=registry.builtin())
    assert input_words.sentence(none) == "It starts without any input."


def test_a_branch_names_its_paths_with_the_numbers_of_their_steps() -> None:
    source = """
name: a
inputs: {amount: number}
steps:
  - id: size
    uses: branch
    paths:
      very_large:
        when: "{{ inputs.amount > 100 }}"
        steps: [{id: a, uses: set, with: {x: 1}}, {id: b, uses: set, with: {x: 1}}]
      small: {when: "{{ inputs.amount > 1 }}", steps: [{id: c, uses: set, with: {x: 1}}]}
    otherwise: [{id: d, uses: set, with: {x: 1}}]
"""
    flow = workflowfile.load(source.encode(), kinds=registry.builtin())
    message = check_message(command_messages.workflow(flow, version=1, approvers={}))
    assert lines_of(message.blocks[1])[0] == (
        "1. Size\nTakes the first path that fits: “Very large” (steps 2 to 3) if “Amount” is above 100, "
        "“Small” (step 4) if “Amount” is above 1, otherwise step 5."
    )


def test_rules_are_shown_with_what_they_match() -> None:
    source = """name: approvals
rules:
  - {tool: "search_*", approve: true}
  - {tool: refund, when: "{{ ask.arguments.amount > 100 }}", gate: true}
"""
    flow = workflowfile.load(source.encode(), kinds=registry.builtin())
    message = check_message(command_messages.workflow(flow, version=1, approvers={}))
    assert lines_of(message.blocks[1])[0] == (
        "1. Rules\nTakes the first rule that fits: “Rule 1: search_*” (step 2), "
        "“Rule 2: refund” (step 3) if “Amount” of what is asked is above 100, otherwise step 4."
    )


def test_a_route_and_a_risk_are_named() -> None:
    source = """name: a
routes: {payments: [{to: [owner]}]}
steps:
  - id: pay
    uses: set
    with: {a: 1}
    gate:
      approvers: ["route:payments"]
      risk: {reversible: false, levels: {high: {if: {reversible: false}, policy: all}}}
"""
    flow = workflowfile.load(source.encode(), kinds=registry.builtin())
    message = check_message(command_messages.workflow(flow, version=1, approvers={}))
    assert lines_of(message.blocks[1])[0] == (
        "1. Pay\nFirst needs approval by the people that the route payments chooses. "
        "No deadline: it waits until a person decides. The risk may change who is asked, and how."
    )


def test_a_form_is_filled_in_and_more_approvers_than_fit_are_counted() -> None:
    people = ", ".join(f"p{number}@example.com" for number in range(7))
    step = f"  - {{id: ask, uses: form, fields: {{vat: text}}, approvers: [{people}]}}"
    source = f"name: a\nsteps:\n{step}\n"
    form = workflowfile.load(source.encode(), kinds=registry.all_step_types())
    message = check_message(command_messages.workflow(form, version=1, approvers={}))
    names = ", ".join(f"p{number}@example.com" for number in range(5))
    never = "No deadline: it waits until a person fills it in."
    assert lines_of(message.blocks[1]) == [f"1. Ask\nFilled in by {names} or 2 more. {never}"]


POLICIES = {
    "approvers: [lee@example.com, kim@example.com], policy: all": (
        "First needs approval by Lee and kim@example.com. All of them have to approve."
    ),
    "approvers: [lee@example.com, kim@example.com, mia@example.com], policy: {quorum: 2}": (
        "First needs approval by Lee, kim@example.com or mia@example.com. 2 of 3 have to approve."
    ),
    "approvers: ['group:finance', lee@example.com], policy: {quorum: 2}": (
        "First needs approval by Finance or Lee. 2 of them have to approve."
    ),
    "policy: {chain: [['group:finance'], [lee@example.com, kim@example.com]]}": (
        "First needs approval by Finance, then by Lee or kim@example.com."
    ),
    "approvers: [lee@example.com, kim@example.com], policy: \"{{ 'any' if inputs.amount <= 1000 else 'all' }}\"": (
        "First needs approval by Lee or kim@example.com. How many have to approve depends on "
        "`'any' if inputs.amount <= 1000 else 'all'`."
    ),
    "approvers: [lee@example.com, kim@example.com], exclude: [requester, editor]": (
        "First needs approval by Lee or kim@example.com. The person who starts the run may not approve it. "
        "A person who changes it may not approve it."
    ),
    "approvers: [lee@example.com], exclude: []": "First needs approval by Lee.",
    "approvers: [kim@example.com], expires: 3d, hours: true, escalate: {after: 1d, to: [lee@example.com, owner]}": (
        "First needs approval by kim@example.com. Without a decision in 1 working day, more people are asked: Lee and "
        "the owner of the workflow. Without a decision in 3 working days, the run is stopped."
    ),
    "approvers: [kim@example.com], expires: 4h, on_expiry: escalate, escalate: {to: lee@example.com}": (
        "First needs approval by kim@example.com. Without a decision in 4 hours, more people are asked: Lee."
    ),
    "approvers: [kim@example.com], confirm_with: code": (
        "First needs approval by kim@example.com. Each decision is confirmed with a code from an email."
    ),
    "approvers: [kim@example.com], confirm_with: sso": (
        "First needs approval by kim@example.com. Each decision is confirmed by signing in with Slack."
    ),
}


@pytest.mark.parametrize("gate", POLICIES)
def test_the_policy_of_a_gate_is_told_in_words(gate: str) -> None:
    source = f"name: a\ninputs: {{amount: number}}\nsteps:\n  - {{id: ask, uses: set, gate: {{{gate}}}}}\n"
    workflow = workflowfile.load(source.encode(), kinds=registry.all_step_types())
    names = {"lee@example.com": "Lee", "group:finance": "Finance"}
    message = check_message(command_messages.workflow(workflow, version=1, approvers=names))
    never = "" if "expires" in gate else " No deadline: it waits until a person decides."
    assert lines_of(message.blocks[1]) == [f"1. Ask\n{POLICIES[gate]}{never}"]


def test_approvers_who_cannot_be_looked_up_are_shown_as_the_file_names_them() -> None:
    message = command_messages.workflow(load_workflow(FULL_WORKFLOW), version=3, approvers={})
    assert "by lee@example.com, the owner" in message.text


def register(answer: Registered, approvers: dict[str, str] | None = None) -> SlackMessage:
    workflow = load_workflow(FULL_WORKFLOW)
    return check_message(command_messages.registered(workflow, answer, approvers=approvers or {}))


def test_a_person_who_registers_reads_the_version_and_how_to_start_it() -> None:
    first = register(Registered(workflow="refund", version=1, changed=True))
    assert first.text.startswith("Registered Refund a customer, version 1.\n")
    starts = (
        "\nStart it: /signoff run refund. Change it: /signoff edit refund. Try it without effects: /signoff try refund."
    )
    assert first.text.endswith(starts)
    second = register(Registered(workflow="refund", version=2, changed=True))
    assert second.text.startswith("Registered Refund a customer, version 2. Open runs keep version 1")
    same = register(Registered(workflow="refund", version=2, changed=False))
    assert same.text.startswith("Refund a customer is registered like this already, as version 2.\n")


def test_warnings_are_shown_above_the_steps_and_counted_if_there_are_many() -> None:
    warnings = tuple(f"Warning {number}." for number in range(14))
    text = register(Registered(workflow="refund", version=1, changed=True, warnings=warnings)).text
    assert "Please check  Warning 9.\n4 more warnings are not shown.\n1. " in text


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_every_ready_made_workflow_can_be_shown(path: Path) -> None:
    workflow = load_workflow(path)
    check_message(command_messages.workflow(workflow, version=1, approvers={}))
    answer = Registered(workflow=workflow.name, version=1, changed=True, warnings=("x" * 5_000,) * 20)
    check_message(command_messages.registered(workflow, answer, approvers={}))


def test_a_workflow_of_many_steps_says_how_many_are_not_shown() -> None:
    workflow = load_workflow(FULL_WORKFLOW)
    long_workflow = replace(workflow, steps=workflow.steps * 20)
    message = check_message(command_messages.workflow(long_workflow, version=1, approvers={}))
    shown = len(message.blocks[1]["elements"])
    assert f"{len(long_workflow.steps) - shown} more steps do not fit here." in join_texts(message.blocks)
    long_titles = replace(workflow, steps=tuple(replace(step, title="x" * 3_000) for step in long_workflow.steps))
    check_message(command_messages.workflow(long_titles, version=1, approvers={"sam@example.com": "y" * 3_000}))


def workflow_view(name: str) -> WorkflowView:
    return WorkflowView(
        name=name,
        title="Refunds <!here>",
        version=1,
        owner=samples.PERSON,
        source=b"",
        hash="h",
        updated_at=samples.NOW,
    )


def test_a_workflow_in_the_list_says_what_to_type_to_start_it() -> None:
    message = check_message(command_messages.workflows([workflow_view("refund")]))
    assert lines_of(message.blocks[1]) == ["Refunds <!here>  `/signoff run refund`  version 1, owner Sam"]
    assert message.text.endswith("To see the steps of one, type /signoff show and its name.")


# -- help ---------------------------------------------------------------------------------------------------


def test_help_names_every_command() -> None:
    message = check_message(command_messages.help_message("/approve"))
    for name in "help", "register", "run NAME", "list", "show NAME", "pending", "runs", "cancel":
        assert f"/approve {name}" in join_texts(message.blocks)


def test_help_begins_with_what_the_person_can_do_next() -> None:
    message = check_message(command_messages.help_message(next_step="Do this."))
    assert message.text.split("\n")[1] == "Do this."


# -- requests and runs --------------------------------------------------------------------------------------


def show_home(
    pending: Sequence[RequestView] = (),
    runs: RunList | None = None,
    asked: Sequence[tuple[RequestView, Question]] = (),
    **more: Any,
) -> View:
    return check_view(home_samples.home(pending, asked=asked, runs=runs or RunList(), **more))


def test_empty_lists_say_what_to_do_next() -> None:
    assert "/signoff new" in check_message(command_messages.workflows([])).text
    waiting = check_message(command_messages.pending([])).text
    assert waiting == "No request is waiting for you. You'll get a message when one comes in."
    runs = check_message(command_messages.runs(RunList())).text
    assert runs == "You haven't started a run yet. To see what you can start, type /signoff list."
    home = join_texts(show_home())
    assert home.startswith("No request is waiting for you\n")
    assert "\nNew requests appear here, and in the Messages tab.\n" in home
    assert f"\n{runs}\n" in home


def test_the_home_tab_says_that_its_person_is_away_and_how_to_end_it() -> None:
    view = check_view(show_home(away=("You are away until ", samples.NOW, ".")))
    first, heading, *_ = view["blocks"]
    texts = [element.get("text") for element in first["elements"][0]["elements"] if element["type"] == "text"]
    assert texts == ["You are away until ", ". To end this, type /signoff back."]
    assert heading["type"] == "header"
    assert "You are away" not in join_texts(show_home())


def test_a_request_that_was_changed_names_the_person_in_a_list() -> None:
    request = samples.counted(samples.QUORUM, samples.KIM, changed_by=samples.KIM)
    context = check_message(command_messages.pending([request])).blocks[2]
    assert [element["text"] for element in context["elements"][1:3]] == ["1 of 2 approvals.", "Kim changed it."]


def test_a_request_in_a_list_has_its_question_who_asks_the_deadline_and_a_button() -> None:
    request = samples.request({"order": ("text", "A-1007")})
    heading, row, context = check_message(command_messages.pending([request])).blocks
    assert heading["text"]["text"] == "1 request is waiting for you"
    assert row["text"]["text"] == "Pay it back? · A-1007"
    assert row["accessory"]["text"]["text"] == "Review"
    asks, due = context["elements"]
    assert asks["text"] == "Sam asks."
    assert due["text"].startswith("Expires <!date^1772616600^")


def test_a_request_whose_clock_has_not_started_says_after_which_time_it_expires() -> None:
    request = samples.request(expires_at=None, expires_after=timedelta(days=14))
    message = check_message(command_messages.pending([request]))
    assert [element["text"] for element in message.blocks[2]["elements"]] == ["Sam asks.", "Expires in 2 weeks"]


def test_a_long_list_says_how_many_rows_it_leaves_out() -> None:
    views = [samples.request(id=f"r{number}") for number in range(list_rows.MOST_ROWS + 2)]
    assert join_texts(list_rows.requests(views)).endswith("2 more are not shown. Others move up as you decide.")
    assert join_texts(list_rows.requests(views[1:])).endswith("1 more is not shown. Others move up as you decide.")
    runs = [samples.run(id=f"r{number}") for number in range(list_rows.MOST_ROWS + 1)]
    assert join_texts(list_rows.runs(RunList(runs=runs))).endswith("1 older run is not shown.")


def test_a_request_in_a_list_carries_its_reference() -> None:
    message = command_messages.pending([samples.request(expires_at=None)])
    (button,) = [block["accessory"] for block in message.blocks if "accessory" in block]
    assert button["action_id"] == ids.DETAILS
    assert ids.decode_ref(button["value"]) == ids.Ref(request="req1", content_version=1, digest=samples.DIGEST)


def test_a_run_in_a_list_has_its_state_its_subject_its_workflow_and_who_started_it() -> None:
    run = samples.run(status=RunStatus.WAITING, inputs={"order": "A-1"}, owner=Person("p9", "Cleo"))
    shown = RunList(runs=[run], latest={"run1": samples.request({}, title="Refund A-1?")}, reader="p1")
    _, row, context = check_message(command_messages.runs(shown)).blocks
    assert row["text"]["text"] == "● Waiting · Refund A-1?"
    workflow, when = context["elements"]
    assert workflow["text"] == "Refunds, started by you"
    assert when["text"].startswith("<!date^")
    assert "run1" not in row["text"]["text"] + workflow["text"], "the button knows the run"


def test_the_owner_of_a_workflow_can_pass_the_request_of_a_run_on() -> None:
    run = samples.run(status=RunStatus.WAITING)
    shown = RunList(runs=[run], latest={"run1": samples.request({}, title="Refund A-1?")}, reader="p1")
    message = check_message(command_messages.runs(shown))
    _, row, actions = message.blocks
    assert join_texts([row]).startswith("● Waiting · Refund A-1?")
    assert "Refunds, started by you, " in join_texts([row])
    pass_on, cancel = actions["elements"]
    assert (pass_on["action_id"], cancel["action_id"]) == (ids.HAND_ON, ids.RUN_CANCEL)
    assert pass_on["accessibility_label"] == "Pass on: Refund A-1?"
    assert ids.decode_ref(pass_on["value"]) == ids.Ref(request="req1", content_version=1, digest=samples.DIGEST)


def test_a_run_can_be_cancelled_from_the_list_until_it_has_ended() -> None:
    runs = [samples.run(id=status.value, status=status) for status in RunStatus]
    runs.append(samples.run(id="cancelled already", cancelled=True))
    message = check_message(command_messages.runs(RunList(runs=runs)))
    buttons = {block["block_id"]: block["accessory"] for block in message.blocks if "accessory" in block}
    cancelled = [block for block, button in buttons.items() if button["action_id"] == ids.RUN_CANCEL]
    assert cancelled == ["run:running", "run:waiting", "run:needs_attention"]
    assert {button["action_id"] for button in buttons.values()} == {ids.RUN_CANCEL, ids.RUN_DETAILS}
    button = buttons["run:waiting"]
    assert (button["action_id"], ids.decode_run(button["value"])) == (ids.RUN_CANCEL, ids.RunRef(run="waiting"))
    assert button["confirm"]["confirm"]["text"] == "Cancel the run"


def test_a_run_that_asked_no_one_is_told_from_others_by_its_inputs_and_else_by_its_workflow() -> None:
    done = samples.run(status=RunStatus.SUCCEEDED, inputs={"order": "A-1"})
    message = command_messages.runs(RunList(runs=[done, samples.run(id="run2")], reader="p9"))
    texts = [block["text"]["text"] for block in message.blocks if block["type"] == "section"]
    assert texts == ["✓ Done · A-1", "! Needs attention · Refunds"]
    assert "started by Sam" in join_texts(message.blocks)


def test_buttons_with_the_same_label_are_told_apart_by_ear() -> None:
    requests = [samples.request(id=f"r{amount}", title=f"Refund {amount} EUR?") for amount in (80, 90)]
    runs = [
        samples.run(id="u1", status=RunStatus.SUCCEEDED, inputs={"order": "A-1"}),
        samples.run(id="u2", status=RunStatus.WAITING, inputs={"order": "A-2"}),
    ]
    blocks = show_home(requests, RunList(runs=runs))["blocks"]
    buttons = [button for block in blocks for button in [*block.get("elements", ()), block.get("accessory", {})]]
    labels = [button["accessibility_label"] for button in buttons if "accessibility_label" in button]
    assert labels == [
        *(f"{verb}: Refund 80 EUR? · Hello" for verb in ("Pay it", "Do not pay", "Review")),
        *(f"{verb}: Refund 90 EUR? · Hello" for verb in ("Pay it", "Do not pay", "Review")),
        "Details: A-1",
        "Cancel: A-2",
    ]


def test_a_notification_has_no_signs() -> None:
    runs = [samples.run(id=status.value, status=status) for status in RunStatus]
    message = check_message(command_messages.runs(RunList(runs=runs)))
    # A date is written as `<!date^…>`, which people do not read.
    assert not set(message.text.replace("<!date^", "")) & set("●✓✕↺↷◷⊘!")


@settings(max_examples=example_count(15), deadline=None)
@given(samples.ANY.map(lambda text: text[:3_000]), st.integers(1, 60))
def test_lists_of_any_length_and_content_are_within_the_limits(text: str, count: int) -> None:
    person = Person("p1", text)
    requests = [
        samples.request(id=f"r{number}", title=text, workflow_title=text, requester=person) for number in range(count)
    ]
    runs = [samples.run(id=f"u{number}", workflow_title=text, requester=person) for number in range(count)]
    shown = RunList(runs=runs, latest={"u0": requests[0]})
    workflows = [replace(workflow_view(f"w{number}"), title=text, owner=person) for number in range(count)]
    for message in (
        command_messages.pending(requests),
        command_messages.runs(shown),
        command_messages.workflows(workflows),
    ):
        check_message(message)
        if count > 40:
            assert "not shown." in join_texts(message.blocks)
    asked = [
        (request, Question(id=f"q{number}", asked_by=person, asked_to=ADA, text=text, asked_at=request.started_at))
        for number, request in enumerate(requests)
    ]
    most = home_view.ROWS[InboxPart.NEEDS_YOU]
    view = show_home(requests[:most], shown, asked)
    buttons = Counter(block["accessory"]["action_id"] for block in view["blocks"] if "accessory" in block)
    assert buttons[ids.ANSWER] == min(count, list_rows.MOST_QUESTIONS)
    assert buttons[ids.RUN_CANCEL] == min(count, 5)


# -- starting -----------------------------------------------------------------------------------------------


def asked_request(*approvers: Person, **changes: Any) -> RequestView:
    return samples.request({}, approvers=tuple(Approver(person, "rule") for person in approvers), **changes)


def test_a_person_who_starts_a_run_reads_who_was_asked_and_where_the_outcome_will_be() -> None:
    request = asked_request(ADA, BEN, title="Refund 120 EUR?")
    message = check_message(command_messages.started("Refund", request, created=True, here=True))
    assert message.text == "Refund 120 EUR?\nAda and Ben were asked. You'll get a message here when it's done."
    elsewhere = command_messages.started("Refund", request, created=True, here=False)
    assert elsewhere.text.endswith("Ada and Ben were asked. You'll get a message from Signoff when it's done.")


def test_a_run_that_asks_no_one_now_has_only_started() -> None:
    closed = asked_request(ADA, state=RequestState.APPROVED)
    for request in None, closed:
        message = check_message(command_messages.started("Refund", request, created=True, here=True))
        assert message.text == "Refund has started. You'll get a message here when it's done."


def test_a_person_who_is_the_only_approver_is_addressed() -> None:
    message = command_messages.started("Refund", asked_request(samples.PERSON), created=True, here=True)
    assert "\nYou were asked. " in message.text


def test_a_run_that_was_started_before_says_so() -> None:
    message = command_messages.started("Refund", None, created=False, here=True)
    assert message.text.startswith("Refund was started already, so it was not started again.")


@settings(max_examples=example_count(25), deadline=None)
@given(samples.ANY, st.integers(1, 50))
def test_the_answer_to_a_start_is_within_the_limits(text: str, count: int) -> None:
    people = [Person(f"a{number}", text) for number in range(count)]
    request = asked_request(*people, title=text)
    for shown in None, request:
        check_message(command_messages.started(text, shown, created=True, here=True))
