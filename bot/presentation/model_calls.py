"""The calls of language models in words: which model, how much it read and wrote, and what that cost. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final

from bot.presentation.characters import line, visible
from engine.domain import Phrase
from engine.language_model import ModelCall

_PLACES: Final = Decimal("0.0001")


def lines(calls: tuple[ModelCall, ...]) -> Iterator[Phrase]:
    """Yield a line for each call, and one for all of them together if there are several."""
    for call in calls:
        yield tuple(_parts(call))
    if len(calls) > 1:
        yield (f"All {len(calls)} calls: {_used(*_sum(calls))}.",)


def _parts(call: ModelCall) -> Iterator[str | datetime]:
    yield call.answered_at or call.asked_at
    yield f" {outcome(call.model, call.problem, answered=call.answered_at is not None)}"
    if call.answered_at is not None:
        yield f" {_used(call.input_tokens, call.output_tokens, call.cost)}."


def outcome(model: str, problem: str | None, *, answered: bool) -> str:
    """Return what became of a call, as a sentence."""
    name = line(model) or "The model"
    if answered:
        return f"{name} answered, and the answer was not used: {visible(problem)}" if problem else f"{name} answered."
    return f"{name} gave no answer: {visible(problem)}" if problem else f"{name} was asked, and no answer is known."


def _used(read: int | None, written: int | None, cost: Decimal | None) -> str:
    """Return what was used: "1,234 tokens read, 56 written, cost 0.0021 USD"."""
    tokens = "tokens unknown" if read is None or written is None else f"{read:,} tokens read, {written:,} written"
    return f"{tokens}, cost {in_dollars(cost)}"


def in_dollars(cost: Decimal | None) -> str:
    """Return a cost in US dollars, at least to the cent."""
    if cost is None:
        return "unknown"
    rounded = cost.quantize(_PLACES) if cost == 0 or cost >= _PLACES else cost
    text = f"{rounded.normalize():f}"
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.ljust(2, '0')} USD"


def _sum(calls: tuple[ModelCall, ...]) -> tuple[int | None, int | None, Decimal | None]:
    """Return the sums of the calls that were answered, each None if one of them is not known."""
    answered = [call for call in calls if call.answered_at is not None]
    read, written = [call.input_tokens for call in answered], [call.output_tokens for call in answered]
    costs = [call.cost for call in answered]
    return (
        None if None in read else sum(filter(None, read)),
        None if None in written else sum(filter(None, written)),
        None if None in costs else sum(filter(None, costs), Decimal(0)),
    )
