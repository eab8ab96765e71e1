"""The text of a message as people read it, from the way in which Slack writes it. Pure.

https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from engine.domain.accounts import SLACK

MOST_MENTIONS: Final = 20
"""Mentions of people that are replaced by names; of more, the rest is shown by their ids."""
_MARK: Final = re.compile(r"<([@#!][^<>]+|[a-z][a-z0-9+.-]*:[^<>]+)>")
_SCHEME: Final = re.compile(r"^(?:https?://|mailto:|tel:)")


def of_message(message: Mapping[str, Any]) -> str:
    """Return the text of a message as Slack writes it, or that of its attachments if it has none of its own."""
    text = message.get("text")
    if isinstance(text, str) and text.strip():
        return text
    attachments = message.get("attachments")
    parts = [part for part in attachments if isinstance(part, Mapping)] if isinstance(attachments, list) else []
    texts = (part.get("text") or part.get("fallback") for part in parts)
    return "\n".join(text for text in texts if isinstance(text, str))


def mentions(text: str) -> list[str]:
    """Return the accounts of the people who are mentioned, each once."""
    targets = (match[1].partition("|")[0] for match in _MARK.finditer(text))
    accounts = (target[1:] for target in targets if target.startswith("@"))
    return list(dict.fromkeys(account for account in accounts if SLACK.person_id(account)))[:MOST_MENTIONS]


def plain(text: str, names: Mapping[str, str]) -> str:
    """Return the text without Slack's marks. `names`: of people, by their accounts."""
    return _unescape(_MARK.sub(lambda match: _plain_mark(match[1], names), text))


def _plain_mark(mark: str, names: Mapping[str, str]) -> str:
    target, _, label = mark.partition("|")
    if target.startswith("@"):
        account = target[1:]
        return f"@{names.get(account) or label or account}" if SLACK.person_id(account) else mark
    if target.startswith("#"):
        return f"#{label or target[1:]}"
    if target.startswith("!"):
        return label or f"@{target[1:].partition('^')[0]}"
    if not label or label == target or _SCHEME.sub("", target) == label:
        return label or target
    return f"{label} ({target})"


def _unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
