"""The form for registering a workflow: to paste or upload a file, and its errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.slack import form_blocks, ids, text_objects
from bot.slack.text_objects import Block, View
from engine.errors import Problem

MOST_PARTS: Final = 5


def register_form(*, metadata: ids.ModalRef, parts: int = 1) -> View:
    """Return the form for pasting the file, in up to five parts: an input holds 3,000 characters.

    `parts`: how many inputs there are now; a button asks for one more, another one for the form to upload it.
    """
    parts = max(1, min(parts, MOST_PARTS))
    introduction = "Paste the workflow file, or upload it. A file of more than 3,000 characters is easier to upload."
    blocks: list[Block] = [text_objects.section(introduction, block="how")]
    blocks += [_paste(number, of=parts) for number in range(1, parts + 1)]
    buttons = [text_objects.button("Upload it instead", action=ids.REGISTER_UPLOAD, value=str(parts))]
    if parts < MOST_PARTS:
        buttons.append(text_objects.button("Add another part", action=ids.REGISTER_MORE, value=str(parts + 1)))
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
