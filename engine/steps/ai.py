"""`ai`: asks a language model for the fields of its output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Self

import pydantic
from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, StrictInt, StrictStr, ValidationError, field_validator

from engine import fields, media_types
from engine.errors import InvalidValue, StepError
from engine.fields import Field, FieldType
from engine.file_storage import StepFiles
from engine.json_values import Value
from engine.language_model import NOT_SET_UP, DraftFile, DraftOrder, DraftTurn, LanguageModel, ModelCall, TokenPrices
from engine.ports import StepContext, StepServices, StepType
from engine.steps import ai_answers, step_files
from engine.steps.ai_answers import UsableAnswer, UselessAnswer
from engine.workflowfile.scalars import check_name
from engine.workflowfile.step_kinds import AI

MAX_PROMPT: Final = 400_000
"""Maximum length of a prompt, in characters."""
MAX_FIELDS: Final = 40
"""Maximum number of fields that one step asks for: people may have to review them in one form."""
SEEN: Final = frozenset({*media_types.IMAGES, media_types.PDF})
"""Media types of the files that a model can be given."""
_RESERVED: Final = frozenset({"error"})
"""Names after `steps.<id>` that the engine itself fills in."""


class DraftBudget(BaseModel):
    """What all calls of one visit together may use: `tokens`, read and written, and `cost`, in US dollars."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    tokens: Annotated[StrictInt, pydantic.Field(ge=1)] | None = None
    cost: Annotated[Decimal, pydantic.Field(gt=0)] | None = None


