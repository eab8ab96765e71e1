"""The rules of a request, pure: what opens, who may decide what, what an edit may change, and what is due when.

Nothing here reads a clock or a table. `open_request` makes an `Opening`; `decide` answers a command with a `Ruling` or
a refusal; `Deadlines.due` says what is due. The caller writes the answer with a conditional update. Start at `model`.
"""

from engine.requests.deadlines import UNDELIVERED_AFTER, Deadlines, NoResponse, NotDelivered, PastDue
from engine.requests.decision import Ruling, decide
from engine.requests.edits import MAX_EDITED, Edit, apply_edits, editable_fields, missing, read_text_edits
from engine.requests.mentions import by_name, is_account, mentioned
from engine.requests.model import REASON_LENGTH, Editable, Request, Subject, clip, invalid_params
from engine.requests.open_request import (
    MAX_NOTES,
    NOTE_LENGTH,
    TITLE_LENGTH,
    Opening,
    Scope,
    open_request,
    truth,
    wanted,
)

__all__ = [
    "MAX_EDITED",
    "MAX_NOTES",
    "NOTE_LENGTH",
    "REASON_LENGTH",
    "TITLE_LENGTH",
    "UNDELIVERED_AFTER",
    "Deadlines",
    "Edit",
    "Editable",
    "NoResponse",
    "NotDelivered",
    "Opening",
    "PastDue",
    "Request",
    "Ruling",
    "Scope",
    "Subject",
    "apply_edits",
    "by_name",
    "clip",
    "decide",
    "editable_fields",
    "invalid_params",
    "is_account",
    "mentioned",
    "missing",
    "open_request",
    "read_text_edits",
    "truth",
    "wanted",
]
