"""`requires_approval`: a function that runs only with approved arguments, once, and whose outcome is reported."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any, Final, ParamSpec, TypeVar, cast

from signoff import json_text
from signoff.approval import SyncApproval, warn_unreported
from signoff.client import AsyncClient, Client
from signoff.errors import NotJson, SignoffError, UnclearAnswer
from signoff.questions import Duration, Editable

P = ParamSpec("P")
R = TypeVar("R")
_OWNERS: Final = frozenset({"self", "cls"})


def requires_approval(
    title: str | None = None,
    *,
    editable: Editable = False,
    risk: str | None = None,
    summary: str | None = None,
    tool: str | None = None,
    server: str | None = None,
    workflow: str | None = None,
    expires_in: Duration | None = None,
    give_up_after: float | None = None,
    leave_out: Collection[str] = (),
    key: Callable[..., str] | None = None,
    url: str | None = None,
    api_key: str | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator: a call of the function asks first, and runs with the approved arguments, exactly once.

    It never runs on a rejection, an expiry, a lost connection or an unclear answer: those raise a `SignoffError`.
    `title` may contain arguments: "Refund {amount}". The arguments in `leave_out` are passed as they are and not shown,
    for example a session. `key` is called with the arguments and names the call, so that a restarted program continues
    its ask and never runs it twice.
    """
    if callable(title):
        raise TypeError("Write the decorator with parentheses: @requires_approval().")
    options = {
        "editable": editable, "risk": risk, "summary": summary, "tool": tool, "server": server, "workflow": workflow,
        "expires_in": expires_in, "give_up_after": give_up_after,
    }  # fmt: skip

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        guarded = _Guarded.of(function, title, frozenset(leave_out), key)
        if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__):
            run = _asynchronous(function, guarded, AsyncClient(url, api_key), options)
        else:
            run = _blocking(function, guarded, Client(url, api_key), options)
        return cast("Callable[P, R]", run)

    return decorate


def _asynchronous(function: Any, guarded: _Guarded, client: AsyncClient, options: Mapping[str, Any]) -> Any:
    @functools.wraps(function)
    async def run(*args: Any, **kwargs: Any) -> Any:
        bound = guarded.bind(args, kwargs)
        shown = guarded.shown(bound)
        approval = await client.approve(guarded.title_for(shown), arguments=shown, **guarded.named(options, shown))
        async with approval:
            guarded.place(bound, approval)
            return await function(*bound.args, **bound.kwargs)

    return run


def _blocking(function: Any, guarded: _Guarded, client: Client, options: Mapping[str, Any]) -> Any:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        bound = guarded.bind(args, kwargs)
        shown = guarded.shown(bound)
        approval = client.approve(guarded.title_for(shown), arguments=shown, **guarded.named(options, shown))
        with approval:
            guarded.place(bound, approval)
            result = function(*bound.args, **bound.kwargs)
            guarded.check_end(result, approval)
            return result

    return run


@dataclass(frozen=True)
class _Guarded:
    """What is known about a decorated function before it is called."""

    name: str
    title: str
    signature: inspect.Signature
    hidden: frozenset[str]
    key: Callable[..., str] | None

    @classmethod
    def of(
        cls, function: Callable[..., Any], title: str | None, leave_out: frozenset[str], key: Callable[..., str] | None
    ) -> _Guarded:
        """Read the signature. Raise `TypeError` for what cannot run exactly once, or be shown."""
        if not callable(function) or inspect.isclass(function):
            raise TypeError("requires_approval() guards functions. Decorate a function.")
        name = getattr(function, "__name__", type(function).__name__)
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{name} is a generator, which does not run at its call. Decorate a function instead.")
        signature = inspect.signature(function)
        names = [*signature.parameters]
        hidden = leave_out | ({names[0]} & _OWNERS if names else frozenset())
        if unknown := leave_out - {*names}:
            raise TypeError(f"{name} has no argument {sorted(unknown)[0]}, which leave_out names.")
        guarded = cls(name, title or name.replace("_", " ").strip().capitalize(), signature, hidden, key)
        guarded.check_title()
        return guarded

    def check_title(self) -> None:
        """Raise `TypeError` if the title contains anything but arguments that are shown."""
        shown = self.signature.parameters.keys() - self.hidden
        for _, field, form, conversion in Formatter().parse(self.title):
            if field is not None and (field not in shown or form or conversion):
                raise TypeError(f"The title of {self.name} contains {{{field}}}, which is no argument that is shown.")

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> inspect.BoundArguments:
        """Return the arguments of a call by name. Raise `TypeError` as the call itself does."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound

    def shown(self, bound: inspect.BoundArguments) -> dict[str, Any]:
        """Return the arguments that are asked about. Raise `NotJson` with the name of one that cannot be shown."""
        shown = {name: value for name, value in bound.arguments.items() if name not in self.hidden}
        for name, value in shown.items():
            try:
                json_text.snapshot(value, name)
            except NotJson as error:
                raise NotJson(f"{self.name}: {error} Or leave it out: leave_out=[{name!r}].") from None
        return shown

    def title_for(self, shown: Mapping[str, Any]) -> str:
        """Return the title with the values of this call."""
        return self.title.format_map(shown)

    def named(self, options: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options of one call."""
        tool = options["tool"] or self.name
        return {**options, "tool": tool, "key": None if self.key is None else self.key(**shown)}

    def place(self, bound: inspect.BoundArguments, approved: Mapping[str, Any]) -> None:
        """Put the approved values in the place of those that were passed."""
        for name, value in approved.items():
            kind = self.signature.parameters[name].kind
            if kind is inspect.Parameter.VAR_POSITIONAL:
                value = tuple(value) if isinstance(value, list | tuple) else self._refuse(name)
            elif kind is inspect.Parameter.VAR_KEYWORD and not isinstance(value, dict):
                self._refuse(name)
            bound.arguments[name] = value

    def check_end(self, result: object, approval: SyncApproval) -> None:
        """Raise `TypeError` if what the function returned runs only later, so that no one knows how it will end."""
        if not inspect.isawaitable(result):
            return
        if inspect.iscoroutine(result):
            result.close()
        sentence = f"{self.name} returned something to await, and is no async function. Decorate the async function."
        try:
            approval.report("unknown", sentence)
        except SignoffError as failure:
            warn_unreported(approval.ask, failure)
        raise TypeError(sentence)

    def _refuse(self, name: str) -> tuple[Any, ...]:
        raise UnclearAnswer(f"{self.name} cannot take the approved value of {name}. Nothing has run.")
