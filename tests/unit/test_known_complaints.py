"""What users of other approval bots complained about, each with the tests that keep it from happening here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parents[1]
COMPLAINTS: Final = {
    "hoop #1265: no feedback after a partial approval": (
        "integration/test_policies.py::test_every_copy_shows_how_far_approvals_have_come",
    ),
    "teleport #5141: it cannot be seen who approved": (
        "integration/test_policies.py::test_every_copy_shows_how_far_approvals_have_come",
        "integration/test_policies.py::test_an_edit_voids_earlier_approvals_and_tells_who_gave_them",
    ),
    "n8n #10014, heym #563: two decisions both succeed": (
        "integration/test_policies.py::test_two_approvals_at_the_same_instant_both_count",
        "flow/test_policy_machine.py::test_whatever_people_do_only_the_needed_approvals_of_one_content_run_it_once",
    ),
    "pydantic-ai #6968, openclaw #124738: the approver saw other arguments than those that ran": (
        "integration/test_policies.py::test_an_edit_voids_earlier_approvals_and_tells_who_gave_them",
        "flow/test_policy_machine.py::test_whatever_people_do_only_the_needed_approvals_of_one_content_run_it_once",
    ),
    "powercat-business-approvals-kit #102: no reminders": (
        "integration/test_deadlines.py::test_approvers_are_reminded_at_half_and_at_nine_tenths_of_the_time",
        "integration/test_deadlines.py::test_several_requests_are_in_one_message_with_values_and_deadlines",
    ),
    "powercat-business-approvals-kit #103: no escalation": (
        "integration/test_deadlines.py::test_backups_are_asked_as_well_if_there_is_no_decision_in_time",
    ),
    "powercat-business-approvals-kit #181: nothing happens on a timeout": (
        "integration/test_deadlines.py::test_with_escalate_the_time_starts_again_once_and_then_the_run_stops",
        "integration/test_deadlines.py::test_after_a_jump_of_the_clock_everything_that_was_due_happens_once",
    ),
    "airflow #55866: the clock of a timeout starts before the notice was delivered": (
        "unit/engine/requests/test_deadlines.py::test_the_expiry_starts_once",
        "unit/engine/requests/test_deadlines.py::test_a_request_that_reached_no_one_never_continues_without_approval",
    ),
    "clawpatrol #595: a timeout leaves live buttons": (
        "integration/slack/test_decisions.py::test_an_expired_request_can_no_longer_be_decided",
        "integration/test_deadlines.py::test_a_click_at_the_instant_of_the_deadline_has_one_winner_that_everyone_sees",
    ),
}


@pytest.mark.parametrize("complaint", COMPLAINTS)
def test_every_complaint_has_its_tests(complaint: str) -> None:
    for node in COMPLAINTS[complaint]:
        file, _, name = node.partition("::")
        assert re.search(rf"def {name}\b", (TESTS / file).read_text(encoding="utf-8")), node
