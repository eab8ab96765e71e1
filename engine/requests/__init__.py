"""The rules of a request, pure: opening it, deciding it, editing its content, and its deadlines.

Nothing here reads a clock or a table. `open_request` builds an `Opening`, `decide` returns a `Ruling` or a refusal, and
`Deadlines.due` returns the next thing to do. The caller saves each result with a conditional update. Start reading at
`model`.
"""

from engine.requests.deadlines import (
    UNDELIVERED_AFTER,
    Deadlines,
    NoResponse,
    NotDelivered,
    Overdue,
    PastDue,
    Reminder,
    Unanswered,
)
from engine.requests.decision import Ruling, decide
from engine.requests.edits import MAX_EDITED, Edit, apply_edits, editable_fields, missing, read_text_edits
from engine.requests.identification import meaning
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
    "Overdue",
    "PastDue",
    "Reminder",
    "Request",
    "Ruling",
    "Scope",
    "Subject",
    "Unanswered",
    "apply_edits",
    "by_name",
    "clip",
    "decide",
    "editable_fields",
    "invalid_params",
    "is_account",
    "meaning",
    "mentioned",
    "missing",
    "open_request",
    "read_text_edits",
    "truth",
    "wanted",
]
