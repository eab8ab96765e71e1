"""Whether Slack takes what we show: it looks at examples, and shows them to nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import aiohttp

from bot.doctor import samples, slack_call
from bot.doctor.context import Case
from bot.doctor.finding import Finding, ok, problem, warning
from bot.doctor.slack_call import ApiResponse

_UNKNOWN: Final = frozenset({"unknown_method", "method_deprecated", "deprecated_endpoint"})


async def validate(session: aiohttp.ClientSession, case: Case, token: str) -> AsyncIterator[Finding]:
    """https://docs.slack.dev/reference/methods/blocks.validate: one by one, up to the first that gets no verdict."""
    names: list[str] = []
    failed = False
    for name, kind, given in samples.all_of(case.clock.now()):
        answer = await slack_call.ask(session, case, "blocks.validate", token, **{kind: given})
        if answer.ok:
            names.append(name)
        elif (answer.code or "").startswith("invalid_"):
            failed = True
            yield problem(
                "slack.blocks",
                f"Slack would not take {name}: {_why(answer.data, answer.code)}.",
                "Please report it with this line; the minimal message is shown in its place.",
            )
        else:
            yield _without_verdict(answer, name)
            return
    if not failed:
        yield ok("slack.blocks", f"Slack takes {', '.join(names)}.")


def _without_verdict(answer: ApiResponse, name: str) -> Finding:
    if answer.code in _UNKNOWN:
        return warning(
            "slack.blocks",
            "This Slack does not offer blocks.validate, so our messages were not looked at.",
            "Start a run that asks you for something, and see that the request appears.",
        )
    return answer.finding("slack.blocks", f"What {name} looks like")


def _why(data: Mapping[str, Any], code: str | None) -> str:
    """Slack's own words, which quote nothing but our example."""
    errors = data.get("errors")
    found = errors if isinstance(errors, list) else []
    told = [f"{one.get('pointer', '')} {one.get('message', '')}".strip() for one in found if isinstance(one, dict)]
    return "; ".join(told[:3]) or str(code)
