"""What `signoff sync` did or would do, for a terminal and as Markdown for a comment on a pull request. Pure.

Texts of workflow files stand in blocks of code, whose fences are longer than any in them: no file can write a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bot.presentation import characters

MAX_SUMMARY: Final = 65_536
"""Maximum length of a comment on a pull request, in characters."""
_MOST_CHANGES: Final = 40
"""Maximum number of changes of one workflow in words."""
_OUTCOMES: Final[Mapping[str, tuple[str, str]]] = {
    "new": ("would be new", "is new"),
    "changed": ("would change", "has changed"),
    "proposed": ("is protected: another person would be asked", "is protected: another person was asked to approve it"),
    "disabled": ("has no file: it would be disabled", "has no file: it was disabled"),
    "missing": ("has no file, and stays as it is", "has no file, and stays as it is"),
    "unchanged": ("is the same", "is the same"),
}
"""What is said of each outcome, in a dry run and after it was done. The order is that of the report."""
_THE_SAME: Final = "Nothing changes: the registered workflows are those of this folder."
_FENCE: Final = re.compile("`{3,}")


def line(workflow: Mapping[str, Any], *, applied: bool) -> str:
    """Return what became of one workflow, as a sentence."""
    version = f" as version {workflow['version']}" if applied and workflow["outcome"] in ("new", "changed") else ""
    return f"{workflow['workflow']} {_OUTCOMES[workflow['outcome']][applied]}{version}."


def is_told(workflow: Mapping[str, Any]) -> bool:
    """Return whether there is anything to say about a workflow."""
    return workflow["outcome"] != "unchanged" or bool(workflow["warnings"])


def ordered(workflows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the workflows, those that change first."""
    places = [*_OUTCOMES]
    return sorted(workflows, key=lambda one: (places.index(one["outcome"]), one["workflow"]))


def total(workflows: Sequence[Mapping[str, Any]], *, applied: bool) -> str:
    """Return how many workflows changed, in one sentence."""
    count = sum(1 for one in workflows if one["outcome"] in ("new", "changed", "proposed", "disabled"))
    if not count:
        has_others = any(one["outcome"] == "missing" for one in workflows)
        return "Nothing changes." if has_others else _THE_SAME
    workflows_change = "1 workflow" if count == 1 else f"{count:,} workflows"
    if applied:
        return (
            f"Done: {workflows_change} changed, was proposed or was disabled."
            if count == 1
            else (f"Done: {workflows_change} changed, were proposed or were disabled.")
        )
    return f"{workflows_change} would change. Nothing was changed yet; add --apply to do it."


def summary(workflows: Sequence[Mapping[str, Any]], *, applied: bool) -> str:
    """Return a summary in Markdown that fits a comment, with as many details as fit."""
    rows = ordered(workflows)
    changed = [*filter(is_told, rows)]
    head = f"## Workflows\n\n{total(rows, applied=applied)}\n\n"
    head += "".join(f"- `{one['workflow']}` {line(one, applied=applied).partition(' ')[2]}\n" for one in changed)
    text = _cut(head, MAX_SUMMARY // 2)
    left = 0
    for one in changed:
        whole, short = _details(one, with_text=True), _details(one, with_text=False)
        text += whole if _fits(text, whole) else short if _fits(text, short) else ""
        left += not text.endswith(whole)
    return text + (f"\n{_left_out(left)}\n" if left else "")


def problems(sentences: Sequence[str]) -> str:
    """Return the problems of the files in Markdown that fits a comment."""
    shown, count = "", 0
    for sentence in sentences:
        if len(shown) + len(sentence) > MAX_SUMMARY - 1_000:
            break
        shown, count = f"{shown}{characters.line(sentence)}\n", count + 1
    rest = len(sentences) - count
    more = f"\n{rest:,} more problems do not fit here.\n" if rest else ""
    return f"## Workflows\n\nNothing was changed, because of these problems:\n\n{_fenced(shown)}{more}"


def _fits(text: str, part: str) -> bool:
    return len(text) + len(part) <= MAX_SUMMARY - 200


def _left_out(count: int) -> str:
    return f"The lines of {'1 workflow' if count == 1 else f'{count:,} workflows'} do not fit here: see signoff diff."


def _details(workflow: Mapping[str, Any], *, with_text: bool) -> str:
    """Return the changes in words, and the lines that differ, folded."""
    words = [*workflow["warnings"], *workflow["changes"][:_MOST_CHANGES]]
    left = len(workflow["changes"]) - _MOST_CHANGES
    words += [f"{left:,} more changes"] if left > 0 else []
    parts = [_fenced("\n".join(map(characters.line, words)) + "\n")] if words else []
    if with_text and workflow["difference"]:
        lines = "\n".join(characters.visible(line) for line in workflow["difference"].split("\n"))
        folded = _fenced(f"{lines}\n", "diff")
        parts.append(f"<details><summary>Lines</summary>\n\n{folded}\n</details>\n")
    return f"\n### {workflow['workflow']}\n\n" + "\n".join(parts) if parts else ""


def _fenced(text: str, language: str = "text") -> str:
    longest = max((len(fence) for fence in _FENCE.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}{fence}\n"


def _cut(text: str, most: int) -> str:
    """Return the first lines of a text that fit."""
    if len(text) <= most:
        return text
    kept = text[:most].rpartition("\n")[0]
    return f"{kept}\n- …\n"
