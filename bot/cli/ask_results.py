"""What `signoff ask` prints: that it asked, and the approved values for scripts and programs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from bot.cli.api_server import printable

if TYPE_CHECKING:
    from signoff.records import Ask, Decision

STAYS: Final = "The ask still waits for a decision. The same command with the same --key waits for it again."
CANCELLED: Final = (
    "The ask was cancelled, because no command would use its approval any more. With --key TEXT it stays, and the same "
    "command waits for it again."
)
UNSURE: Final = (
    "The ask could not be cancelled, so people may still decide it. No command uses their approval: with --key TEXT, "
    "the same command would wait for it again."
)


def asked(ask: Ask) -> str:
    """Return the lines that say what was asked, where it is decided, and who is waited for."""
    lines = [f"Asked: {ask.id}"]
    if ask.review_url or ask.url:
        lines.append(f"Review: {ask.review_url or ask.url}")
    if ask.status == "pending" and ask.waiting_for:
        lines.append(f"Waiting for {', '.join(ask.waiting_for)}.")
    return printable("\n".join(lines))


def not_awaited(*, is_named: bool) -> str:
    """Return how to get the decision on an ask that the command did not wait for."""
    how = "the same command with --wait does" if is_named else "to wait, use --wait, or -- and the command to run"
    return f"Not decided yet, and this command does not wait: {how}."


def decided(ask: Ask) -> str:
    """Return how it was approved."""
    if ask.decision is None or not ask.decision.by:
        return "Approved by a rule: no person had to be asked."
    reason = f": {ask.decision.reason}" if ask.decision.reason else "."
    changed = f" Changed: {', '.join(edit.path for edit in ask.decision.edits)}." if ask.decision.edits else ""
    return printable(f"Approved by {ask.decision.by}{reason}{changed}")


def lines(values: Mapping[str, Any]) -> str:
    """Return a line `name=value` for each value. A text that is no plain line is printed as JSON."""
    return "".join(f"{name}={_line(value)}\n" for name, value in values.items())


def record(ask: Ask, values: Mapping[str, Any]) -> str:
    """Return an ask as JSON, with exact numbers."""
    from signoff import json_text

    content = {
        "id": ask.id,
        "status": ask.status,
        "title": ask.title,
        "arguments": values,
        "digest": ask.digest,
        "decision": ask.decision and _decision(ask.decision),
        "consumed_at": ask.consumed_at and ask.consumed_at.isoformat(),
        "url": ask.url,
        "waiting_for": list(ask.waiting_for),
    }
    return json_text.encode(json_text.snapshot(content, "ask")).decode()


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "verdict": decision.verdict,
        "by": decision.by,
        "at": decision.at and decision.at.isoformat(),
        "reason": decision.reason,
        "edits": [{"path": edit.path, "before": edit.before, "after": edit.after} for edit in decision.edits],
    }


def variables(ask: Ask, values: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment variables in which a command finds the approved values."""
    named = {"ASK_" + re.sub(r"[^A-Z0-9]", "_", name.upper()): text_of(value) for name, value in values.items()}
    return {**named, "ASK_ID": ask.id}


def text_of(value: Any) -> str:
    """Return a text as it is, and any other value as JSON."""
    from signoff import json_text

    return value if isinstance(value, str) else json_text.encode(json_text.snapshot(value, "value")).decode()


def _line(value: Any) -> str:
    from signoff import json_text

    is_plain = not isinstance(value, str) or (value.isprintable() and not value.startswith('"'))
    return text_of(value) if is_plain else json_text.encode(value).decode()
