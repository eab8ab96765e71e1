"""Modals for registering a workflow: the form to paste or upload a file, its errors, and the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from bot.presentation import expiry
from bot.slack import form_blocks, ids, rich_text, text_objects, truncate
from bot.slack.rich_text import Line
from bot.slack.text_objects import Block, View
from engine.domain import ReviewPoint
from engine.errors import Problem
from engine.workflowfile import Gate, Step, Workflow

MOST_PARTS: Final = 5
_STEP: Final = 400
_STEPS_TEXT: Final = 8_000
_WARNINGS: Final = 10
"""Maximum number of warnings about people that are shown: a file with more of them has one cause."""


def register_form(*, metadata: ids.ModalRef, parts: int = 1) -> View:
    """Return the form for pasting the file, in up to five parts: an input holds 3,000 characters.

    `parts`: how many inputs there are now; a button asks for one more, another one for the form to upload it.
    """
    parts = max(1, min(parts, MOST_PARTS))
    introduction = "Paste the workflow file, or upload it. A file of more than 3,000 characters is best uploaded."
    blocks: list[Block] = [text_objects.section(introduction, block="how")]
    blocks += [_paste(number, of=parts) for number in range(1, parts + 1)]
    buttons = [text_objects.button("Upload it instead", action=ids.REGISTER_UPLOAD, value=str(parts))]
    if parts < MOST_PARTS:
        buttons.append(text_objects.button("Room for another part", action=ids.REGISTER_MORE, value=str(parts + 1)))
    return _form([*blocks, text_objects.actions(buttons, block=ids.block_id("more", parts))], metadata=metadata)


def upload_form(*, metadata: ids.ModalRef) -> View:
    """Return the form for uploading the file. A form with both inputs could require neither of them."""
    paste = text_objects.button("Paste it instead", action=ids.REGISTER_MORE, value="1")
    return _form([_upload(), text_objects.actions([paste], block=ids.block_id("more", 0))], metadata=metadata)


def _form(blocks: list[Block], *, metadata: ids.ModalRef) -> View:
    return form_blocks.view(
        callback=ids.REGISTER_MODAL,
        title="Register a workflow",
        blocks=blocks,
        metadata=metadata,
        submit="Register",
        close="Cancel",
    )


def paste_block(number: int) -> str:
    return f"{ids.PASTE_BLOCK}:{number}"


def _paste(number: int, *, of: int) -> Block:
    return {
        "type": "input",
        "block_id": paste_block(number),
        "label": text_objects.plain_line("Workflow file" if of == 1 else f"Workflow file, part {number} of {of}", 100),
        "element": {
            "type": "plain_text_input",
            "action_id": ids.INPUT,
            "multiline": True,
            "max_length": ids.INPUT_TEXT,
        },
        "optional": number > 1,
    }


def _upload() -> Block:
    return {
        "type": "input",
        "block_id": ids.UPLOAD_BLOCK,
        "label": text_objects.plain_line("Workflow file", 100),
        "element": {
            "type": "file_input",
            "action_id": ids.INPUT,
            "filetypes": ["yaml", "yml", "txt"],
            "max_files": 1,
        },
        "optional": False,
    }


def problems_text(problems: Sequence[Problem], *, uploaded: bool = False) -> dict[str, str]:
    """Return the problems of the file, each with its line, under the input that it came from."""
    return form_errors("\n".join(problem.sentence() for problem in problems), uploaded=uploaded, of=len(problems))


def form_errors(text: str, *, uploaded: bool = False, of: int = 1) -> dict[str, str]:
    """Return sentences under the input that the file came from: whole lines, and how many more there are."""
    lines, shown, room = text_objects.shown(text).split("\n"), list[str](), ids.ERROR_TEXT - 40
    for line in lines:
        room -= text_objects.size(line) + 1
        if room < 0:
            break
        shown.append(line)
    shown = shown or [text_objects.clipped(lines[0], ids.ERROR_TEXT - 40)]
    if len(lines) > len(shown):
        shown.append(f"And {max(of, len(lines)) - len(shown):,} more problems.")
    return {ids.UPLOAD_BLOCK if uploaded else paste_block(1): "\n".join(shown)}


def registered_message(
    workflow: Workflow,
    *,
    version: int,
    changed: bool,
    approvers: Mapping[str, str],
    warnings: Sequence[str] = (),
    command: str = "/signoff",
) -> View:
    """Return the registered workflow as numbered steps. `approvers`: by step, where they are known."""
    replaced = f", in the place of version {version - 1}, which open runs keep" if version > 1 else ""
    sentence = (
        f"{workflow.title} is registered as version {version}{replaced}."
        if changed
        else f"{workflow.title} was registered like this already, as version {version}."
    )
    blocks = [text_objects.section(sentence, block="said")]
    if warnings:
        warning_lines = [
            Line(label="Warning", after=text_objects.clipped(warning, _STEP)) for warning in warnings[:_WARNINGS]
        ]
        blocks.append(rich_text.lines(warning_lines, block="warnings"))
    blocks += [*step_lines(workflow, approvers=approvers, version=version)]
    blocks.append(text_objects.context([text_objects.plain(f"Start it: {command} run {workflow.name}")], block="start"))
    return form_blocks.view(
        callback=ids.PLAIN_MODAL, title="Registered", blocks=blocks, metadata=ids.ModalRef(), close="Close"
    )


def step_lines(workflow: Workflow, *, approvers: Mapping[str, str], version: int) -> list[Block]:
    """Return the numbered steps of a workflow, with their gates and approvers."""
    lines = [_step(number, step, approvers.get(step.id)) for number, step in enumerate(workflow.steps, start=1)]
    shown, more = truncate.first(lines, room=_STEPS_TEXT, each=_STEP)
    blocks = [rich_text.lines(shown, block=ids.block_id("steps", version))]
    if more:
        blocks.append(
            text_objects.context([text_objects.plain(f"And {more} more steps.")], block=ids.block_id("more", version))
        )
    return blocks


def _step(number: int, step: Step, approvers: str | None) -> Line:
    parts = [step.kind.name]
    if step.when is not None:
        parts.append(f"only if {step.when.source}")
    if step.gate is not None:
        parts.append(_gate(step.gate, approvers))
    return Line(label=f"{number}. {step.label}", after="\n".join(parts) if step.gate else ", ".join(parts))


def _gate(gate: Gate, approvers: str | None) -> str:
    people = approvers or ", ".join(template.source for template in gate.approvers) or "the owner"
    what = "before it runs" if gate.at is ReviewPoint.BEFORE else "on what it produced"
    when = f", if {gate.when.source}" if gate.when is not None else ""
    expires = f"; {expiry.of_gate(gate.expires, gate.on_expiry)}" if gate.expires else ""
    return f"Asks {people} {what}{when}{expires}"
