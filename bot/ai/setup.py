"""Sets up the language model from the settings, and says what is missing if there is none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Final

from bot.settings import Settings
from engine.language_model import LanguageModel

OPENAI_URL: Final = "https://api.openai.com/v1"
_LIBRARY: Final = "pydantic_ai"
NOT_SET_UP: Final = (
    "No language model is set up on this server: set SIGNOFF_AI_KEY and SIGNOFF_AI_MODEL, and SIGNOFF_AI_URL for "
    "another provider than OpenAI."
)
NOT_INSTALLED: Final = (
    "A language model is set up on this server, and the library for it is missing: pip install 'signoff[ai]'"
)


def address(settings: Settings) -> str:
    """Return the address of the provider."""
    return settings.ai_url or OPENAI_URL


def missing(settings: Settings) -> str | None:
    """Return what has to be done on this server before a language model can be asked, or None."""
    if not settings.ai_key and not settings.ai_url:
        return NOT_SET_UP
    return NOT_INSTALLED if find_spec(_LIBRARY) is None else None


@asynccontextmanager
async def open_language_model(settings: Settings) -> AsyncIterator[LanguageModel | None]:
    """Open the language model for the time of the body, or yield None if none is set up."""
    if missing(settings) is not None:
        yield None
        return
    # Imported here, because the library is optional, and takes a second to import.
    from bot.ai.client import PydanticAiClient

    client = PydanticAiClient(
        key=settings.ai_key.get_secret_value(),
        url=address(settings),
        default_model=settings.ai_model,
        prices=settings.model_prices,
    )
    try:
        yield client
    finally:
        await client.aclose()
