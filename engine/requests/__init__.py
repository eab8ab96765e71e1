"""The request's rules, pure: what opens, who may decide what, what an edit may change, when a clock strikes.

Nothing here reads a clock or a table. `open_request` makes an `Opening`; `decide` answers a command with a `Ruling` or
a refusal; `due` says what time has brought. The caller writes the answer with a conditional update. Start at `asked`.
"""

from engine.requests.deadlines import UNSEEN_AFTER, Lapsed, Unanswered, Unseen, due, expiry, fall_back, next_check
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
    "UNSEEN_AFTER",
    "Edit",
    "Editable",
    "Lapsed",
    "Opening",
    "Request",
    "Ruling",
    "Scope",
    "Subject",
    "Unanswered",
    "Unseen",
    "apply_edits",
    "by_name",
    "clip",
    "decide",
    "due",
    "editable_fields",
    "expiry",
    "fall_back",
    "invalid_params",
    "is_account",
    "mentioned",
    "missing",
    "next_check",
    "open_request",
    "read_text_edits",
    "truth",
    "wanted",
]
