"""Slack's limits, the ids of our blocks and actions, and the references in buttons and modals: ids, never content.

Limits are those of https://docs.slack.dev/reference/block-kit unless a line says otherwise.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Final, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct

from engine.domain import RequestState
from engine.domain.workflow_commands import WorkflowState
from engine.inbox import InboxPart

# -- limits -------------------------------------------------------------------------------------------------

MESSAGE_BLOCKS: Final = 50
VIEW_BLOCKS: Final = 100
"""Blocks of a modal and of App Home."""
MESSAGE_TEXT: Final = 9_000
"""Characters of all texts of a message. Undocumented: `msg_blocks_too_long` was seen from 11,000 characters on, so we
stay under 10,000, because Slack may count more than we do."""
FALLBACK_TEXT: Final = 3_900
"""Characters of `text` of a message: chat.update refuses more than 4,000 with `msg_too_long`."""
HEADER: Final = 150
SECTION: Final = 3_000
CONTEXT_ELEMENTS: Final = 10
ACTIONS: Final = 25
"""Elements of an actions block."""
BUTTON_TEXT: Final = 75
BUTTON_VALUE: Final = 2_000
CONFIRM_TITLE: Final = 100
CONFIRM_TEXT: Final = 300
CONFIRM_BUTTON: Final = 30
ID_LENGTH: Final = 255
"""Characters of `block_id`, `action_id` and `callback_id`."""
OPTIONS: Final = 100
OPTION_TEXT: Final = 75
OPTION_VALUE: Final = 150
RADIO_OPTIONS: Final = 10
"""Options of radio buttons and of checkboxes."""
INPUT_LABEL: Final = 2_000
INPUT_HINT: Final = 2_000
INPUT_TEXT: Final = 3_000
"""Characters of a plain_text_input."""
MODAL_TITLE: Final = 24
"""Characters of `title`, `submit` and `close`."""
PRIVATE_METADATA: Final = 3_000
VIEW_BYTES: Final = 200_000
"""Bytes of a view, below Slack's 250 KB: how Slack counts is not documented."""
ERROR_TEXT: Final = 1_000
"""Characters of a sentence under an input. Undocumented; longer ones push the form off the screen."""
LONGEST_TEXT_INPUTS: Final = 5
"""Maximum number of inputs that a long text is split into."""

# -- ids ----------------------------------------------------------------------------------------------------

APPROVE: Final = "request.approve"
EDIT: Final = "request.edit"
REVISE: Final = "request.revise"
SKIP: Final = "request.skip"
REJECT: Final = "request.reject"
ASK: Final = "request.ask"
"""The action that opens the form for a question to the requester, or to another person."""
ANSWER: Final = "question.answer"
RATE: Final = "request.rate"
"""The action that opens the form for a rating."""
UNDO: Final = "request.undo"
"""The action that undoes an approval."""
DETAILS: Final = "request.details"
"""The action that opens the full request."""
RUN_DETAILS: Final = "run.details"
"""The action that opens everything about a run."""
HAND_ON: Final = "request.hand_on"
"""The action that opens the form to pass a request on."""
PREVIOUS_PAGE: Final = "details.previous"
NEXT_PAGE: Final = "details.next"
RUN_CANCEL: Final = "run.cancel"
RUN_RETRY: Final = "run.retry"
RUN_DONE: Final = "run.done"
RUN_REPEAT: Final = "run.repeat"
RUN_STOP: Final = "run.stop"
HOME_GO: Final = "home.go:"
"""What the actions begin with that show another part or page of App Home; the value says which."""
HOME_FILTER: Final = "home.filter"
HOME_SEVERAL: Final = "home.several"
"""The action that opens the form to decide several requests."""
HOME_AWAY: Final = "home.away"
HOME_BACK: Final = "home.back"
REGISTER_MORE: Final = "register.more"
REGISTER_UPLOAD: Final = "register.upload"
NEW_WORKFLOW: Final = "workflow.new"
"""The action that opens the choice among the templates."""
NEW_AFRESH: Final = "new.afresh"
EDIT_AFRESH: Final = "edit.afresh"
"""The actions that empty a form that was filled in with earlier entries."""
WHOLE_FILE: Final = "workflow.file"
"""The action that opens the form with the whole file of a workflow."""
TRY_FORM: Final = "workflow.try"
"""The action that opens the form with the inputs of a trial."""
WORKFLOW_RUN: Final = "workflow.run"
"""The action that starts a workflow, from a list or from its steps."""
WORKFLOW_BACK: Final = "workflow.back"
"""The action that registers the file of an older version again."""
WORKFLOW_STATE: Final = "workflow.state"
"""The action that disables or deletes a workflow."""
MESSAGE_SHORTCUT: Final = "message.run"
"""The callback id of the entry in the menu of messages that starts a workflow."""
MESSAGE_FORM: Final = "message.form"
"""The action that opens the form of a workflow that a reaction could not start."""
PREFERENCES: Final = "person.preferences"
"""The action that opens the form in which people choose when they are told of requests."""
SECRET_SET: Final = "secret.set"  # noqa: S105 an action, not a secret
"""The action that opens the form for a secret."""
SECRET_DELETE: Final = "secret.delete"  # noqa: S105
SECRET_MODAL: Final = "modal.secret"  # noqa: S105
INPUT: Final = "value"
"""The action id of the one element in an input block."""

