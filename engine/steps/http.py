"""`http`: calls a URL, once, with an idempotency key."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from importlib import metadata
from typing import Any, ClassVar, Final, Literal, Self, TypeAlias

import aiohttp
import pydantic
from multidict import CIMultiDict
from pydantic import BaseModel, ConfigDict, StrictBool, StrictInt, StrictStr, field_validator, model_validator
from yarl import URL

from engine import json_values, urls
from engine.errors import InvalidValue, StepError
from engine.fields import Field, FieldType
from engine.json_values import Value
from engine.ports import Resolve, StepContext, StepServices, StepType, Traceparent
from engine.steps import http_response, pinned_resolver, url_guard
from engine.workflowfile.step_kinds import Nature

Scalar: TypeAlias = StrictStr | StrictBool | StrictInt | Decimal

MAX_BYTES: Final = 1_048_576
"""Maximum size of a decoded body, in bytes. It is stored in the run's row; larger contents belong behind a link."""

_SAFE: Final = frozenset({"GET", "HEAD"})
_STATUSES: Final = re.compile(r"\s*([1-5][0-9]{2})\s*(?:-\s*([1-5][0-9]{2})\s*)?")


class HttpParams(BaseModel):
    """The call, as the builder writes it. Validation errors never quote a value: it may hold a secret."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, serialize_by_alias=True)

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: str = pydantic.Field(min_length=1, max_length=8192)
    headers: dict[str, str] = {}
    query: dict[str, Scalar] = {}
    json_body: Any = pydantic.Field(default=None, alias="json")
    """JSON to send; `json: null` sends a null. (`json` alone would shadow a method of pydantic's.)"""
    body: str | None = None
    expect: tuple[int | str, ...] = pydantic.Field(default=("200-299",), min_length=1)
    """Statuses that mean success: numbers, or ranges like `200-299`."""
    idempotency_header: str = "Idempotency-Key"

    @field_validator("method", mode="before")
    @classmethod
    def _upper(cls, method: object) -> object:
        return method.upper() if isinstance(method, str) else method

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            url_guard.check_header(name, value)
        if len({name.lower() for name in headers}) < len(headers):
            raise InvalidValue("a header is there twice (upper and lower case are the same)")
        return headers

    @field_validator("idempotency_header")
    @classmethod
    def _check_idempotency_header(cls, name: str) -> str:
        url_guard.check_header(name)
        return name

    @field_validator("json_body")
    @classmethod
    def _clean_json(cls, value: object) -> Value:
        return json_values.clean(value)

    @field_validator("expect")
    @classmethod
    def _check_expect(cls, expect: tuple[int | str, ...]) -> tuple[int | str, ...]:
        for entry in expect:
            _statuses(entry)
        return expect

    @model_validator(mode="after")
    def _check_body(self) -> HttpParams:
        if self.sends_json and self.body is not None:
            raise InvalidValue("give 'json' or 'body', not both")
        return self

    @property
    def sends_json(self) -> bool:
        return "json_body" in self.model_fields_set

    def accepts(self, status: int) -> bool:
        return any(status in _statuses(entry) for entry in self.expect)


class HttpStep(StepType[HttpParams]):
    """Sends one request without redirects, cookies and proxy. Output: `status`, `headers` (lower-case names), `body`.

    `allow`: hosts that may be private and use plain http (see `url_guard.Guard`). `max_bytes`: of the decoded body.
    `connect_timeout`: for name, connection and TLS together, in seconds. `resolve`: looks up the addresses of a host.
    `traceparent`: returns the header of that name for a call, or None if there are no traces.
    """

    name: ClassVar[str] = "http"
    Params: ClassVar[type[BaseModel]] = HttpParams
    nature: ClassVar[Nature] = Nature.EFFECT
    secret_params: ClassVar[frozenset[str]] = frozenset({"headers", "json", "body"})
    address_params: ClassVar[frozenset[str]] = frozenset({"url"})
    technical_names: ClassVar[frozenset[str]] = frozenset({"method", "url", "headers", "expect"})
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
        self._guard = url_guard.Guard(allow)
        self._max_bytes = max_bytes
        self._connect_timeout = connect_timeout
        self._resolve = resolve
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
        bodies: dict[str, Field | None] = {"json": None, "body": Field(type="long_text")}
        return {name: bodies[name] for name in bodies if name in params}

    def idempotent(self, params: Mapping[str, Value]) -> bool:
        """Return whether it is GET or HEAD (RFC 9110, 9.2.1). PUT and DELETE promise it too, and often break it."""
        return str(params.get("method", "GET")).upper() in _SAFE

    async def run(self, params: HttpParams, context: StepContext) -> Mapping[str, object]:
        target = self._guard.check(params.method, params.url)
        total = context.timeout.total_seconds()
        if total <= 0:  # aiohttp reads 0 as "for ever"
            raise StepError(f"{target.call} was not sent: there was no time left", retryable=True)
        wire = _Wire()
        try:
            async with (
                self._session(target, total, wire) as session,
                session.request(
                    params.method,
                    _url(target, params),
                    headers=self._headers(params, context),
                    data=_body(params),
                    allow_redirects=False,
                ) as answer,
            ):
                return await self._read(params, target.call, answer, context.redact)
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            # `from None`: aiohttp's own texts quote the whole URL, query included.
            raise http_response.broken(target.call, error, connected=wire.connected) from None

    def _headers(self, params: HttpParams, context: StepContext) -> CIMultiDict[str]:
        """Return the headers of a call; those of the workflow are never replaced."""
        headers = CIMultiDict(params.headers)
        headers["Accept-Encoding"] = "identity"
        headers.setdefault("User-Agent", _agent())
        if params.method not in _SAFE:
            headers.setdefault(params.idempotency_header, context.idempotency_key)
        if params.sends_json:
            headers.setdefault("Content-Type", "application/json")
        elif params.body is not None:
            headers.setdefault("Content-Type", "text/plain; charset=utf-8")
        if self._traceparent is not None:
            headers.setdefault("traceparent", self._traceparent(context))
        return headers

    def _session(self, target: url_guard.CallTarget, total: float, wire: _Wire) -> aiohttp.ClientSession:
        resolver = pinned_resolver.PinnedResolver(self._guard, target, self._resolve)

        async def once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> http_response.Answer:
            # aiohttp sends GET, PUT and DELETE a second time when the server hangs up (seen with 3.14, even on a fresh
            # connection). It does not do so after an error of another type.
            try:
                return await send(request)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                raise http_response.broken(target.call, error, connected=wire.connected) from None

        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, force_close=True),
            timeout=aiohttp.ClientTimeout(total=total, connect=min(self._connect_timeout, total)),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers={"Content-Type"},
            trust_env=False,
            trace_configs=[wire.watch()],
            middlewares=(once,),
        )

    async def _read_body(self, answer: http_response.Answer, prefix: str) -> bytes:
        body = bytearray()
        async for chunk in answer.content.iter_any():
            body += chunk
            if len(body) > self._max_bytes:
                raise StepError(f"{prefix} it answered more than {self._max_bytes} bytes")
        return bytes(body)

    async def _read(
        self, params: HttpParams, call: str, answer: http_response.Answer, redact: Callable[[str], str]
    ) -> dict[str, Value]:
        if not params.accepts(answer.status):
            raise http_response.unwelcome(call, answer, await http_response.excerpt(answer, redact))
        prefix = f"{call} was carried out (status {answer.status}), but"
        body = await self._read_body(answer, prefix)
        names = [name for name in dict.fromkeys(name.lower() for name in answer.headers) if name != "set-cookie"]
        try:
            headers: Value = {name: json_values.clean(", ".join(answer.headers.getall(name))) for name in names}
            return {"status": answer.status, "headers": headers, "body": http_response.parse(answer, body)}
        except InvalidValue as error:
            raise StepError(f"{prefix} its answer cannot be used: {error}") from None


