"""A language model for tests: our client, and the local provider that it asks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.ai.client import PydanticAiClient
from bot.devtools.language_model import KEY, MODEL, ModelService, RecordedAnswer, load_answers, run_model_service
from engine.language_model import TokenPrices

ANSWERS = Path(__file__).parents[2] / "templates" / "answers"


@dataclass(frozen=True, slots=True)
class Writer:
    """The client and its provider."""

    client: PydanticAiClient
    service: ModelService

    def answers(self, answer: dict[str, Any], *when: str) -> None:
        """Record what the model answers from now on, to prompts with these texts."""
        self.service.answers = [RecordedAnswer(when=when, answer=answer)]


def recorded(template: str) -> list[RecordedAnswer]:
    """Return the answers that were recorded for a ready-made workflow."""
    return load_answers(ANSWERS / f"{template}.json")


@dataclass(frozen=True, slots=True)
class ThreadedProvider:
    """A local provider that runs in a thread of its own, for tests of processes."""

    service: ModelService


@contextmanager
def open_threaded_provider(answers: Sequence[RecordedAnswer]) -> Iterator[ThreadedProvider]:
    """Run a provider while the body runs, with an event loop in another thread."""
    opened: Future[ModelService] = Future()

    async def serve() -> None:
        async with run_model_service(answers) as service:
            opened.set_result(service)
            await asyncio.to_thread(closing.wait)

    closing = threading.Event()
    thread = threading.Thread(target=asyncio.run, args=(serve(),), name="language model")
    thread.start()
    try:
        yield ThreadedProvider(opened.result(timeout=60))
    finally:
        closing.set()
        thread.join()


@asynccontextmanager
async def open_writer(
    answers: Sequence[RecordedAnswer] = (), prices: dict[str, TokenPrices] | None = None
) -> AsyncIterator[Writer]:
    """Run the local provider, and open a client of it."""
    async with run_model_service(answers) as service:
        client = PydanticAiClient(key=KEY, url=service.url, default_model=MODEL, prices=prices)
        try:
            yield Writer(client, service)
        finally:
            await client.aclose()