class AiParams(BaseModel):
    """What the model is asked. `tries`: how many answers it may give, until one fits. `max_tokens`: of one answer.

    `files`: images and PDFs that it gets together with the prompt.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    prompt: StrictStr = pydantic.Field(min_length=1, max_length=MAX_PROMPT)
    system: StrictStr = pydantic.Field(default="", max_length=MAX_PROMPT)
    model: StrictStr = pydantic.Field(default="", max_length=200)
    output: dict[str, Field] = pydantic.Field(min_length=1, max_length=MAX_FIELDS)
    max_tokens: Annotated[StrictInt, pydantic.Field(ge=1, le=1_000_000)] = 4_000
    temperature: Annotated[Decimal, pydantic.Field(ge=0, le=2)] | None = None
    tries: Annotated[StrictInt, pydantic.Field(ge=1, le=10)] = 3
    budget: DraftBudget = DraftBudget()
    files: tuple[Any, ...] = ()

    @field_validator("files", mode="before")
    @classmethod
    def _check_files(cls, files: object) -> object:
        references = step_files.checked(files)
        for file in references:
            if file["type"] not in SEEN:
                raise InvalidValue(f"must be images or PDFs, and “{file['name']}” is neither")
        return references

    @field_validator("output")
    @classmethod
    def _check_output(cls, output: dict[str, Field]) -> dict[str, Field]:
        for name, field in output.items():
            check_name(name, "The name of a field")
            if name in _RESERVED:
                raise InvalidValue(f"the name {name} is taken; call the field something else")
            if field.type is FieldType.FILE:
                raise InvalidValue(f"{name} cannot be a file: a language model writes text and numbers")
            try:
                fields.check_declaration(field)
            except ValidationError as error:
                raise InvalidValue(f"{name}: {error.errors()[0]['ctx']['error']}") from None
        return output


class AiStep(StepType[AiParams]):
    """Asks a language model. Output: the fields that `output` declares."""

    name: ClassVar[str] = AI
    Params: ClassVar[type[BaseModel]] = AiParams
    literal_params: ClassVar[frozenset[str]] = frozenset({"output", "model"})
    technical_names: ClassVar[frozenset[str]] = frozenset(AiParams.model_fields) - {"prompt", "system", "files"}

    def __init__(
        self, model: LanguageModel | None = None, missing: str = NOT_SET_UP, files: StepFiles | None = None
    ) -> None:
        self._model, self._missing, self._files = model, missing, files

    @classmethod
    def create(cls, services: StepServices) -> Self:
        """Return the step type that asks the language model of these services."""
        return cls(services.language_model, services.no_language_model, services.files)

    def outputs(self, params: Mapping[str, Value]) -> frozenset[str]:
        output = params.get("output")
        return frozenset(output) if isinstance(output, dict) else frozenset()

    def output_fields(self, params: Mapping[str, Value]) -> Mapping[str, Field]:
        output = params.get("output")
        read = {name: _field(value) for name, value in output.items()} if isinstance(output, dict) else {}
        return {name: field for name, field in read.items() if field is not None}

    def content(self, params: Mapping[str, Value]) -> Mapping[str, Field | None]:
        """Return the texts that the model gets as editable."""
        return {name: Field(type=FieldType.LONG_TEXT) for name in ("prompt", "system") if name in params}

    def idempotent(self, params: Mapping[str, Value]) -> bool:  # noqa: ARG002
        return True

    def missing(self, params: Mapping[str, Value]) -> str | None:
        """Return what to set up: a model, its name, or its prices if they are to be kept."""
        if self._model is None:
            # Empty where a file is only checked, on a machine that has a model set up.
            return self._missing or None
        model = params.get("model")
        name = self._model.name(model if isinstance(model, str) else "")
        if not name:
            return "Set SIGNOFF_AI_MODEL on the server, or write `model` in the step."
        budget = params.get("budget")
        limits_cost = isinstance(budget, dict) and budget.get("cost") is not None
        return _unknown_prices(name) if limits_cost and self._model.prices(name) is None else None

    async def run(self, params: AiParams, context: StepContext) -> Mapping[str, object]:
        if self._model is None:
            raise StepError(f"No language model can be asked. {self._missing}")
        opened = await step_files.open_files(self._files, params.files, context)
        files = tuple(DraftFile(file.reference.name, file.reference.type, file.data) for file in opened)
        conversation = _Conversation(self._model, params, context, files)
        answer: UsableAnswer | UselessAnswer | None = None
        for _ in range(params.tries):
            answer = await conversation.ask()
            if isinstance(answer, UsableAnswer):
                return answer.output
            if not answer.ask_again:
                raise StepError(answer.why, retryable=not answer.final)
        assert isinstance(answer, UselessAnswer)
        tries = "its answer" if params.tries == 1 else f"the last of {params.tries} answers"
        raise StepError(f"The model did not give what was asked; about {tries}: {answer.why}", retryable=True)


class _Conversation:
    """The calls of one attempt of the step: each answer that does not fit is followed by the reason."""

    def __init__(
        self, model: LanguageModel, params: AiParams, context: StepContext, files: tuple[DraftFile, ...]
    ) -> None:
        self._model, self._params, self._context = model, params, context
        self._turns: tuple[DraftTurn, ...] = (DraftTurn(params.prompt, files=files),)
        self._name = model.name(params.model)

    async def ask(self) -> UsableAnswer | UselessAnswer:
        """Ask once within the budget, and write the call to the record. Raises `StepError`."""
        params, calls = self._params, self._context.model_calls
        prices = self._model.prices(self._name)
        max_tokens = _affordable(params, await calls.earlier(), prices, self._name)
        number = await calls.begin(self._name, max_tokens)
        order = DraftOrder(
            turns=self._turns,
            schema=fields.object_schema(params.output),
            max_tokens=max_tokens,
            timeout=self._context.timeout,
            model=self._name,
            system=params.system,
            temperature=params.temperature,
        )
        try:
            draft = await self._model.draft(order)
        except StepError as error:
            await calls.end(number, None, self._context.redact(str(error)))
            raise
        answer = ai_answers.read_answer(params.output, draft, max_tokens=max_tokens)
        if isinstance(answer, UsableAnswer):
            await calls.end(number, draft, None)
            return answer
        answer = replace(answer, why=self._context.redact(answer.why))
        await calls.end(number, draft, answer.why)
        said = DraftTurn(ai_answers.quoted(draft.answers), by_model=True)
        self._turns = (*self._turns, said, DraftTurn(ai_answers.complaint(answer)))
        return answer


def _affordable(params: AiParams, earlier: Sequence[ModelCall], prices: TokenPrices | None, model: str) -> int:
    """Return how many tokens the next answer may have. Raises `StepError` if the budget is used up."""
    budget, most = params.budget, params.max_tokens
    if budget.tokens is not None:
        left = budget.tokens - sum(call.counted_tokens for call in earlier)
        if left <= 0:
            raise StepError(f"The budget of this step is used up: {budget.tokens:,} tokens in {_calls(earlier)}.")
        most = min(most, left)
    if budget.cost is None:
        return most
    if prices is None:
        raise StepError(_unknown_prices(model))
    spare = budget.cost - sum((call.counted_cost(prices) for call in earlier), Decimal(0))
    affordable = most if not prices.output else int(spare * 1_000_000 / prices.output)
    if spare <= 0 or affordable < 1:
        raise StepError(f"The budget of this step is used up: {budget.cost:f} US dollars in {_calls(earlier)}.")
    return min(most, affordable)


def _calls(earlier: Sequence[ModelCall]) -> str:
    return "1 call" if len(earlier) == 1 else f"{len(earlier)} calls"


def _unknown_prices(model: str) -> str:
    return (
        f"The prices of the model {model} are not known, so its cost cannot be limited. "
        "Set SIGNOFF_AI_PRICES on the server, or delete `cost` from the budget."
    )


def _field(declaration: Value) -> Field | None:
    try:
        return Field.model_validate(declaration)
    except ValidationError:
        return None