class _Wire:
    """Tells whether the connection was established, TLS included: before that nothing can have been sent.

    The type of an error does not always tell: `total` running out while connecting is a bare TimeoutError.
    """

    def __init__(self) -> None:
        self.connected = False

    def watch(self) -> aiohttp.TraceConfig:
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(self._stands)
        return trace

    async def _stands(self, *_: object) -> None:
        self.connected = True


def _statuses(entry: int | str) -> range:
    match = _STATUSES.fullmatch(str(entry))
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if first > last:
        raise InvalidValue(f"{str(entry)[:40]!r} is not a status or a range like 200-299")
    return range(first, last + 1)


def _url(target: url_guard.CallTarget, params: HttpParams) -> URL:
    """Return the URL already encoded: yarl would unescape characters that some servers tell apart."""
    pairs = [(name, _query_text(value)) for name, value in params.query.items()]
    return URL(urls.with_query(str(target.url), pairs), encoded=True)


def _query_text(value: Scalar) -> str:
    """Return the value as JSON writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)


@cache
def _agent() -> str:
    try:
        return f"signoff/{metadata.version('signoff')}"
    except metadata.PackageNotFoundError:  # a checkout that is not installed
        return "signoff/0"


def _body(params: HttpParams) -> io.BytesIO | None:
    """Return the body as a file: aiohttp warns about bytes over 1 MiB, and sends a file in pieces."""
    text = json_values.dumps(params.json_body) if params.sends_json else params.body
    return None if text is None else io.BytesIO(text.encode())
