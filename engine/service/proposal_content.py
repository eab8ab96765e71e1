"""What the people who approve a change to a protected workflow are shown. Pure.

The digest of the request covers the hash of the whole new file, so exactly that file is approved, also where a card
shows only a part of the difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from engine.fields import Field, FieldType
from engine.json_values import Value
from engine.requests.model import Editable
from engine.store.proposed_versions import Action, ProposedVersion
from engine.workflowfile import Workflow, difference, difference_words

_CHANGES: Final = 100
"""Maximum number of changes in words."""
_LINES: Final = 2_000
"""Maximum number of lines of the difference in the text."""
_CHARACTERS: Final = 60_000
"""Maximum length of the difference in the text, in characters."""
_IN_PARTS: Final = "its author can propose the change in parts."
_TITLES: Final[Mapping[Action, str]] = {
    Action.REGISTER: "Use a new version of “{title}”?",
    Action.ROLL_BACK: "Go back to version {from_version} of “{title}”?",
    Action.TRANSFER: "Give “{title}” another owner?",
    Action.ENABLE: "Enable “{title}” again?",
    Action.DELETE: "Delete “{title}”?",
}
_APPROVED: Final[Mapping[Action, str]] = {
    Action.ENABLE: "It can be started again.",
    Action.DELETE: "Nothing starts it any more, and it is not listed. Open runs go on.",
}
WORDS: Final = "words"
FILE: Final = "file"
HASH: Final = "sha256"
_DECLARED: Final = (
    Editable((WORDS,), Field(type=FieldType.LONG_TEXT, label="What changes")),
    Editable((FILE,), Field(type=FieldType.LONG_TEXT, label="Difference in the file")),
    Editable((HASH,), Field(type=FieldType.TEXT, label="SHA-256 of the new file")),
)


class ProposalContent(Struct, frozen=True, kw_only=True):
    """The parts of a request that say what is proposed."""

    title: str
    reason: str
    content: Mapping[str, Value]
    declared: tuple[Editable, ...]
    approve_label: str
    reject_label: str


def describe(
    change: ProposedVersion, *, title: str, author: str, before: Workflow | None, after: Workflow | None
) -> ProposalContent:
    """Return what a change is. `title`: of the workflow. `before`: None for a new one, or one that cannot be read."""
    content = dict[str, Value]()
    if after is not None:
        content = {
            WORDS: _words(before, after),
            FILE: _cut(difference.text_difference(b"" if before is None else before.source, after.source)),
            HASH: change.hash,
        }
    meaning = _APPROVED.get(change.action, "Runs that start from then on use the new version. Open runs keep theirs.")
    return ProposalContent(
        title=_TITLES[change.action].format(title=title, from_version=change.from_version),
        reason=f"{author} proposes it. If you approve: {meaning[:1].lower()}{meaning[1:]}",
        content=content,
        declared=tuple(one for one in _DECLARED if one.path[0] in content),
        approve_label=_BUTTONS[change.action],
        reject_label="Leave it as it is",
    )


_BUTTONS: Final[Mapping[Action, str]] = {
    Action.REGISTER: "Use this version",
    Action.ROLL_BACK: "Go back",
    Action.TRANSFER: "Change the owner",
    Action.ENABLE: "Enable it",
    Action.DELETE: "Delete it",
}


def _words(before: Workflow | None, after: Workflow) -> str:
    changes = difference_words.sentences(before, after)
    if not changes:
        return "Only comments or the way the file is written. Nothing that a run does."
    more = [f"… and {len(changes) - _CHANGES:,} more."] if len(changes) > _CHANGES else []
    return "\n".join([f"• {change}" for change in changes[:_CHANGES]] + more)


def _cut(text: str) -> str:
    lines = text[:_CHARACTERS].splitlines()[:_LINES]
    shown = "\n".join(lines)
    if len(shown) >= len(text):
        return text
    missing = len(text.splitlines()) - len(lines)
    # A version that is only proposed is nowhere else to be seen.
    return f"{shown}\n… {missing:,} more lines do not fit here. If you have to see them, reject this: {_IN_PARTS}"
