"""Slack's errors, classified by what to do about them. The published lists are incomplete, so there is a default class.

https://docs.slack.dev/reference/methods/chat.postMessage#errors and those of the other methods.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from typing import Final

from bot.slack import text_objects
from engine import retry
from engine.errors import ChannelError


class FailureClass(Enum):
    """What to do about an error."""

    WAIT = "wait"
    """Too many calls: obey Retry-After."""
    UNKNOWN = "unknown"
    """It may have happened: look for it before doing it again."""
    RECIPIENT = "recipient"
    """This person or channel will never take it: use another way at once, and say so."""
    PAYLOAD = "payload"
    """Slack will never take this content: our mistake. Log it loudly, show the minimal message."""
    MESSAGE = "message"
    """This copy can no longer be edited: post a fresh one."""
    STALE = "stale"
    """The click is too old: ask the person to click again."""
    REREAD = "reread"
    """Another action changed the view: read it again, then retry."""
    ROTATE = "rotate"
    """The token has run out: rotate it, retry once."""
    INSTALLATION = "installation"
    """Nothing reaches this workspace until the installation is fixed: stop, alert, use email."""
    OTHER = "other"
    """The default: Slack said no, so nothing happened; it may be different later."""


_NAMES: Final[Mapping[FailureClass, str]] = {
    FailureClass.WAIT: "ratelimited rate_limited message_limit_exceeded",
    FailureClass.UNKNOWN: (
        "fatal_error internal_error request_timeout service_unavailable update_failed team_added_to_org "
        "org_login_required"
    ),
    FailureClass.RECIPIENT: (
        "channel_not_found user_not_found users_not_found user_disabled user_not_visible cannot_dm_bot is_archived "
        "is_inactive not_in_channel messages_tab_disabled ekm_access_denied no_permission"
    ),
    FailureClass.PAYLOAD: (
        "msg_blocks_too_long msg_too_long no_text invalid_arguments metadata_too_large view_too_large block_mismatch "
        "push_limit_reached not_enabled duplicate_external_id invalid_trigger_id"
    ),
    FailureClass.MESSAGE: (
        "message_not_found cant_update_message edit_window_closed thread_not_found cannot_reply_to_message"
    ),
    FailureClass.STALE: "expired_trigger_id exchanged_trigger_id not_found",
    FailureClass.REREAD: "hash_conflict",
    FailureClass.ROTATE: "token_expired",
    FailureClass.INSTALLATION: (
        "invalid_auth not_authed account_inactive token_revoked missing_scope team_access_not_granted accesslimited"
    ),
}
_CLASSES: Final = {name: kind for kind, names in _NAMES.items() for name in names.split()}
_PREFIXES: Final = (("restricted_action", FailureClass.RECIPIENT), ("invalid_blocks", FailureClass.PAYLOAD))

_PERMANENT: Final = frozenset({FailureClass.RECIPIENT, FailureClass.PAYLOAD, FailureClass.MESSAGE})
_REQUEST_TIMEOUT: Final = 408

_SENTENCES: Final[Mapping[FailureClass, str]] = {
    FailureClass.WAIT: "Slack asks Signoff to slow down",
    FailureClass.UNKNOWN: "Slack did not say whether it took this",
    FailureClass.RECIPIENT: "Slack cannot reach this address",
    FailureClass.PAYLOAD: "Slack refused what Signoff sent",
    FailureClass.MESSAGE: "Slack no longer lets Signoff change this message",
    FailureClass.STALE: "That click is too old for Slack; click again",
    FailureClass.REREAD: "This view has changed meanwhile",
    FailureClass.ROTATE: "Signoff's token for this workspace has run out; tell the operator of Signoff",
    FailureClass.INSTALLATION: "Signoff is not installed properly in this workspace; tell the operator of Signoff",
    FailureClass.OTHER: "Slack refused",
}
_NO_ANSWER: Final = "Slack did not answer"
"""The sentence for `UNKNOWN` of a call that changes nothing."""
_WHY: Final[Mapping[str, str]] = {
    "user_disabled": "the account is deactivated",
    "user_not_found": "there is no such user",
    "users_not_found": "no account there has this email address",
    "channel_not_found": "there is no such conversation, or Signoff cannot see it",
    "not_in_channel": "Signoff is not a member of the channel",
    "is_archived": "the channel is archived",
    "cannot_dm_bot": "it is a bot",
    "messages_tab_disabled": "messages to the app are switched off in its settings",
}


def classify(error: str | None, http_status: int | None = None) -> FailureClass:
    """Return the class of an answer. Without error and status, Slack did not answer at all (timeout, reset).

    A success without a proper body came from a proxy, or Slack did not finish: the call may have happened.
    """
    if http_status == 429:
        return FailureClass.WAIT
    if error:
        prefixed = next((kind for prefix, kind in _PREFIXES if error.startswith(prefix)), FailureClass.OTHER)
        failure_class = _CLASSES.get(error, prefixed)
        if failure_class is not FailureClass.OTHER:
            return failure_class
    if http_status is None:
        return FailureClass.OTHER if error else FailureClass.UNKNOWN
    unfinished = not error and (http_status < 300 or http_status == _REQUEST_TIMEOUT)
    return FailureClass.UNKNOWN if unfinished or http_status >= 500 else FailureClass.OTHER


def channel_error(
    error: str | None,
    *,
    http_status: int | None = None,
    retry_after: timedelta | None = None,
    changes_nothing: bool = False,
) -> ChannelError:
    """Return the error that a channel raises. `changes_nothing`: the call only reads, or may be repeated."""
    kind = classify(error, http_status)
    waits = {
        FailureClass.WAIT: retry_after or retry.SLACK_RATE_LIMIT_WAIT,
        FailureClass.INSTALLATION: retry.SLACK_INSTALLATION_WAIT,
    }
    return ChannelError(
        sentence(error, http_status=http_status, changes_nothing=changes_nothing),
        permanent=kind in _PERMANENT,
        retry_after=waits.get(kind, retry_after),
        outcome_unknown=kind is FailureClass.UNKNOWN and not changes_nothing,
    )


def sentence(error: str | None, *, http_status: int | None = None, changes_nothing: bool = False) -> str:
    """Return a sentence for people, with Slack's own error code."""
    kind = classify(error, http_status)
    what = _NO_ANSWER if changes_nothing and kind is FailureClass.UNKNOWN else _SENTENCES[kind]
    reason = _WHY.get(error or "")
    name = (
        text_objects.clipped(text_objects.line(error), 100)
        if error
        else f"HTTP {http_status}"
        if http_status
        else "no answer"
    )
    return f"{what}{f': {reason}' if reason else ''} ({name})."
