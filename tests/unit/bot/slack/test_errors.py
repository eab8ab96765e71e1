"""The class of each error of Slack, and the error that the engine gets."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack.errors import FailureClass, channel_error, classify, sentence
from engine.retry import SLACK_INSTALLATION_WAIT, SLACK_RATE_LIMIT_WAIT

ERRORS_BY_CLASS = {
    FailureClass.WAIT: "ratelimited rate_limited message_limit_exceeded",
    FailureClass.UNKNOWN: "fatal_error internal_error request_timeout service_unavailable update_failed "
    "team_added_to_org org_login_required",
    FailureClass.RECIPIENT: "channel_not_found user_not_found users_not_found user_disabled user_not_visible "
    "cannot_dm_bot is_archived is_inactive not_in_channel restricted_action restricted_action_read_only_channel "
    "restricted_action_thread_only_channel messages_tab_disabled ekm_access_denied no_permission",
    FailureClass.PAYLOAD: "invalid_blocks invalid_blocks_format msg_blocks_too_long msg_too_long no_text "
    "invalid_arguments metadata_too_large view_too_large block_mismatch push_limit_reached not_enabled "
    "duplicate_external_id invalid_trigger_id",
    FailureClass.MESSAGE: "message_not_found cant_update_message edit_window_closed",
    FailureClass.STALE: "expired_trigger_id exchanged_trigger_id not_found",
    FailureClass.REREAD: "hash_conflict",
    FailureClass.ROTATE: "token_expired",
    FailureClass.INSTALLATION: "invalid_auth not_authed account_inactive token_revoked missing_scope "
    "team_access_not_granted accesslimited",
    FailureClass.OTHER: "something_new",
}


@pytest.mark.parametrize(
    ("error", "kind"), [(name, kind) for kind, names in ERRORS_BY_CLASS.items() for name in names.split()]
)
def test_every_error_is_in_its_class(error: str, kind: FailureClass) -> None:
    assert classify(error, 200) is kind
    assert classify(error) is kind


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (None, 429, FailureClass.WAIT),
        ("something_new", 429, FailureClass.WAIT),
        (None, 503, FailureClass.UNKNOWN),
        ("something_new", 500, FailureClass.UNKNOWN),
        (None, None, FailureClass.UNKNOWN),
        (None, 404, FailureClass.OTHER),
        (None, 200, FailureClass.UNKNOWN),
        ("", 200, FailureClass.UNKNOWN),
        (None, 408, FailureClass.UNKNOWN),
        ("something_new", 200, FailureClass.OTHER),
        ("user_disabled", 500, FailureClass.RECIPIENT),
    ],
)
def test_the_status_decides_where_the_error_does_not(error: str | None, status: int | None, kind: FailureClass) -> None:
    assert classify(error, status) is kind


@pytest.mark.parametrize(
    ("error", "permanent", "outcome_unknown", "retry_after"),
    [
        ("ratelimited", False, False, SLACK_RATE_LIMIT_WAIT),
        ("fatal_error", False, True, None),
        (None, False, True, None),
        ("user_disabled", True, False, None),
        ("msg_too_long", True, False, None),
        ("message_not_found", True, False, None),
        ("token_revoked", False, False, SLACK_INSTALLATION_WAIT),
        ("token_expired", False, False, None),
        ("something_new", False, False, None),
    ],
)
def test_a_channel_error_tells_the_engine_whether_and_when_to_retry(
    error: str | None, permanent: bool, outcome_unknown: bool, retry_after: timedelta | None
) -> None:
    error_ = channel_error(error)
    assert (error_.permanent, error_.outcome_unknown, error_.retry_after) == (permanent, outcome_unknown, retry_after)


def test_a_wait_is_as_long_as_slack_says() -> None:
    assert channel_error(None, http_status=429, retry_after=timedelta(seconds=7)).retry_after == timedelta(seconds=7)
    assert channel_error("fatal_error", retry_after=timedelta(seconds=7)).retry_after == timedelta(seconds=7)


@given(st.none() | st.text(max_size=300), st.none() | st.sampled_from([200, 404, 429, 500]))
def test_every_failure_is_one_short_sentence(error: str | None, status: int | None) -> None:
    text = str(channel_error(error, http_status=status))
    assert re.fullmatch(r"[A-Z][^\n]*\(.*\)\.", text)
    assert len(text) < 250


def test_a_sentence_says_why_where_that_is_known() -> None:
    assert sentence("user_disabled") == "Slack cannot reach this address: the account is deactivated (user_disabled)."
    assert sentence(None, http_status=502) == "Slack did not say whether it took this (HTTP 502)."
    assert sentence(None) == "Slack did not say whether it took this (no answer)."


def test_a_failed_call_that_changes_nothing_has_no_unknown_outcome() -> None:
    assert sentence(None, http_status=502, changes_nothing=True) == "Slack did not answer (HTTP 502)."
    assert not channel_error(None, changes_nothing=True).outcome_unknown
    refusal = "Slack cannot reach this address: the account is deactivated (user_disabled)."
    assert sentence("user_disabled", changes_nothing=True) == refusal
