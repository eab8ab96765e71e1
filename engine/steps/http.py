"""`http`: calls a URL, once, with an idempotency key."""

from __future__ import annotations

import codecs
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final, Self

from multidict import CIMultiDict
from pydantic import BaseModel
from yarl import URL

from engine import json_values, urls
from engine.errors import InvalidValue, StepError
from engine.fields import Field, FieldType
from engine.file_storage import NO_PLACE, OpenFile, StepFiles
from engine.json_values import Value
from engine.off_loop import LARGE, off_loop
from engine.ports import Resolve, StepContext, StepServices, StepType, Traceparent
from engine.steps import http_bodies, http_pages, http_params, http_response, step_files, url_guard
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
    fixed_params: ClassVar[frozenset[str]] = frozenset({"auth", "pages"})
    response_params: ClassVar[frozenset[str]] = frozenset({"pages"})
    technical_names: ClassVar[frozenset[str]] = frozenset({"method", "url", "auth", "headers", "expect", "pages"})
    output_types: ClassVar[Mapping[str, FieldType]] = {
        "status": FieldType.INTEGER,
        "headers": FieldType.JSON,
        "body": FieldType.JSON,
        "file": FieldType.FILE,
        "items": FieldType.JSON,
        "pages": FieldType.INTEGER,
    }

    def __init__(
        self,
        *,
        allow: Sequence[str] = (),
        max_bytes: int = MAX_BYTES,
        connect_timeout: float = 10,
        resolve: Resolve = url_guard.system_resolve,
        traceparent: Traceparent | None = None,
        files: StepFiles | None = None,
    ) -> None:
        self._files = files
        guard = url_guard.Guard(allow)
        self._client = HttpClient(guard, resolve, max_bytes=max_bytes, connect_timeout=connect_timeout)
        self._sign_ins = CallSignIns(self._client)
        self._traceparent = traceparent

    @classmethod
    def create(cls, services: StepServices) -> Self:
        """Return the step type with the allowed hosts and the traces of this server."""
        resolve = services.resolve or url_guard.system_resolve
        return cls(allow=services.http_allow, resolve=resolve, traceparent=services.traceparent, files=services.files)

    def outputs(self, params: Mapping[str, Value]) -> frozenset[str]:
        if "pages" in params:
            return frozenset({"items", "pages"})
        return frozenset({"status", "headers", "file" if "save_as" in params else "body"})

    def output_fields(self, params: Mapping[str, Value]) -> Mapping[str, Field]:
        return {"file": Field(type=FieldType.FILE)} if "save_as" in params else {}

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
        opened = await step_files.open_files(self._files, [file.value for file in params.files], context)
        files = _CallFiles(self._files, {file.reference.id: file for file in opened})
        attempt = _AttemptCalls(self._client, self._sign_ins, self._headers, context, files)
        first = str(_url(self._client.guard.check(params.method, params.url), params))
        if params.pages is None:
            return await attempt.hide((await attempt.call(params, first)).output)
        collector = http_pages.PageCollector(params.pages, first)
        address: str | None = first
        while address is not None:
            # Only the server of the first page gets what signs in, and headers, which may have secrets too.
            own = params if collector.is_home(address) else params.model_copy(update={"auth": None, "headers": {}})
            page = await attempt.call(own, address)
            try:
                address = collector.add(address, page.response)
            except InvalidValue as error:
                raise StepError(f"{page.done} {attempt.redact(str(error))}") from None
        return await attempt.hide(collector.output)

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


