"""The contract of every language model. A new adapter adds one line to `PROVIDERS`; each has a real local provider."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import logging
import time
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import pytest

from bot.ai.client import PydanticAiClient
from bot.ai.setup import OPENAI_URL
from bot.devtools.language_model import KEY, MODEL, ModelService, RecordedAnswer, run_model_service
from engine.errors import StepError
from engine.language_model import DraftEnd, DraftFile, DraftOrder, DraftTurn, LanguageModel, TokenPrices
from tests.unit.engine.test_media_types import png

ANSWER: Final = {"subject": "Hello", "body": "Dear Ann,\nhello."}
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"subject": {"type": "string"}, "body": {"type": "string"}},
    "required": ["subject", "body"],
    "additionalProperties": False,
}
ORDER: Final = DraftOrder(
    turns=(DraftTurn("Write to Ann."),), schema=SCHEMA, max_tokens=1_000, timeout=timedelta(seconds=20)
)
PRICES: Final = TokenPrices(Decimal("0.25"), Decimal(2))


@dataclass(frozen=True)
class Provider:
    """An adapter, and the local provider that it asks."""

    model: LanguageModel
    service: ModelService


@asynccontextmanager
async def pydantic_ai() -> AsyncIterator[Provider]:
    async with run_model_service([RecordedAnswer(when=("Ann",), answer=ANSWER)]) as service:
        client = PydanticAiClient(key=KEY, url=service.url, default_model=MODEL, prices={MODEL: PRICES})
        yield Provider(client, service)
        await client.aclose()


PROVIDERS: Final[dict[str, Callable[[], AbstractAsyncContextManager[Provider]]]] = {"pydantic-ai": pydantic_ai}


@pytest.fixture(params=PROVIDERS)
async def provider(request: pytest.FixtureRequest) -> AsyncIterator[Provider]:
    async with PROVIDERS[request.param]() as opened:
        yield opened


def test_every_adapter_is_in_the_suite() -> None:
    methods = {name for name, _ in inspect.getmembers(LanguageModel, inspect.isfunction) if not name.startswith("_")}
    assert methods == {"name", "prices", "draft"}


async def test_an_answer_comes_with_the_model_its_tokens_and_their_cost(provider: Provider) -> None:
    draft = await provider.model.draft(ORDER)
    assert [json.loads(answer) for answer in draft.answers] == [ANSWER]
    assert (draft.model, draft.end) == (MODEL, DraftEnd.COMPLETE)
    assert draft.input_tokens
    assert draft.output_tokens
    assert draft.cost == PRICES.cost(draft.input_tokens, draft.output_tokens)


async def test_the_provider_gets_what_the_order_says_and_nothing_more(provider: Provider) -> None:
    turns = (DraftTurn("Write to Ann."), DraftTurn("{}", by_model=True), DraftTurn("Once more."))
    order = replace(ORDER, turns=turns, system="Be brief.", temperature=Decimal("0.2"), max_tokens=77)
    await provider.model.draft(order)
    (call,) = provider.service.calls
    assert [(message["role"], message["content"]) for message in call["messages"]] == [
        ("system", "Be brief."),
        ("user", "Write to Ann."),
        ("assistant", "{}"),
        ("user", "Once more."),
    ]
    assert call["model"] == MODEL
    assert call["temperature"] == 0.2
    assert call.get("max_completion_tokens", call.get("max_tokens")) == 77
    assert call["tools"][0]["function"]["parameters"]["properties"] == SCHEMA["properties"]
    assert call.get("stream") in (None, False)


async def test_the_provider_gets_images_and_pdfs_with_the_first_text(provider: Provider) -> None:
    files = (
        DraftFile("photo.png", "image/png", png()),
        DraftFile("Rechnung „März“.pdf", "application/pdf", b"%PDF-1.7 " + b"a" * 3_000_000),
    )
    turns = (DraftTurn("Write to Ann.", files=files), DraftTurn("{}", by_model=True), DraftTurn("Once more."))
    await provider.model.draft(replace(ORDER, turns=turns))
    (call,) = provider.service.calls
    first, _, last = call["messages"]
    assert last["content"] == "Once more."
    sent = [part.get("image_url", {}).get("url") or part.get("file", {}).get("file_data") for part in first["content"]]
    assert sent[0] is None
    assert [base64.b64decode(url.partition(",")[2]) for url in sent[1:]] == [file.data for file in files]


async def test_a_provider_that_does_not_take_a_file_says_so(provider: Provider) -> None:
    turns = (DraftTurn("Write to Ann.", files=(DraftFile("a.png", "image/png", b"no image"),)),)
    with pytest.raises(StepError) as caught:
        await provider.model.draft(replace(ORDER, turns=turns))
    assert not caught.value.retryable


async def test_variables_that_are_for_other_programs_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "API_KEY", "ADMIN_KEY", "ORG_ID", "PROJECT_ID", "BASE_URL", "CUSTOM_HEADERS":
        monkeypatch.setenv(f"OPENAI_{name}", "http://127.0.0.1:9/other")
    for open_provider in PROVIDERS.values():
        async with open_provider() as provider:
            assert (await provider.model.draft(ORDER)).answers
            (headers,) = provider.service.headers
            assert headers["authorization"] == f"Bearer {KEY}"
            assert "other" not in str(headers)


@pytest.mark.parametrize("name", ["gpt-5-mini", "o4-mini", "claude-sonnet-4-5", "vendor/model", "gpt-oss:20b"])
async def test_a_temperature_is_sent_whatever_the_name_of_the_model_is(provider: Provider, name: str) -> None:
    provider.service.models = frozenset({name})
    await provider.model.draft(replace(ORDER, model=name, temperature=Decimal("0.5")))
    assert provider.service.calls[0]["temperature"] == 0.5


@pytest.mark.parametrize("kind", ["two", "twice"])
async def test_all_answers_are_returned_and_none_is_chosen(provider: Provider, kind: str) -> None:
    provider.service.fault(kind)
    draft = await provider.model.draft(ORDER)
    first, second = (json.loads(answer) for answer in draft.answers)
    assert (first == second) is (kind == "twice")


async def test_an_answer_in_the_text_counts(provider: Provider) -> None:
    provider.service.fault("text")
    draft = await provider.model.draft(ORDER)
    assert len(draft.answers) == 1
    assert "Dear Ann" in draft.answers[0]


async def test_an_answer_that_is_no_json_is_returned_as_it_is(provider: Provider) -> None:
    provider.service.fault("invalid")
    (answer,) = (await provider.model.draft(ORDER)).answers
    assert answer == json.dumps(ANSWER)[:-1]


@pytest.mark.parametrize(
    ("kind", "end", "answers"),
    [
        ("cut_off", DraftEnd.CUT_OFF, 1),
        ("null", DraftEnd.COMPLETE, 0),
        ("invalid", DraftEnd.COMPLETE, 1),
        ("refusal", DraftEnd.REFUSED, 0),
        ("filtered", DraftEnd.REFUSED, 0),
    ],
)
async def test_an_answer_that_cannot_be_used_says_so(
    provider: Provider, kind: str, end: DraftEnd, answers: int
) -> None:
    provider.service.fault(kind)
    draft = await provider.model.draft(ORDER)
    assert (draft.end, len(draft.answers)) == (end, answers)
    assert draft.refusal == ("I cannot help with that." if kind == "refusal" else "")
    assert draft.output_tokens is not None


async def test_an_answer_is_cut_off_at_its_limit(provider: Provider) -> None:
    draft = await provider.model.draft(replace(ORDER, max_tokens=3))
    assert draft.end is DraftEnd.CUT_OFF


async def test_tokens_that_the_provider_does_not_count_are_unknown(provider: Provider) -> None:
    provider.service.fault("no_usage")
    draft = await provider.model.draft(ORDER)
    assert (draft.input_tokens, draft.output_tokens, draft.cost) == (None, None, None)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What a failed call is for the step."""

    says: str
    retryable: bool = True
    unknown: bool = False
    retry_after: float | None = None


