"""The list of secrets, and the form that sets one. No value is ever in either. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bot.slack import form_blocks, ids, list_rows, notification_text, text_objects
from bot.slack.ids import ModalRef, SecretRef
from bot.slack.message_view import SlackMessage
from bot.slack.text_objects import Block, View
from engine.domain.secret_commands import LONGEST_NAME, InvalidSecret, SecretView

NAME: Final = "name"
WORKFLOW: Final = "workflow"
VALUE: Final = "secret"
BLOCK_OF: Final = {"name": NAME, "empty": VALUE, "short": VALUE, "long": VALUE}
"""The input below which each problem of a secret is said."""
_MOST: Final = 20
"""Maximum number of secrets that are listed: a message has 50 blocks."""
_SHOWN_HERE: Final = (
    "Slack shows what you type here. For a value that no one may see on your screen, an admin of the server uses: "
    "signoff secret set"
)


def secrets(views: Sequence[SecretView], *, title: str = "Secrets") -> SlackMessage:
    """Return the list of secrets, each with a button to delete it, and the button to set one."""
    set_one = text_objects.button("Set a secret", action=ids.SECRET_SET, value="set", style="primary")
    rows = [block for view in views[:_MOST] for block in _row(view)]
    left = len(views) - _MOST
    if left > 0:
        sentence = f"{list_rows.not_shown(left, 'more is', 'more are')} See all: signoff secret list"
        rows.append(text_objects.context([text_objects.plain(sentence)], block="more"))
    if not views:
        rows.append(text_objects.section("No secrets are set. Workflows use one as secret.NAME.", block="none"))
    blocks = [text_objects.header(title, block="title"), *rows, text_objects.actions([set_one], block="set")]
    return SlackMessage(notification_text.of_blocks(blocks), blocks)


def _row(view: SecretView) -> list[Block]:
    used = text_objects.mrkdwn(f"Last used {text_objects.date(view.used_at)}") if view.used_at is not None else None
    by = text_objects.plain(text_objects.clipped(f"Set by {text_objects.line(view.set_by)}", list_rows.TITLE))
    of = f"{view.name}:{view.workflow or ''}"
    return [
        text_objects.section(f"{view.name}, for {whose(view.workflow)}", block=f"of:{of}", accessory=_delete(view)),
        text_objects.context(
            [by, text_objects.mrkdwn(text_objects.date(view.set_at)), used or text_objects.plain("Never used")],
            block=f"by:{of}",
        ),
    ]


def _delete(view: SecretView) -> dict[str, Any]:
    question = f"Steps of {whose(view.workflow)} that use {view.name} fail, unless there is another value for them."
    return text_objects.button(
        "Delete",
        action=ids.SECRET_DELETE,
        value=ids.encode(SecretRef(name=view.name, workflow=view.workflow)),
        about=view.name,
        confirm=text_objects.confirm(question, yes="Delete the secret", style="danger"),
    )


def secret_form(*, metadata: ModalRef) -> View:
    """Return the form that sets a secret. It is never filled in."""
    name = {"type": "plain_text_input", "action_id": ids.INPUT, "max_length": LONGEST_NAME}
    workflow = {"type": "plain_text_input", "action_id": ids.INPUT, "max_length": LONGEST_NAME}
    value = {"type": "plain_text_input", "action_id": ids.INPUT, "multiline": True, "max_length": ids.INPUT_TEXT}
    only = "The name of the one workflow that may use it. Leave it empty for all workflows."
    return form_blocks.view(
        callback=ids.SECRET_MODAL,
        title="Set a secret",
        blocks=[
            form_blocks.input_block(NAME, "Name", name, hint="Such as CRM_TOKEN.", required=True),
            form_blocks.input_block(VALUE, "Value", value, hint=_SHOWN_HERE, required=True),
            form_blocks.input_block(WORKFLOW, "Workflow", workflow, hint=only),
        ],
        metadata=metadata,
        submit="Set",
        close="Cancel",
    )


def read(values: Mapping[str, Any]) -> tuple[str, str, str | None]:
    """Return the name, the value and the workflow that were entered."""
    workflow = _text(values, WORKFLOW).strip()
    return _text(values, NAME).strip(), _text(values, VALUE).removesuffix("\n"), workflow or None


def block_of(refusal: InvalidSecret) -> str:
    """Return the input below which a problem is said."""
    return BLOCK_OF[refusal.why]


def whose(workflow: str | None) -> str:
    """Return which workflows use a secret."""
    return "all workflows" if workflow is None else f"the workflow {text_objects.line(workflow)}"


def _text(values: Mapping[str, Any], block: str) -> str:
    elements = values.get(block)
    element = next(iter(elements.values()), None) if isinstance(elements, Mapping) else None
    text = element.get("value") if isinstance(element, Mapping) else None
    return text if isinstance(text, str) else ""
