"""What Claude Code says to a hook about the use of a tool, and what a hook answers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

BEFORE: Final = "PreToolUse"
_MCP: Final = "mcp__"
_LONGEST_TITLE: Final = 200


class UnreadableEvent(ValueError):
    """The input is not an event of a tool. The message is a sentence."""


@dataclass(frozen=True, slots=True)
class ToolUse:
    """One use of a tool, before it or after it."""

    event: str
    session: str
    id: str
    tool: str
    input: Mapping[str, Any]
    folder: str | None
    agent: str | None
    """The kind of the agent inside the session, if it is not the main one."""
    is_interrupted: bool
    """Whether the tool was stopped before its end."""

    @property
    def key(self) -> str:
        """Return what is the same each time that a hook is called for this use, and in no other use."""
        return "claude-" + hashlib.sha256(f"{self.session}\0{self.id}".encode()).hexdigest()[:48]

    @property
    def server(self) -> str | None:
        """Return the MCP server that the tool belongs to, if it belongs to one."""
        return self.tool.removeprefix(_MCP).partition("__")[0] if self.tool.startswith(_MCP) else None

    @property
    def origin(self) -> str:
        """Return where the use comes from, one thing a line."""
        known = {"Folder": self.folder, "Session": self.session, "Agent": self.agent}
        return "\n".join(f"{name}: {value}" for name, value in known.items() if value is not None)

    @property
    def title(self) -> str:
        """Return what approvers read first."""
        return f"Claude Code: {self.tool}"[:_LONGEST_TITLE]

    @property
    def summary(self) -> str | None:
        """Return what the model says that the call is for. Its arguments are shown beside it."""
        description = self.input.get("description")
        return description if isinstance(description, str) and description.strip() else None


def read(text: bytes) -> ToolUse:
    """Return the event in the input of a hook. Raises `UnreadableEvent`."""
    event = _object(text)
    arguments = event.get("tool_input")
    if not isinstance(arguments, dict):
        raise UnreadableEvent(f"The input of the hook has no tool_input. Use it for {BEFORE} and the events after it.")
    return ToolUse(
        event=_text(event, "hook_event_name"),
        session=_text(event, "session_id"),
        id=_text(event, "tool_use_id"),
        tool=_text(event, "tool_name"),
        input=arguments,
        folder=_optional(event, "cwd"),
        agent=_optional(event, "agent_type"),
        is_interrupted=event.get("is_interrupt") is True,
    )


def _object(text: bytes) -> dict[str, Any]:
    from signoff import json_text

    try:
        event = json_text.decode(text)
    except ValueError:
        raise UnreadableEvent("The input of the hook is not JSON.") from None
    if not isinstance(event, dict):
        raise UnreadableEvent("The input of the hook is not a JSON object.")
    return event


def answer(decision: str, reason: str, updated_input: Mapping[str, Any] | None = None) -> str:
    """Return the answer of a hook before the use of a tool: allow, deny, ask or defer."""
    from signoff import json_text

    output: dict[str, Any] = {
        "hookEventName": BEFORE,
        "permissionDecision": decision,
        "permissionDecisionReason": reason,
    }
    if updated_input is not None:
        # It takes the place of all of the input.
        output["updatedInput"] = dict(updated_input)
    return json_text.encode(json_text.snapshot({"hookSpecificOutput": output}, "answer")).decode()


def outcome(use: ToolUse) -> tuple[str, str | None] | None:
    """Return what an event after the use of a tool says became of it, or None for an event that says nothing."""
    match use.event:
        case "PostToolUse":
            return "succeeded", None
        case "PostToolUseFailure" if use.is_interrupted:
            return "unknown", "The tool was interrupted."
        case "PostToolUseFailure":
            return "failed", "The tool failed."
        case "PermissionDenied":
            return "failed", "Claude Code did not run the tool: its own permission rules denied it."
        case _:
            return None


def _text(event: Mapping[str, Any], name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not value:
        raise UnreadableEvent(f"The input of the hook has no {name}.")
    return value


def _optional(event: Mapping[str, Any], name: str) -> str | None:
    value = event.get(name)
    return value if isinstance(value, str) and value else None
