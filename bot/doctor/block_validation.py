"""Check that Slack accepts our messages and views: it validates examples and shows them to no one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import aiohttp

from bot.doctor import samples, slack_call
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding, ok, problem, warning
from bot.doctor.slack_call import ApiResponse

_UNKNOWN: Final = frozenset({"unknown_method", "method_deprecated", "deprecated_endpoint"})


async def validate(session: aiohttp.ClientSession, context: CheckContext, token: str) -> AsyncIterator[Finding]:
    """Validate each sample, until one call gives no verdict.

    https://docs.slack.dev/reference/methods/blocks.validate
    """
    accepted: list[str] = []
    failed = False
    for name, kind, sample in samples.build_samples(context.clock.now()):
        response = await slack_call.call_method(session, context, "blocks.validate", token, **{kind: sample})
        if response.ok:
            accepted.append(name)
        elif (response.code or "").startswith("invalid_"):
            failed = True
            yield problem(
                "slack.blocks",
                f"Slack would not accept {name}: {_error_text(response.data, response.code)}.",
                "Please report it with this line; people see the minimal message instead.",
            )
        else:
            yield _no_verdict(response, name)
            return
    if not failed:
        yield ok("slack.blocks", f"Slack accepts {', '.join(accepted)}.")


def _no_verdict(response: ApiResponse, name: str) -> Finding:
    if response.code in _UNKNOWN:
        return warning(
            "slack.blocks",
            "This Slack does not offer blocks.validate, so our messages were not checked.",
            "Start a run that asks you for something, and check that the request appears.",
        )
    return response.finding("slack.blocks", f"The layout of {name}")


def _error_text(data: Mapping[str, Any], code: str | None) -> str:
    """Return Slack's own text, which quotes only our sample."""
    errors = data.get("errors")
    objects = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    texts = [f"{error.get('pointer', '')} {error.get('message', '')}".strip() for error in objects]
    return "; ".join(texts[:3]) or str(code)