EDIT_MODAL: Final = "modal.edit"
REVISE_MODAL: Final = "modal.revise"
SKIP_MODAL: Final = "modal.skip"
REJECT_MODAL: Final = "modal.reject"
APPROVE_MODAL: Final = "modal.approve"
CONFIRM_MODAL: Final = "modal.confirm"
"""The callback id of the form for a code that confirms a decision."""
ASK_MODAL: Final = "modal.ask"
ANSWER_MODAL: Final = "modal.answer"
RATING_MODAL: Final = "modal.rating"
DETAILS_MODAL: Final = "modal.details"
REGISTER_MODAL: Final = "modal.register"
NEW_MODAL: Final = "modal.new"
"""The callback id of the choice among the templates of the gallery."""
ANSWERS_MODAL: Final = "modal.answers"
NEW_CHECK_MODAL: Final = "modal.new_check"
"""The callback id of the steps that come of the answers to a template."""
CHANGE_MODAL: Final = "modal.change"
"""The callback id of the choice of what to change in a workflow."""
STEP_MODAL: Final = "modal.step"
CHANGE_CHECK_MODAL: Final = "modal.change_check"
"""The callback id of the difference that a change of a step makes."""
FILE_MODAL: Final = "modal.file"
"""The callback id of the form with the whole file of a workflow."""
RUN_MODAL: Final = "modal.run"
TRY_MODAL: Final = "modal.try"
CHOICE_MODAL: Final = "modal.choice"
"""The callback id of the choice among the workflows that take a message."""
RESUME_MODAL: Final = "modal.resume"
SUCCESSION_MODAL: Final = "modal.succession"
AWAY_MODAL: Final = "modal.away"
PREFERENCES_MODAL: Final = "modal.preferences"
FILTER_MODAL: Final = "modal.filter"
SEVERAL_MODAL: Final = "modal.several"
PLAIN_MODAL: Final = "modal.plain"
"""The callback id of a modal that cannot be submitted: loading, an error, a confirmation."""
HOME: Final = "home"

REASON_BLOCK: Final = "reason"
CODE_BLOCK: Final = "code"
RATING_BLOCK: Final = "rating"
COMMENT_BLOCK: Final = "comment"
TEXT_BLOCK: Final = "text"
"""The input for a question or an answer."""
PERSON_BLOCK: Final = "person"
AWAY_BLOCK: Final = "away"
PLACE_BLOCK: Final = "place"
PASTE_BLOCK: Final = "paste"
UPLOAD_BLOCK: Final = "upload"
METADATA_EVENT: Final = "signoff_copy"
"""`event_type` of the message metadata in which a post of unknown outcome is found again."""

_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,150}")
_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""U+0000 as JSON spells it. No id of ours has one, and PostgreSQL stores none."""
_FIELD_BLOCK: Final = re.compile(r"field:([^/@]+)/([a-z0-9]*)@(\d+)")


def block_id(name: str, version: int) -> str:
    """Return a block id for this version of a message: Slack wants a new one for each update."""
    return f"{name}@{version}"


def field_key(name: str) -> str:
    """Return the name of a field for a block id; a long or unusual name becomes its hash."""
    if _PLAIN_NAME.fullmatch(name):
        return name
    return f"#{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def field_block(name: str, *, part: str = "", version: int = 0) -> str:
    """Return the block id of an input. The version in it keeps Slack from carrying typed text over to other content."""
    return f"field:{field_key(name)}/{part}@{version}"


def read_field_block(block: str) -> tuple[str, str] | None:
    """Return the field key and the part of an input's block id, or None for other blocks."""
    match = _FIELD_BLOCK.fullmatch(block)
    return (match[1], match[2]) if match else None


