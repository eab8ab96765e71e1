"""Checks of the language model: its library, its settings, and whether the provider answers. Asks no model anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import aiohttp

from bot.ai import setup
from bot.doctor.context import TIMEOUT, CheckContext, os_error_text
from bot.doctor.finding import CORRECT_SETTINGS, Finding, ok, problem, warning

_NEEDED: Final = frozenset({"ai_key", "ai_url", "ai_model", "ai_prices", "http_allow"})
_ADVICE: Final = "Check SIGNOFF_AI_URL, and that this machine may open connections to it."


async def language_model(context: CheckContext) -> AsyncIterator[Finding]:
    """Check that the models of the provider can be listed, if one is set up."""
    settings = context.settings
    if _NEEDED & context.unusable:
        yield warning(
            "model.provider", "The language model was not checked, because a setting is wrong.", CORRECT_SETTINGS
        )
        return
    missing = setup.missing(settings)
    if missing == setup.NOT_SET_UP:
        return
    if missing is not None:
        yield problem("model.provider", "The library for language models is missing.", "pip install 'signoff[ai]'")
        return
    if not settings.ai_model:
        yield warning(
            "model.provider",
            "SIGNOFF_AI_MODEL is not set, so each `ai` step has to name its model.",
            "Set it to the model that steps use by default.",
        )
    yield await _list_models(setup.address(settings), settings.ai_key.get_secret_value(), settings.ai_model)


async def _list_models(url: str, key: str, model: str) -> Finding:
    """Ask the provider for its models, which costs nothing."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            session.get(f"{url}/models", headers=headers, allow_redirects=False) as response,
        ):
            status, body = response.status, await response.json(content_type=None) if response.status == 200 else None
    except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError too.
        reason = os_error_text(error) if isinstance(error, OSError) else type(error).__name__
        return problem(
            "model.provider", f"The provider of language models at {url} does not answer ({reason}).", _ADVICE
        )
    if status in (401, 403):
        return problem(
            "model.provider", f"The provider at {url} does not accept the key ({status}).", "Set SIGNOFF_AI_KEY anew."
        )
    if status != 200:
        return warning("model.provider", f"The provider at {url} does not list its models ({status}).", _ADVICE)
    names = _names(body)
    if model and names and model not in names:
        advice = "Set SIGNOFF_AI_MODEL to one of its models."
        return warning("model.provider", f"The provider at {url} does not list the model {model}.", advice)
    return ok(
        "model.provider", f"The provider of language models at {url} answers, and accepts the key; no model was asked."
    )


def _names(body: Any) -> set[str]:
    """Return the names in a list of models, none if it has another form."""
    entries = body.get("data") if isinstance(body, dict) else None
    listed = entries if isinstance(entries, list) else []
    return {str(entry.get("id")) for entry in listed if isinstance(entry, dict)}


CHECKS: Final = (language_model,)
