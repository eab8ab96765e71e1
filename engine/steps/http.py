"""`http`: calls a URL, once, with an idempotency key."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import ClassVar, Final, Self

from multidict import CIMultiDict
from pydantic import BaseModel
from yarl import URL

from engine import json_values, urls
from engine.errors import InvalidValue, StepError
from engine.fields import Field, FieldType
from engine.json_values import Value
from engine.ports import Resolve, StepContext, StepServices, StepType, Traceparent
from engine.steps import http_bodies, http_params, http_response, url_guard
from engine.steps.http_auth import CallSignIn, CallSignIns
from engine.steps.http_client import HttpCall, HttpClient
from engine.steps.http_params import SAFE, HttpParams, scalar_text
from engine.workflowfile.step_kinds import Nature, ParamProblem

__all__ = ["HttpParams", "HttpStep"]

MAX_BYTES: Final = 1_048_576
"""Maximum size of a decoded body, in bytes. It is stored in the run's row; larger contents belong behind a link."""
_UNAUTHORIZED: Final = 401


class HttpStep(StepType[HttpParams]):
    """Sends one request without redirects, cookies and proxy. Output: `status`, `headers` (lower-case names), `body`.

    `allow`: hosts that may be private and use plain http (see `url_guard.Guard`). `max_bytes`: of the decoded body.
    `connect_timeout`: for name, connection and TLS together, in seconds. `resolve`: looks up the addresses of a host.
    `traceparent`: returns the header of that name for a call, or None if there are no traces.
    """

    name: ClassVar[str] = "http"
    Params: ClassVar[type[BaseModel]] = HttpParams
    nature: ClassVar[Nature] = Nature.EFFECT
    secret_params: ClassVar[frozenset[str]] = frozenset({"auth", "headers", "json", "form", "multipart", "body"})
    address_params: ClassVar[frozenset[str]] = frozenset({"url"})
    fixed_params: ClassVar[frozenset[str]] = frozenset({"auth"})
    technical_names: ClassVar[frozenset[str]] = frozenset({"method", "url", "auth", "headers", "expect"})
    output_types: ClassVar[Mapping[str, FieldType]] = {
        "status": FieldType.INTEGER,
        "headers": FieldType.JSON,
        "body": FieldType.JSON,
    }

    def __init__(
        self,
        *,
        allow: Sequence[str] = (),
        max_bytes: int = MAX_BYTES,
        connect_timeout: float = 10,
        resolve: Resolve = url_guard.system_resolve,
        traceparent: Traceparent | None = None,
    ) -> None:
        guard = url_guard.Guard(allow)
        self._client = HttpClient(guard, resolve, max_bytes=max_bytes, connect_timeout=connect_timeout)
        self._sign_ins = CallSignIns(self._client)
        self._traceparent = traceparent

    @classmethod
    def create(cls, services: StepServices) -> Self:
        """Return the step type with the allowed hosts and the traces of this server."""
        resolve = services.resolve or url_guard.system_resolve
        return cls(allow=services.http_allow, resolve=resolve, traceparent=services.traceparent)

    def outputs(self, params: Mapping[str, Value]) -> frozenset[str]:  # noqa: ARG002
        return frozenset({"status", "headers", "body"})

    def content(self, params: Mapping[str, Value]) -> Mapping[str, Field | None]:
        """Return the body as editable, never the URL."""
        bodies: dict[str, Field | None] = {**dict.fromkeys(http_params.BODIES), "body": Field(type="long_text")}
        return {name: bodies[name] for name in bodies if name in params}

    def idempotent(self, params: Mapping[str, Value]) -> bool:
        """Return whether it is GET or HEAD (RFC 9110, 9.2.1). PUT and DELETE promise it too, and often break it."""
        return str(params.get("method", "GET")).upper() in SAFE

    def find_problems(self, params: Mapping[str, Value]) -> Iterable[ParamProblem]:
        return http_params.find_problems(params)

    async def run(self, params: HttpParams, context: StepContext) -> Mapping[str, object]:
        target = self._client.guard.check(params.method, params.url)
        left = _clock(context)
        sign_in = await self._sign_ins.get(params.auth, target, left(), context.redact)
        output = await self._call(params, context, target, sign_in, left(), renews=sign_in.token is not None)
        if output is None:
            # A call that is answered 401 did nothing, so it can be made again with a new token.
            sign_in = await self._sign_ins.get(params.auth, target, left(), context.redact, refused=sign_in.token)
            output = await self._call(params, context, target, sign_in, left(), renews=False)
        assert output is not None
        return output

    async def _call(
        self,
        params: HttpParams,
        context: StepContext,
        target: url_guard.CallTarget,
        sign_in: CallSignIn,
        seconds: float,
        *,
        renews: bool,
    ) -> dict[str, Value] | None:
        """Return the output of one call. `renews`: return None if the server does not take the access token."""
        body, content_type = http_bodies.build(params)
        headers = self._headers(params, context, content_type)
        sign_in.add_to(headers)
        redact = sign_in.hide(context.redact)
        url = _url(target, params)
        call = HttpCall(
            method=params.method,
            target=target,
            url=url,
            headers=headers,
            body=body,
            accepts=params.accepts,
            redact=redact,
        )
        async with self._client.open(call, seconds) as answer:
            if renews and answer.status == _UNAUTHORIZED and not params.accepts(_UNAUTHORIZED):
                return None
            return _output(call, answer, await self._client.read(call, answer))

    def _headers(self, params: HttpParams, context: StepContext, content_type: str) -> CIMultiDict[str]:
        """Return the headers of a call; those of the workflow are never replaced."""
        headers = CIMultiDict(params.headers)
        if params.method not in SAFE:
            headers.setdefault(params.idempotency_header, context.idempotency_key)
        if content_type:
            headers.setdefault("Content-Type", content_type)
        if self._traceparent is not None:
            headers.setdefault("traceparent", self._traceparent(context))
        return headers


def _clock(context: StepContext) -> Callable[[], float]:
    """Return the function that tells how many seconds of the step's time are left."""
    until = time.monotonic() + context.timeout.total_seconds()
    return lambda: until - time.monotonic()


def _output(call: HttpCall, answer: http_response.Answer, body: bytes) -> dict[str, Value]:
    """Return the output for an answer, without what the call signed in with: some servers repeat it."""
    names = [name for name in dict.fromkeys(name.lower() for name in answer.headers) if name != "set-cookie"]
    try:
        headers: Value = {name: json_values.clean(", ".join(answer.headers.getall(name))) for name in names}
        parsed = http_response.parse(answer, body)
    except InvalidValue as error:
        raise StepError(f"{http_response.done(call.target.call, answer)} its answer cannot be used: {error}") from None
    hide = partial(json_values.map_texts, change=call.redact)
    return {"status": answer.status, "headers": hide(headers), "body": hide(parsed)}


def _url(target: url_guard.CallTarget, params: HttpParams) -> URL:
    """Return the URL already encoded: yarl would unescape characters that some servers tell apart."""
    pairs = [(name, scalar_text(value)) for name, value in params.query.items()]
    return URL(urls.with_query(str(target.url), pairs), encoded=True)