def option_key(value: str) -> str:
    """Return the value of an option for Slack: the value itself, or its hash if it is too long."""
    if len(value.encode("utf-16-le", "surrogatepass")) // 2 <= OPTION_VALUE:
        return value
    return f"#{hashlib.sha256(value.encode('utf-8', 'surrogatepass')).hexdigest()}"


# -- what travels -------------------------------------------------------------------------------------------

_Id: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]
_Digest: TypeAlias = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
_Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**31)]


SlackId: TypeAlias = Annotated[str, Meta(pattern="^[A-Z0-9]{1,40}$")]
"""The id of anything in Slack. `engine.domain.accounts.SLACK` tells people and channels from other things."""


class Ref(Struct, frozen=True, array_like=True, kw_only=True, forbid_unknown_fields=True, tag="q1"):
    """The request and content version that a button or modal is about. `delivery`: the clicked delivery, if any."""

    request: _Id
    content_version: _Count
    digest: _Digest
    delivery: _Id | None = None


class RunRef(Struct, frozen=True, array_like=True, kw_only=True, forbid_unknown_fields=True, tag="r1"):
    """The run that a button is about. `step`, `visit` and `attempt` name the call whose outcome it answers."""

    run: _Id
    delivery: _Id | None = None
    step: _Id | None = None
    visit: _Count | None = None
    attempt: _Count | None = None


class QuestionRef(Struct, frozen=True, array_like=True, kw_only=True, forbid_unknown_fields=True, tag="a1"):
    """The question that a button or modal is about. `delivery`: the clicked delivery, if any."""

    request: _Id
    question: _Id
    delivery: _Id | None = None


class MessageRef(Struct, frozen=True, array_like=True, kw_only=True, forbid_unknown_fields=True, tag="s1"):
    """The message that a run is started with. `thread`: the message that it replies to.

    `author`: an account, or the name of an app. `emoji` and `position`: the reaction, and its place among the triggers
    of the workflow. `workflow`: set in a button.
    """

    channel: SlackId
    ts: Annotated[str, Meta(pattern=r"^\d{1,12}\.\d{1,6}$")]
    thread: Annotated[str, Meta(pattern=r"^\d{1,12}\.\d{1,6}$")] | None = None
    author: Annotated[str, Meta(max_length=200)] = ""
    channel_name: Annotated[str, Meta(max_length=100)] = ""
    emoji: _Id | None = None
    position: _Count = 0
    workflow: _Id | None = None


class SecretRef(Struct, frozen=True, array_like=True, kw_only=True, forbid_unknown_fields=True, tag="k1"):
    """A secret, by its name and the workflow that it is for."""

    name: _Id
    workflow: _Id | None = None


class WorkflowRef(Struct, frozen=True, array_like=True, kw_only=True, forbid_unknown_fields=True, tag="w1"):
    """The workflow that a button is about. `version`: the one that it goes back to; `state`: the one that it sets.

    `base`: the version that was current when the button was shown.
    """

    workflow: _Id
    version: _Count = 0
    state: WorkflowState | None = None
    base: _Count = 0


_Cursor: TypeAlias = Annotated[str, Meta(min_length=1, max_length=120)]
_Day: TypeAlias = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
SEARCH: Final = 100
"""Characters of the words that App Home searches for."""
HOME_PAGES: Final = 10
"""Pages of App Home that can be turned back one by one. Turned back further, it begins at the first."""


class HomeRef(Struct, frozen=True, array_like=True, kw_only=True, forbid_unknown_fields=True, tag="h1"):
    """What App Home shows: its part, its filter and its page.

    `user`: the account of the person who started or decided. `since`, `until`: days, both included. `pages`: the
    cursors of this page and of those before it, but for the first.
    """

    part: InboxPart = InboxPart.NEEDS_YOU
    workflow: Annotated[str, Meta(max_length=200)] = ""
    user: SlackId | None = None
    state: RequestState | None = None
    since: _Day | None = None
    until: _Day | None = None
    search: Annotated[str, Meta(max_length=SEARCH)] = ""
    pages: Annotated[tuple[_Cursor, ...], Meta(max_length=HOME_PAGES)] = ()
    receipt: _Id | None = None
    """The request that the person has just decided in the tab."""

    @property
    def first(self) -> HomeRef:
        """The first page of the same."""
        return msgspec.structs.replace(self, pages=(), receipt=None)

    @property
    def read(self) -> HomeRef:
        """The same page, without the receipt."""
        return msgspec.structs.replace(self, receipt=None)

    @property
    def unfiltered(self) -> HomeRef:
        """The first page without the filter."""
        return HomeRef(part=self.part)

    def turned(self, cursor: str) -> HomeRef:
        """Return the next page, which begins at the cursor."""
        return msgspec.structs.replace(self, pages=(*self.pages, cursor)[-HOME_PAGES:], receipt=None)

    @property
    def turned_back(self) -> HomeRef:
        """The page before this one."""
        return msgspec.structs.replace(self, pages=self.pages[:-1], receipt=None)


