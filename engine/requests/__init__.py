"""The rules of a request, pure: opening it, deciding it, editing its content, and its deadlines.

Nothing here reads a clock or a table. `open_request` builds an `Opening`, `decide` returns a `Ruling` or a refusal, and
`Deadlines.due` returns the next thing to do. The caller saves each result with a conditional update. Start reading at
`model`.
"""

from engine.requests.deadlines import (
    LONGEST_PAUSE,
    UNDELIVERED_AFTER,
    Deadlines,
    NoResponse,
    NotDelivered,
    Overdue,
    PastDue,
    Reminder,
    Unanswered,
)
from engine.requests.decision import Ruling, check_open, decide
from engine.requests.edits import MAX_EDITED, apply_edits, editable_fields, missing, read_text_edits
from engine.requests.identification import meaning
from engine.requests.mentions import by_name, is_account, mentioned
from engine.requests.model import (
    REASON_LENGTH,
    ContentChange,
    Edit,
    Editable,
    Question,
    Rating,
    Request,
    Subject,
    clip,
    invalid_params,
    merged_edits,
)
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
from engine.requests.policy import ANY_ONE, Policy, Tally, Vote
from engine.requests.questions import (
    MAX_OPEN,
    QUESTION_LENGTH,
)
from engine.requests.separation import ALL_ALLOWED, OWNER_INSTEAD, Circle, Separation, circle
from engine.requests.stand_ins import (
    Absences,
    Replacement,
    after_return,
    all_away,
    away_until,
    delegate_of,
    replaced,
    successor,
)
from engine.requests.succession import (
    check_successor,
    names_of,
    newcomer,
    obstacle,
    open_places,
    places_of,
    rule_for,
    taken_back,
)

__all__ = [
    "ALL_ALLOWED",
    "ANY_ONE",
    "LONGEST_PAUSE",
    "MAX_EDITED",
    "MAX_NOTES",
    "MAX_OPEN",
    "NOTE_LENGTH",
    "OWNER_INSTEAD",
    "QUESTION_LENGTH",
    "REASON_LENGTH",
    "TITLE_LENGTH",
    "UNDELIVERED_AFTER",
    "Absences",
    "Circle",
    "ContentChange",
    "Deadlines",
    "Edit",
    "Editable",
    "NoResponse",
    "NotDelivered",
    "Opening",
    "Overdue",
    "PastDue",
    "Policy",
    "Question",
    "Rating",
    "Reminder",
    "Replacement",
    "Request",
    "Ruling",
    "Scope",
    "Separation",
    "Subject",
    "Tally",
    "Unanswered",
    "Vote",
    "after_return",
    "all_away",
    "apply_edits",
    "away_until",
    "by_name",
    "check_open",
    "check_successor",
    "circle",
    "clip",
    "decide",
    "delegate_of",
    "editable_fields",
    "invalid_params",
    "is_account",
    "meaning",
    "mentioned",
    "merged_edits",
    "missing",
    "names_of",
    "newcomer",
    "obstacle",
    "open_places",
    "open_request",
    "places_of",
    "read_text_edits",
    "replaced",
    "rule_for",
    "successor",
    "taken_back",
    "truth",
    "wanted",
]
