"""The result of several decisions that were made together: what was decided, and what was left out and why. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.presentation import questions, refusals
from engine.domain import Decided, Phrase, Refusal, Verdict
from engine.read_models import RequestView


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEntry:
    """One request of a batch. `why`: why it was left out, or nothing if it was decided."""

    request: str
    question: str
    why: Phrase = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """What became of a batch."""

    verdict: Verdict
    decided: tuple[BatchEntry, ...]
    left_out: tuple[BatchEntry, ...]

    @property
    def headline(self) -> str:
        """What was decided and what was not, as one or two sentences: "47 approved. 3 were left out."."""
        count, left = len(self.decided), len(self.left_out)
        first = f"{count:,} {_words(self.verdict)}." if count else f"None was {_words(self.verdict)}."
        return f"{first} {left:,} {'was' if left == 1 else 'were'} left out." if left else first


def result(verdict: Verdict, requests: Sequence[RequestView], answers: Sequence[Decided | Refusal]) -> BatchResult:
    """Return what became of these requests. `answers`: of the engine, in the same order."""
    entries = [_entry(request, answer) for request, answer in zip(requests, answers, strict=True)]
    return BatchResult(
        verdict=verdict,
        decided=tuple(entry for entry in entries if not entry.why),
        left_out=tuple(entry for entry in entries if entry.why),
    )


def _entry(request: RequestView, answer: Decided | Refusal) -> BatchEntry:
    why = refusals.phrase(answer) if isinstance(answer, Refusal) else ()
    return BatchEntry(request=request.id, question=questions.of_request(request), why=why)


def _words(verdict: Verdict) -> str:
    return "approved" if verdict is Verdict.APPROVE else "rejected"