class ModalRef(Struct, frozen=True, array_like=True, kw_only=True, forbid_unknown_fields=True, tag="m1"):
    """The private metadata of a modal: its subject, and the click that opened it.

    `response_url` updates the clicked copy at once, or answers where a command was typed. `workflow` and `version` are
    set in a form that starts a run.
    """

    ref: Ref | None = None
    channel: _Id | None = None
    message_ts: _Id | None = None
    response_url: Annotated[str, Meta(max_length=2_000)] | None = None
    page: _Count = 0
    workflow: _Id | None = None
    version: _Count = 0
    run: RunRef | None = None
    """The call that a form about a step is about."""
    challenge: _Id | None = None
    """The code that a form asks for."""
    question: QuestionRef | None = None
    """The question that a form is the answer to."""
    home: HomeRef | None = None
    """What App Home showed when the form was opened from it."""
    message: MessageRef | None = None
    """The message that a form starts a run with."""
    step: _Id | None = None
    """The step that a form changes; None: the workflow itself."""
    draft: dict[str, str] = {}
    """What a builder entered in the form below, by the name of the input."""
    seen: Annotated[str, Meta(max_length=64)] = ""
    """The hash of the file whose difference the builder has seen."""


_Travelling = TypeVar("_Travelling", Ref, RunRef, QuestionRef, MessageRef, ModalRef, HomeRef, SecretRef, WorkflowRef)


def encode(what: Ref | RunRef | QuestionRef | MessageRef | ModalRef | HomeRef | SecretRef | WorkflowRef) -> str:
    """Return the text of a button value or of private_metadata. A response_url that does not fit is left out."""
    longest = PRIVATE_METADATA if isinstance(what, ModalRef) else BUTTON_VALUE
    text = msgspec.json.encode(what).decode()
    if isinstance(what, ModalRef) and what.response_url and len(text) > longest:
        text = msgspec.json.encode(msgspec.structs.replace(what, response_url=None)).decode()
    if len(text) > longest:
        raise ValueError(f"These ids have {len(text)} characters; Slack carries {longest}.")
    return text


def decode_ref(text: object) -> Ref | None:
    """Return what `encode` wrote, or None if the text is of another version or kind, or damaged."""
    return _decode(text, Ref)


def decode_run(text: object) -> RunRef | None:
    """Return the reference to a run, or None; see `decode_ref`."""
    return _decode(text, RunRef)


def decode_question(text: object) -> QuestionRef | None:
    """Return the reference to a question, or None; see `decode_ref`."""
    return _decode(text, QuestionRef)


def decode_secret(text: object) -> SecretRef | None:
    """Return the reference to a secret, or None; see `decode_ref`."""
    return _decode(text, SecretRef)


def decode_message(text: object) -> MessageRef | None:
    """Return the reference to a message, or None; see `decode_ref`."""
    return _decode(text, MessageRef)


def decode_workflow(text: object) -> WorkflowRef | None:
    """Return the reference to a workflow, or None; see `decode_ref`."""
    return _decode(text, WorkflowRef)


def decode_modal(text: object) -> ModalRef | None:
    """Return the metadata of a modal, or None; see `decode_ref`."""
    return _decode(text, ModalRef)


def decode_home(text: object) -> HomeRef | None:
    """Return what App Home shows, or None; see `decode_ref`."""
    return _decode(text, HomeRef)


def _decode(text: object, kind: type[_Travelling]) -> _Travelling | None:
    longest = PRIVATE_METADATA if kind is ModalRef else BUTTON_VALUE
    if not isinstance(text, str) or len(text) > longest or _NUL.search(text):
        return None
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
