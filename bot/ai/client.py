"""The port `LanguageModel` over pydantic-ai's direct calls.

The library's agents are not used: they take the first of several answers, and accept one that was cut off. What it and
its client do by themselves is turned off: retries and waits, redirects, and settings that it would drop.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import httpx2
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.messages import (
    BinaryContent,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    UserContent,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIChatModelSettings
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider
from pydantic_ai.tools import ToolDefinition

from bot.ai import errors, prices
from engine.errors import StepError
from engine.language_model import Draft, DraftEnd, DraftOrder, DraftTurn, TokenPrices
from engine.redaction import Redactor

CONNECT_SECONDS: Final = 10.0
_ANSWER: Final = "answer"
"""The name of the function that a model calls to answer."""
_HIDDEN_KEY: Final = "(the key of the language model)"
_NO_KEY: Final = "none"
"""What is sent to a provider that needs no key: the client takes no empty one."""
_SENT: Final = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "content-type", "host", "user-agent"}
)
"""The headers of a call, beside the one with the key."""
_AS_WRITTEN: Final = OpenAIModelProfile(openai_supports_reasoning=False, openai_chat_send_back_thinking_parts=False)
"""Whether a model takes a temperature is for its provider to say: for some names the library would drop it."""


class _OneChoiceModel(OpenAIChatModel):
    """Refuses a completion that has no choice, where the library breaks, or several, where it takes the first."""

    def _validate_completion(self, response: ChatCompletion) -> Any:
        completion = super()._validate_completion(response)
        if len(completion.choices) != 1:
            raise UnexpectedModelBehavior(f"{len(completion.choices)} choices, and one was asked for")
        return completion


class PydanticAiClient:
    """Asks the models of one provider. `url`: its address.

    `prices`: the prices of models whose published ones are not known or do not count.
    """

    def __init__(
        self, *, key: str, url: str, default_model: str = "", prices: Mapping[str, TokenPrices] | None = None
    ) -> None:
        self._url, self._default_model, self._prices = url, default_model, prices or {}
        self._redactor = Redactor([(key, _HIDDEN_KEY)] if key else [])
        # The authorities of the system, as for email: by default the client fails at once if a file of them is empty.
        trust, timeout = ssl.create_default_context(), httpx2.Timeout(None, connect=CONNECT_SECONDS)
        hooks: dict[str, list[Callable[..., Any]]] = {"request": [partial(_send_only_what_is_needed, key)]}
        http = httpx2.AsyncClient(verify=trust, follow_redirects=False, timeout=timeout, event_hooks=hooks)
        self._client = AsyncOpenAI(api_key=key or _NO_KEY, base_url=self._url, max_retries=0, http_client=http)
        self._provider = OpenAICompatibleProvider("configured", openai_client=self._client)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.close()

    def name(self, model: str) -> str:
        return model or self._default_model

    def prices(self, model: str) -> TokenPrices | None:
        return prices.find(model, self._url, self._prices)

    async def draft(self, order: DraftOrder) -> Draft:
        name = self.name(order.model)
        if not name:
            raise StepError("No model is named: set SIGNOFF_AI_MODEL on the server, or write `model` in the step.")
        try:
            response = await model_request(
                _OneChoiceModel(name, provider=self._provider, profile=_AS_WRITTEN),
                _messages(order),
                model_settings=_settings(order),
                model_request_parameters=_parameters(order),
            )
            return self._draft(response, name)
        except StepError:
            raise
        except Exception as error:  # noqa: BLE001 the library raises what its own parts raise, an IndexError too
            failure = errors.step_error(error, name)
            # `from None`: the error of the library quotes what was sent.
            raise StepError(
                self._redactor.redact(str(failure)),
                retryable=failure.retryable,
                outcome_unknown=failure.outcome_unknown,
                retry_after=failure.retry_after,
            ) from None

    def _draft(self, response: ModelResponse, name: str) -> Draft:
        redact, usage = self._redactor.redact, response.usage
        is_known = not usage.unmeasured_requests
        read, written = (usage.input_tokens, usage.output_tokens) if is_known else (None, None)
        found = self.prices(response.model_name or name) or self.prices(name)
        return Draft(
            model=redact(response.model_name or name),
            answers=tuple(redact(answer) for answer in _answers(response)),
            end=_end(response),
            refusal=redact(str((response.provider_details or {}).get("refusal") or "")),
            input_tokens=read,
            output_tokens=written,
            cost=None if found is None or read is None or written is None else found.cost(read, written),
        )


async def _send_only_what_is_needed(key: str, request: httpx2.Request) -> None:
    """Send no header that the client takes from variables of the environment: those are for other programs."""
    for name in {*request.headers} - _SENT:
        del request.headers[name]
    if key:
        request.headers["authorization"] = f"Bearer {key}"


def _messages(order: DraftOrder) -> list[ModelMessage]:
    system = [SystemPromptPart(order.system)] if order.system else []
    messages: list[ModelMessage] = []
    for turn in order.turns:
        if turn.by_model:
            messages.append(ModelResponse(parts=[TextPart(turn.text)]))
        else:
            messages.append(ModelRequest(parts=[*system, UserPromptPart(_content(turn))]))
            system = []
    return messages


def _content(turn: DraftTurn) -> str | list[UserContent]:
    """Return a text, or a text with the files after it, each of which is named by its place."""
    if not turn.files:
        return turn.text
    files = [
        BinaryContent(file.data, media_type=file.type, identifier=f"file-{number}")
        for number, file in enumerate(turn.files, start=1)
    ]
    return [turn.text, *files]


def _settings(order: DraftOrder) -> OpenAIChatModelSettings:
    settings = OpenAIChatModelSettings(max_tokens=order.max_tokens, timeout=order.timeout.total_seconds())
    if order.temperature is not None:
        settings["temperature"] = float(order.temperature)
    return settings


def _parameters(order: DraftOrder) -> ModelRequestParameters:
    answer = ToolDefinition(
        name=_ANSWER,
        description="Give your answer. Call this exactly once.",
        parameters_json_schema=dict(order.schema),
        kind="output",
    )
    return ModelRequestParameters(output_mode="tool", output_tools=[answer], allow_text_output=False)


def _answers(response: ModelResponse) -> list[str]:
    """Return the answers: the calls of the function, or else the text, as some models write the JSON there."""
    calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
    if calls:
        # Its own method makes a JSON object of arguments that are none.
        return [part.args if isinstance(part.args, str) else part.args_as_json_str() for part in calls]
    text = "".join(part.content for part in response.parts if isinstance(part, TextPart)).strip()
    return [text] if text else []


def _end(response: ModelResponse) -> DraftEnd:
    details = response.provider_details or {}
    if response.finish_reason == "content_filter" or details.get("refusal"):
        return DraftEnd.REFUSED
    # `max_tokens` is what some providers say in the place of `length`.
    is_cut = response.finish_reason == "length" or details.get("finish_reason") in ("max_tokens", "model_length")
    return DraftEnd.CUT_OFF if is_cut else DraftEnd.COMPLETE