class _AttemptCalls:
    """The calls of one attempt of a step: they share its time, and hide what each of them signed in with."""

    def __init__(
        self,
        client: HttpClient,
        sign_ins: CallSignIns,
        headers: Callable[[HttpParams, StepContext, str], CIMultiDict[str]],
        context: StepContext,
        files: _CallFiles,
    ) -> None:
        self._client, self._sign_ins, self._headers, self._context = client, sign_ins, headers, context
        self._files = files
        self._until = time.monotonic() + context.timeout.total_seconds()
        self.redact: Callable[[str], str] = context.redact
        self._hidden = frozenset[str]()

    async def hide(self, output: dict[str, Value]) -> dict[str, Value]:
        """Return an output without what the calls signed in with: some servers repeat it."""
        if not self._hidden:
            return output
        redact = CallSignIn(hidden=tuple(self._hidden)).hide(str)
        large = json_values.is_larger(output, LARGE)
        hidden = await off_loop(lambda: json_values.map_texts(output, redact), large=large)
        assert isinstance(hidden, dict)
        return hidden

    async def call(self, params: HttpParams, address: str) -> _PageAnswer:
        """Return the answer of the server at this address, which has the query of the call in it."""
        target = self._client.guard.check(params.method, address)
        sign_in = await self._sign_in(params, target)
        answer = await self._send(params, target, address, sign_in, renews=sign_in.token is not None)
        if answer is None:
            # A call that is answered 401 did nothing, so it can be made again with a new token.
            sign_in = await self._sign_in(params, target, refused=sign_in.token)
            answer = await self._send(params, target, address, sign_in, renews=False)
        assert answer is not None
        return answer

    @property
    def _left(self) -> float:
        return self._until - time.monotonic()

    async def _sign_in(
        self, params: HttpParams, target: url_guard.CallTarget, refused: str | None = None
    ) -> CallSignIn:
        sign_in = await self._sign_ins.get(params.auth, target, self._left, self._context.redact, refused=refused)
        if not self._hidden.issuperset(sign_in.hidden):
            self._hidden |= {*sign_in.hidden}
            self.redact = sign_in.hide(self.redact)
        return sign_in

    async def _send(
        self, params: HttpParams, target: url_guard.CallTarget, address: str, sign_in: CallSignIn, *, renews: bool
    ) -> _PageAnswer | None:
        """Return the answer of one call. `renews`: return None if the server does not take the access token."""
        body, content_type = http_bodies.build(params, self._files.sent)
        headers = self._headers(params, self._context, content_type)
        sign_in.add_to(headers)
        call = HttpCall(
            method=params.method,
            target=target,
            url=URL(address, encoded=True),
            headers=headers,
            body=body,
            accepts=params.accepts,
            redact=self.redact,
        )
        async with self._client.open(call, self._left) as answer:
            if renews and answer.status == _UNAUTHORIZED and not params.accepts(_UNAUTHORIZED):
                return None
            if params.save_as is not None:
                return await self._saved(params.save_as, call, answer)
            page = _read(call, answer, await self._client.read(call, answer))
            return page if params.pages is None else replace(page, links=http_response.links(answer))

    async def _saved(self, name: str, call: HttpCall, answer: http_response.Answer) -> _PageAnswer:
        """Keep the body of a success as a file, unless it repeats a secret, which can be taken out of texts only."""
        store = self._files.store
        if store is None:
            raise StepError(NO_PLACE)
        body = await self._client.read(call, answer, most=store.max_size)
        done = http_response.done(call.target.call, answer)
        if await off_loop(lambda: any(self.redact(text) != text for text in _texts(body))):
            raise StepError(f"{done} its answer was not kept, because there is a secret in it")
        try:
            file = await store.save(name, step_files.pieces(body), run=self._context.run)
        except StepError as error:
            raise StepError(f"{done} its answer could not be kept. {error}") from None
        output: dict[str, Value] = {"status": answer.status, "headers": _headers(answer), "file": file.value}
        return _PageAnswer(output, done)


def _texts(body: bytes) -> Iterator[str]:
    """Yield what a body says in the encodings that a secret may have in it."""
    yield body.decode("latin-1")
    if not body.isascii():
        is_utf16 = body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        yield body.decode("utf-16" if is_utf16 else "utf-8", errors="replace")


@dataclass(frozen=True, slots=True)
class _CallFiles:
    """The files of the calls. `store`: keeps those that come; `sent`: those that go, by id."""

    store: StepFiles | None
    sent: Mapping[str, OpenFile]


@dataclass(frozen=True, slots=True)
class _PageAnswer:
    """The output for an answer, and the addresses in its `Link` header. `done`: the beginning of an error about it."""

    output: dict[str, Value]
    done: str
    links: Mapping[str, Value] = field(default_factory=dict)

    @property
    def response(self) -> dict[str, Value]:
        """The answer as `pages` reads it."""
        return {**self.output, "links": dict(self.links)}


def _read(call: HttpCall, answer: http_response.Answer, body: bytes) -> _PageAnswer:
    done = http_response.done(call.target.call, answer)
    try:
        headers, parsed = _headers(answer), http_response.parse(answer, body)
    except InvalidValue as error:
        raise StepError(f"{done} its answer cannot be used: {error}") from None
    output: dict[str, Value] = {"status": answer.status, "headers": headers, "body": parsed}
    return _PageAnswer(output, done)


def _headers(answer: http_response.Answer) -> dict[str, Value]:
    names = [name for name in dict.fromkeys(name.lower() for name in answer.headers) if name != "set-cookie"]
    return {name: json_values.clean(", ".join(answer.headers.getall(name))) for name in names}


def _url(target: url_guard.CallTarget, params: HttpParams) -> URL:
    """Return the URL already encoded: yarl would unescape characters that some servers tell apart."""
    pairs = [(name, scalar_text(value)) for name, value in params.query.items()]
    return URL(urls.with_query(str(target.url), pairs), encoded=True)
