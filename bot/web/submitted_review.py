"""The form of a review as a person submitted it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import FormData

from bot.web import form_data, service
from bot.web.review_view import TypedReview
from bot.web.service import ReviewVisit
from engine import json_values
from engine.domain import Decide, FormDraft, RequestState, Verdict
from engine.json_values import Value
from engine.read_models import RequestView

REASON: Final = "reason"
"""The name of the field for the reason. A form is without it until a button that needs it was pressed."""
VERDICT: Final = "verdict"
"""The name of the buttons that decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedReview:
    """A submitted form. `salt`: its single-use key. `edits`, and sentences in `wrong`: by dotted path."""

    visit: ReviewVisit
    form: FormData
    salt: str
    verdict: Verdict
    edits: dict[str, Value]
    wrong: dict[str, str]

    @property
    def typed(self) -> TypedReview:
        """Return what was typed."""
        return typed_in(self.form)

    @property
    def draft(self) -> FormDraft:
        """Return the form as it was typed, to come back to it."""
        view = self.visit.request
        typed = {**form_data.content_values(self.form), REASON: (self.typed.reason,), VERDICT: (self.verdict.value,)}
        return FormDraft(about=view.id, run=view.run, digest=view.model.digest, typed=typed)

    @property
    def command(self) -> Decide:
        """Return the command to decide with this form."""
        number = form_data.text(self.form, "content_version")
        return service.decision(
            self.visit,
            self.verdict,
            content_version=int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else 0,
            digest=form_data.text(self.form, "digest"),
            edits=self.edits,
            reason=self.typed.reason,
            form=self.salt,
        )


def typed_in(form: FormData, **wrong: Any) -> TypedReview:
    """Return what was typed in a form. `wrong`: fields that say what is wrong with it."""
    return TypedReview(
        raws=form_data.content_values(form), reason=form_data.text(form, REASON).replace("\r\n", "\n"), **wrong
    )


def is_as_sent(request: RequestView, sent: SubmittedReview) -> bool:
    """Return whether the decision is that of this form: after a step back, one form may be sent with two verdicts."""
    if (request.model.state is RequestState.APPROVED) is not (sent.verdict is Verdict.APPROVE):
        return False
    if (request.model.state is RequestState.CHANGES_REQUESTED) is not (sent.verdict is Verdict.REVISE):
        return False
    if (request.model.state is RequestState.SKIPPED) is not (sent.verdict is Verdict.SKIP):
        return False
    if request.decision is None or sent.verdict in (Verdict.SKIP, Verdict.REJECT):
        return True
    after = {json_values.show_path(edit.path): edit.after for edit in request.decision.edits}
    content = request.model.content.value
    stands = {
        name: after.get(name, json_values.look(content, json_values.read_path(name, content))) for name in sent.edits
    }
    return stands == sent.edits and after.keys() <= sent.edits.keys()
