"""What the shape of a payload lets through, all readers of its handlers can read."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.slack import (
    absence_modal,
    home_filter_modal,
    ids,
    kept_entries,
    payload_schema,
    preferences_modal,
    rating_blocks,
    several_modal,
    succession_modal,
    view_state,
)
from bot.slack.ids import HomeRef, ModalRef, Ref
from bot.slack.payload_schema import Malformed
from bot.slack.payloads import Actor, Click, Submission, TypedCommand
from engine.fields import Field, FieldType
from tests.support.broken_payloads import JSON, broken_payloads
from tests.support.examples import example_count

REF = Ref(request="r", content_version=1, digest="0" * 64)
OPTION = {"text": {"type": "plain_text", "text": "Red", "emoji": True}, "value": "red"}
ELEMENTS: dict[str, dict[str, Any]] = {
    "text": {"type": "plain_text_input", "value": "x"},
    "day": {"type": "datepicker", "selected_date": "2026-01-02"},
    "moment": {"type": "datetimepicker", "selected_date_time": 1_700_000_000},
    "choice": {"type": "static_select", "selected_option": OPTION},
    "choices": {"type": "checkboxes", "selected_options": [OPTION]},
    "time": {"type": "timepicker", "selected_time": "09:00"},
    "person": {"type": "users_select", "selected_user": "U1"},
    "file": {"type": "file_input", "files": [{"id": "F1", "url_private": "https://files.slack.com/f"}]},
}
BLOCKS = {
    **{ids.field_block(name): name for name in ELEMENTS},
    **{ids.REASON_BLOCK: "text", ids.CODE_BLOCK: "text", ids.COMMENT_BLOCK: "text", ids.TEXT_BLOCK: "text"},
    **{ids.PASTE_BLOCK: "text", ids.UPLOAD_BLOCK: "file", ids.RATING_BLOCK: "choice", ids.PLACE_BLOCK: "choice"},
    **{ids.PERSON_BLOCK: "person", ids.AWAY_BLOCK: "day", absence_modal.BACK_BLOCK: "day"},
    **{f"{several_modal.GROUP}0": "choices", several_modal.VERDICT: "choice"},
    **{home_filter_modal.SEARCH: "text", home_filter_modal.WORKFLOW: "choice", home_filter_modal.SINCE: "day"},
    **{"digest": "choice", "digest_at": "time", "digest_count": "text", "quiet_weekends": "choices"},
}
VIEW = {
    "id": "V1",
    "type": "modal",
    "callback_id": ids.EDIT_MODAL,
    "hash": "1.a",
    "private_metadata": ids.encode(ModalRef(ref=REF, home=HomeRef(user="U1"))),
    "previous_view_id": "V0",
    "blocks": [{"type": "input", "block_id": "reason", "label": {"type": "plain_text", "text": "Reason"}}],
    "state": {"values": {block: {ids.INPUT: ELEMENTS[name]} for block, name in BLOCKS.items()}},
}
PERSON = {"user": {"id": "U1", "team_id": "T1"}, "team": {"id": "T1"}, "api_app_id": "A1"}
SUBMISSION: dict[str, Any] = {"type": "view_submission", **PERSON, "view": VIEW}
CLICK: dict[str, Any] = {
    "type": "block_actions",
    **PERSON,
    "container": {"type": "message", "message_ts": "1.2", "channel_id": "C1", "is_ephemeral": False},
    "channel": {"id": "C1"},
    "trigger_id": "1.2.a",
    "response_url": "https://hooks.slack.com/actions/1",
    "actions": [{"type": "button", "action_id": ids.EDIT, "value": ids.encode(REF)}],
}
CLICK_IN_HOME: dict[str, Any] = {
    **CLICK,
    "view": {**VIEW, "type": "home", "private_metadata": ids.encode(HomeRef(user="U1"))},
}
COMMAND: dict[str, Any] = {
    **{"command": "/signoff", "text": "run refund", "user_id": "U1", "team_id": "T1", "channel_id": "C1"},
    **{"trigger_id": "1.2.a", "response_url": "https://hooks.slack.com/commands/1"},
}
DECLARED = {
    "text": Field(type=FieldType.TEXT),
    "day": Field(type=FieldType.DATE),
    "moment": Field(type=FieldType.DATETIME),
    "person": Field(type=FieldType.PERSON),
}


def read_click(payload: dict[str, Any]) -> None:
    click = Click.of(payload)
    ids.encode(click.opening(ids.decode_ref(click.value) or REF))
    ids.encode(ids.decode_home(click.value) or HomeRef())
    check_storable(click.by, click.trigger, click.message_ts or "", click.response_url or "")


def read_submission(payload: dict[str, Any]) -> None:
    sent = Submission.of(payload)
    values = sent.view.values
    readers: list[Callable[[Any], object]] = [
        *(view_state.states, view_state.read_reason, view_state.read_code, view_state.read_source),
        *(absence_modal.read_dates, absence_modal.read_delegate, preferences_modal.read, rating_blocks.read),
        *(several_modal.read_picked, several_modal.read_verdict, succession_modal.read_person),
        *(succession_modal.read_place, lambda values: view_state.read_inputs(values, DECLARED)),
        *(lambda values: view_state.read_text(values, ids.TEXT_BLOCK), lambda values: keep_in_newer_form(values)),
    ]
    for reader in readers:
        reader(values)
    ids.encode(home_filter_modal.read_filter(values, sent.view.home or HomeRef(), [("red", "Red")]))
    ids.encode(sent.view.ref or ModalRef())
    check_storable(sent.by, sent.view.id)


def keep_in_newer_form(values: Any) -> None:
    """Fill a form that has the same inputs, and one that has none of them."""
    pickers = {"day": "datepicker", "moment": "datetimepicker", "person": "users_select", "text": "plain_text_input"}
    blocks = [
        {"type": "input", "block_id": ids.field_block(name), "element": {"type": kind, "action_id": ids.INPUT}}
        for name, kind in pickers.items()
    ]
    for form in blocks, []:
        kept_entries.keep(form, values, {})


def read_command(payload: dict[str, Any]) -> None:
    typed = TypedCommand.of(payload)
    ids.encode(ModalRef(channel=typed.by.channel or None, response_url=typed.response_url))
    check_storable(typed.by, typed.rest, typed.trigger)


def check_storable(by: Actor, *others: str) -> None:
    """Check that both databases store the texts."""
    for text in (*by.origin().place.values(), by.address.value, *others):
        text.encode()
        assert "\0" not in text


READERS: dict[str, Callable[[dict[str, Any]], None]] = {
    "block_actions": read_click,
    "view_submission": read_submission,
    "command": read_command,
}


def read(payload: Any) -> None:
    """Check the payload as the door does, and read what is admitted as the handlers do."""
    payload = payload_schema.readable(payload)
    try:
        admitted = payload_schema.read(payload)
    except Malformed:
        return
    if admitted.kind in READERS:
        READERS[admitted.kind](payload)


@pytest.mark.parametrize("payload", [SUBMISSION, CLICK, CLICK_IN_HOME, COMMAND])
def test_what_slack_sends_is_admitted(payload: dict[str, Any]) -> None:
    assert payload_schema.read(payload).teams == {"T1"}
    assert payload_schema.readable(payload) is payload
    read(payload)


@given(st.data())
@settings(max_examples=example_count(500), deadline=None)
def test_a_broken_payload_is_refused_or_read(data: st.DataObject) -> None:
    payload = data.draw(st.sampled_from([SUBMISSION, CLICK, CLICK_IN_HOME, COMMAND]))
    read(data.draw(broken_payloads(payload) | JSON))


@given(
    st.sampled_from([*BLOCKS]),
    st.sampled_from(sorted({key for element in ELEMENTS.values() for key in element})),
    JSON | st.just([{"value": "x", "text": 1}]) | st.just({"value": "\ud800"}),
)
@settings(max_examples=example_count(500), deadline=None)
def test_an_input_with_any_content_is_refused_or_read(block: str, key: str, content: Any) -> None:
    payload: dict[str, Any] = copy.deepcopy(SUBMISSION)
    payload["view"]["state"]["values"][block][ids.INPUT][key] = content
    read(payload)


@given(st.sampled_from(["0", "1", "2", "3"]), st.sampled_from(["\\u0000", "\\ud800", "\0", "x" * 3_000, '"', "]"]))
def test_damaged_metadata_is_refused_or_read(at: str, damage: str) -> None:
    for what in REF, HomeRef(user="U1", pages=("c",)), ModalRef(ref=REF, channel="C1", message_ts="1.2"):
        text = ids.encode(what)
        place = len(text) * (int(at) + 1) // 5
        damaged = f"{text[:place]}{damage}{text[place:]}"
        for decode in ids.decode_ref, ids.decode_home, ids.decode_modal, ids.decode_run, ids.decode_question:
            if (decoded := decode(damaged)) is not None:
                ids.encode(decoded)
                assert b"\\u0000" not in msgspec.json.encode(decoded)


EVENTS: dict[str, dict[str, Any]] = {
    "app_home_opened": {"user": "U1", "tab": "home", "view": {"private_metadata": ids.encode(HomeRef())}},
    "message": {"user": "U1", "channel": "D1", "channel_type": "im", "text": "ok", "thread_ts": "1.2"},
    "user_change": {"user": {"id": "U1", "deleted": True}},
    "tokens_revoked": {"tokens": {"bot": ["U1"], "oauth": []}},
}


BROKEN_EVENTS: dict[str, dict[str, list[Any]]] = {
    "app_home_opened": {
        "view": [True, "x", [], {"private_metadata": 1}],
        "user": ["\ud800", "U1\0", {"id": "U1"}, "", None],
    },
    "message": {key: [1] for key in ("user", "channel", "channel_type", "subtype", "text", "thread_ts")},
    "user_change": {"user": ["U1", {}, {"id": "\ud800"}, {"id": "U1", "deleted": "yes"}]},
    "tokens_revoked": {"tokens": [1, "x", {"bot": "U1"}, {"bot": {}}]},
}


@pytest.mark.parametrize(
    ("event", "change"),
    [(event, {key: part}) for event, parts in BROKEN_EVENTS.items() for key in parts for part in parts[key]],
)
def test_an_event_with_parts_that_its_handler_cannot_read_is_refused(event: str, change: dict[str, Any]) -> None:
    payload = {"type": "event_callback", "team_id": "T1", "event": {"type": event, **EVENTS[event]}}
    assert payload_schema.read(payload).event == event
    payload["event"] = {"type": event, **EVENTS[event], **change}
    with pytest.raises(Malformed):
        payload_schema.read(payload_schema.readable(payload))


@pytest.mark.parametrize("event", ["message", "app_uninstalled"])
def test_an_event_with_its_type_alone_is_admitted(event: str) -> None:
    """News about messages have no author, and Slack adds types of events."""
    assert payload_schema.read({"type": "event_callback", "event": {"type": event}}).event == event