FAILURES: Final[dict[str, tuple[dict[str, Any], Failure]]] = {
    "limited": ({"kind": "limited", "seconds": 3600}, Failure(says="it asks to wait 3,600 seconds", retry_after=3600)),
    "limited for ever": ({"kind": "limited", "seconds": 9e9}, Failure(says="86,400 seconds", retry_after=86400)),
    "no credit": ({"kind": "no_credit"}, Failure(says="has no credit left", retryable=False)),
    "too long": ({"kind": "too_long"}, Failure(says="The prompt is too long", retryable=False)),
    "refused": ({"kind": "status", "status": 400}, Failure(says="refused the call", retryable=False)),
    "forbidden": ({"kind": "status", "status": 403}, Failure(says="does not accept the key", retryable=False)),
    "moved": ({"kind": "status", "status": 307}, Failure(says="answered 307", retryable=False)),
    "broken": ({"kind": "status", "status": 500}, Failure(says="failed (500)")),
    "overloaded": ({"kind": "status", "status": 503}, Failure(says="failed (503)")),
    "a page": ({"kind": "page"}, Failure(says="an answer that cannot be read")),
    "no choices": ({"kind": "no_choices"}, Failure(says="an answer that cannot be read")),
    "two choices": ({"kind": "two_choices"}, Failure(says="an answer that cannot be read")),
    "hung up": ({"kind": "reset"}, Failure(says="closed the connection without an answer", unknown=True)),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_a_failure_says_what_happened_at_once(provider: Provider, name: str) -> None:
    fault, expected = FAILURES[name]
    provider.service.fault(**fault, times=None)
    began = time.monotonic()
    with pytest.raises(StepError) as failed:
        await provider.model.draft(ORDER)
    assert time.monotonic() - began < 5
    assert len(provider.service.calls) == 1, "it is asked once: to try again is for the step to say"
    error = failed.value
    assert expected.says in str(error)
    assert (error.retryable, error.outcome_unknown) == (expected.retryable, expected.unknown)
    assert error.retry_after == (None if expected.retry_after is None else timedelta(seconds=expected.retry_after))


async def test_a_key_that_is_not_accepted_is_named_by_its_setting(provider: Provider) -> None:
    provider.service.key = "another-key"
    with pytest.raises(StepError, match="SIGNOFF_AI_KEY") as failed:
        await provider.model.draft(ORDER)
    assert not failed.value.retryable


async def test_an_unknown_model_is_named(provider: Provider) -> None:
    with pytest.raises(StepError, match="does not know the model nothing-like-it") as failed:
        await provider.model.draft(replace(ORDER, model="nothing-like-it"))
    assert not failed.value.retryable


async def test_a_provider_that_is_not_there_was_not_asked(provider: Provider) -> None:
    client = PydanticAiClient(key=KEY, url="http://127.0.0.1:9/v1", default_model=MODEL)
    with pytest.raises(StepError, match="cannot be reached") as failed:
        await client.draft(ORDER)
    assert (failed.value.retryable, failed.value.outcome_unknown) == (True, False)
    await client.aclose()


async def test_a_slow_answer_is_given_up_when_the_step_is(provider: Provider) -> None:
    provider.service.fault("slow", seconds=30)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await provider.model.draft(ORDER)
    assert (await provider.model.draft(ORDER)).answers


@pytest.mark.parametrize("fault", [{"kind": "status", "status": 500}, {"kind": "echo"}, {"kind": "limited"}])
async def test_the_key_is_in_no_answer_no_error_and_no_log(
    provider: Provider, caplog: pytest.LogCaptureFixture, fault: dict[str, Any]
) -> None:
    caplog.set_level(logging.INFO)
    provider.service.fault(**fault)
    try:
        seen = str(await provider.model.draft(ORDER))
    except StepError as error:
        seen = "".join(traceback.format_exception(error))
    assert KEY not in seen + caplog.text
    assert "Dear Ann" not in caplog.text


def test_the_published_prices_count_where_none_are_set() -> None:
    client = PydanticAiClient(key=KEY, url=OPENAI_URL, default_model="gpt-5-mini", prices={"mine": PRICES})
    published = client.prices("gpt-5-mini")
    assert published is not None
    assert Decimal(0) < published.input < published.output < 100
    assert client.prices("mine") == PRICES
    assert client.prices("a-model-that-no-one-sells") is None
    assert client.name("") == "gpt-5-mini"
    assert client.name("mine") == "mine"
