"""A bucket that speaks the API of S3 over real HTTP, as strict as the real one about signatures (AWS SigV4)."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from aiohttp import web

BUCKET: Final = "signoff-files"
KEY_ID, SECRET = "AKIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
REGION: Final = "eu-central-1"
_XML: Final = '<?xml version="1.0" encoding="UTF-8"?>'


@dataclass
class Bucket:
    """The bucket. `url`: its endpoint; `objects` by key; `faults`: statuses of the next answers; `seen`: requests."""

    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    faults: list[int] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.seen.append(f"{request.method} {request.path}")
        if self.faults:
            return _error(self.faults.pop(0), "InternalError")
        if not _is_signed(request, body):
            return _error(403, "SignatureDoesNotMatch")
        bucket, _, key = request.path.lstrip("/").partition("/")
        if bucket != BUCKET:
            return _error(404, "NoSuchBucket")
        if request.method == "POST" and "delete" in request.query:
            return self._delete_all(body.decode())
        if not key:
            return _error(400, "InvalidURI")
        if request.method == "PUT":
            self.objects[key] = body
            return web.Response(headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})
        if request.method == "DELETE":
            self.objects.pop(key, None)
            return web.Response(status=204)
        if key not in self.objects:
            return _error(404, "NoSuchKey")
        data = self.objects[key]
        headers = {
            "ETag": f'"{hashlib.md5(data).hexdigest()}"',
            "Last-Modified": "Mon, 02 Mar 2026 09:30:00 GMT",
            "Content-Type": "application/octet-stream",
        }
        if request.method == "HEAD":
            return web.Response(headers={**headers, "Content-Length": str(len(data))})
        return web.Response(body=data, headers=headers)

    def _delete_all(self, xml: str) -> web.Response:
        """Delete the named objects, whether or not they are there."""
        keys = re.findall(r"<Key>([^<]+)</Key>", xml)
        for key in keys:
            self.objects.pop(key, None)
        deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        return web.Response(text=f"{_XML}<DeleteResult>{deleted}</DeleteResult>", content_type="application/xml")


def _error(status: int, code: str) -> web.Response:
    xml = f"{_XML}<Error><Code>{code}</Code><Message>{code}</Message></Error>"
    return web.Response(status=status, text=xml, content_type="application/xml")


def _is_signed(request: web.Request, body: bytes) -> bool:
    """Return whether the request has the signature of our key: https://docs.aws.amazon.com/IAM/latest/UserGuide/"""
    given = request.headers.get("Authorization", "")
    scheme, _, rest = given.partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(",")) if scheme == "AWS4-HMAC-SHA256" else {}
    names = parts.get("SignedHeaders", "").split(";")
    moment = request.headers.get("x-amz-date", "")
    scope = f"{moment[:8]}/{REGION}/s3/aws4_request"
    said = request.headers.get("x-amz-content-sha256", "")
    if parts.get("Credential") != f"{KEY_ID}/{scope}" or not {"host", "x-amz-date", "x-amz-content-sha256"} <= {*names}:
        return False
    if said != "UNSIGNED-PAYLOAD" and said != hashlib.sha256(body).hexdigest():
        return False
    headers = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in names)
    query = "&".join(sorted(f"{quote(k, safe='~')}={quote(v, safe='~')}" for k, v in request.query.items()))
    canonical = "\n".join([request.method, quote(request.path, safe="/~"), query, headers, ";".join(names), said])
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{SECRET}".encode()
    for part in (moment[:8], REGION, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(signature, parts.get("Signature", ""))


@asynccontextmanager
async def run_bucket() -> AsyncIterator[Bucket]:
    """Serve a bucket while the body runs."""
    bucket = Bucket()
    application = web.Application(client_max_size=100_000_000)
    application.router.add_route("*", "/{path:.*}", bucket.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    bucket.url = f"http://127.0.0.1:{port}"
    try:
        yield bucket
    finally:
        await runner.cleanup()
