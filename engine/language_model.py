"""What a step of the kind `ai` asks of a language model, what it gets, and the record of each call. Pure values.

`LanguageModel` is the port: an adapter asks one model once, and neither waits nor asks again by itself. `ModelCalls`
keeps the record of the calls of one visit to a step, which budgets count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from engine.json_values import Value

MILLION: Final = 1_000_000
NOT_SET_UP: Final = "This server has no language model set up."


@dataclass(frozen=True, slots=True)
class DraftFile:
    """A file that a model gets: an image or a PDF. `type`: its media type."""

    name: str
    type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DraftTurn:
    """One text of a conversation, with files. `by_model`: whether the model wrote it, and not we."""

    text: str
    by_model: bool = False
    files: tuple[DraftFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftOrder:
    """One call of a model. `turns`: the prompt, and what followed if an answer could not be used.

    `model`: the name of the model, or an empty text for the default of the server. `schema`: the JSON Schema of the
    answer, an object. `max_tokens`: of the answer. `temperature`: None for that of the model.
    """

    turns: tuple[DraftTurn, ...]
    schema: Mapping[str, Value]
    max_tokens: int
    timeout: timedelta
    model: str = ""
    system: str = ""
    temperature: Decimal | None = None


class DraftEnd(Enum):
    """How the answer of a model ended."""

    COMPLETE = "complete"
    CUT_OFF = "cut_off"
    """It reached the limit of tokens, so a part is missing."""
    REFUSED = "refused"
    """The model, or a filter of its provider, did not want to answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a model answered. `answers`: each answer that it gave as JSON text; more than one may contradict each other.

    `model`: the model that answered. Tokens and `cost`, in US dollars, are None if they are not known.
    `refusal`: why it refused, in its words.
    """

    model: str
    answers: tuple[str, ...]
    end: DraftEnd = DraftEnd.COMPLETE
    refusal: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class TokenPrices:
    """The prices of a model, in US dollars for a million tokens that it reads and that it writes."""

    input: Decimal
    output: Decimal

    def cost(self, input_tokens: int, output_tokens: int) -> Decimal:
        """Return the price of so many tokens."""
        return (self.input * input_tokens + self.output * output_tokens) / MILLION


class LanguageModel(Protocol):
    """Asks language models for drafts; bound to a provider in the composition root."""

    def name(self, model: str) -> str:
        """Return the name of the model that is asked: `model`, or the default of the server, or an empty text."""

    def prices(self, model: str) -> TokenPrices | None:
        """Return the prices of a model, or None if they are not known."""

    async def draft(self, order: DraftOrder) -> Draft:
        """Ask a model once, and return what it answered, whether or not that can be used.

        Raises `StepError` if there is no answer. It never waits and never asks again: `retry_after` of the error is the
        wait that the provider wants. No key is in an answer or an error.
        """


class ModelCall(Struct, frozen=True, kw_only=True):
    """The record of one call of a model. `number` counts the calls of the visit, `attempt` those of the step.

    `answered_at` is None if there was no answer, or none that is known of: the process may have died. Then it counts
    with all the tokens that it may have written, `max_tokens`. `problem`: why the answer was not used, or is missing.
    """

    number: int
    attempt: int
    model: str
    max_tokens: int
    asked_at: datetime
    answered_at: datetime | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: Decimal | None = None
    problem: str | None = None

    @property
    def counted_tokens(self) -> int:
        """The tokens that a budget counts."""
        if self.input_tokens is None and self.output_tokens is None:
            return self.max_tokens
        return (self.input_tokens or 0) + (self.output_tokens or 0)

    def counted_cost(self, prices: TokenPrices) -> Decimal:
        """Return the cost that a budget counts, in US dollars."""
        if self.cost is not None:
            return self.cost
        if self.input_tokens is None and self.output_tokens is None:
            return prices.cost(0, self.max_tokens)
        return prices.cost(self.input_tokens or 0, self.output_tokens or 0)


class ModelCalls(Protocol):
    """The record of the calls of models in one visit to a step."""

    async def earlier(self) -> Sequence[ModelCall]:
        """Return all calls so far, those of attempts that failed or crashed too, the oldest first."""

    async def begin(self, model: str, max_tokens: int) -> int:
        """Write that a call is about to be made, and return its number.

        Raises `StepError` if another process works on the run by now: then it must not be made.
        """

    async def end(self, number: int, draft: Draft | None, problem: str | None) -> None:
        """Write what a call answered, and why the answer was not used, if so."""


class UnrecordedCalls:
    """Keeps the calls in memory only, for a step that runs outside of any run."""

    def __init__(self) -> None:
        self.calls: list[ModelCall] = []

    async def earlier(self) -> Sequence[ModelCall]:
        return tuple(self.calls)

    async def begin(self, model: str, max_tokens: int) -> int:
        number = len(self.calls) + 1
        self.calls.append(ModelCall(number=number, attempt=1, model=model, max_tokens=max_tokens, asked_at=_NO_TIME))
        return number

    async def end(self, number: int, draft: Draft | None, problem: str | None) -> None:
        self.calls[number - 1] = ended(self.calls[number - 1], draft, problem, _NO_TIME)


_NO_TIME: Final = datetime.min.replace(tzinfo=UTC)


def ended(call: ModelCall, draft: Draft | None, problem: str | None, now: datetime) -> ModelCall:
    """Return the record of a call with what it answered, if it did, and why that was not used, if so."""
    if draft is None:
        return replace(call, problem=problem)
    return replace(
        call,
        model=draft.model or call.model,
        answered_at=now,
        input_tokens=draft.input_tokens,
        output_tokens=draft.output_tokens,
        cost=draft.cost,
        problem=problem,
    )
