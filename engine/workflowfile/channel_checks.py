"""Checks of where a gate asks people: `channels`, `email` and `fallback_after` must not contradict each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from engine.json_values import Path
from engine.workflowfile.grammar import GateFile, PostToFile
from engine.workflowfile.phrases import cite
from engine.workflowfile.report import ProblemReport

_EMAIL: Final = "email"
_DELETE: Final = "Delete this line."


def check_channels(report: ProblemReport, gate: GateFile, at: Path) -> None:
    """Report entries of `channels` that stand twice, and keys that can take no effect beside `channels`."""
    if not report.registered:
        _check_entries(report, gate, at)
        for key, message, hint in _contradictions(gate):
            report.add((*at, key), message, hint, at="key")


def _check_entries(report: ProblemReport, gate: GateFile, at: Path) -> None:
    entries = gate.channels or []
    seen: list[str] = []
    has_place = False
    for index, entry in enumerate(entries):
        path = (*at, "channels", index)
        if isinstance(entry, PostToFile):
            if has_place:
                report.add(path, "A gate can post to one channel only.", "Delete this entry.")
            has_place = True
        elif entry in seen:
            report.add(path, f"`{cite(entry)}` stands here twice.", "Delete this entry.")
        else:
            seen.append(entry)


def _contradictions(gate: GateFile) -> Iterator[tuple[str, str, str]]:
    """Yield each key that has no effect or contradicts `channels`, with a sentence and a hint."""
    names = [entry for entry in gate.channels or [] if isinstance(entry, str)]
    shares = any(isinstance(entry, PostToFile) for entry in gate.channels or [])
    if gate.email is not None and names:
        if _EMAIL not in names:
            if gate.email != "never":
                hint = "Add `email` to `channels`, or delete this line."
                yield _EMAIL, f"`email: {gate.email}` contradicts `channels`, which does not name email.", hint
        elif gate.email == "never":
            yield _EMAIL, "`email: never` contradicts `channels`, which names email.", _DELETE
        elif names[0] == _EMAIL:
            yield _EMAIL, f"`email: {gate.email}` has no effect: `channels` asks by email first.", _DELETE
    elif gate.email == "always" and shares:
        hint = "Write channels: [email, {post_to: …}]."
        yield _EMAIL, "`email: always` contradicts `channels`, which asks only in the channel at first.", hint
    if gate.fallback_after and (reason := _why_no_fallback(gate, names)):
        yield "fallback_after", f"`fallback_after` has no effect with {reason}.", ""


def _why_no_fallback(gate: GateFile, names: Sequence[str]) -> str | None:
    """Return the part of the gate that leaves no second way to ask people, or None if there is one."""
    if gate.email in ("always", "never"):
        return f"`email: {gate.email}`"
    return "one way to ask people in `channels`" if len(names) == 1 else None
