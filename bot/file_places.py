"""The place of files, as its setting names it: a folder, or a bucket that speaks the API of S3. Pure."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from bot import setting_values
from engine.errors import InvalidValue
from engine.fields import file_rules

SHAPE: Final = "must look like file:///srv/signoff/files or s3://bucket/folder?region=eu-central-1"
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?")
_REGION: Final = re.compile(r"[a-z0-9-]{1,40}")
_DEFAULT_REGION: Final = "us-east-1"
LARGEST: Final = 500_000_000
"""The largest limit of a file, in bytes: a file is in memory while a step sends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesPlace:
    """A folder, or else a bucket. `endpoint`: the address of a server other than Amazon's, or an empty text."""

    folder: Path | None = None
    bucket: str = ""
    prefix: str = ""
    region: str = _DEFAULT_REGION
    endpoint: str = ""


def parse(url: str) -> FilesPlace:
    """Return the place that a URL names. Raises `ValueError` with a predicate."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(SHAPE) from None
    if parts.scheme == "file" and not parts.netloc and not parts.query and not parts.fragment:
        path = Path(unquote(parts.path))
        if not path.is_absolute() or path == Path("/") or ".." in path.parts or "\0" in str(path):
            raise ValueError(f"{SHAPE}: the whole path of a folder")
        return FilesPlace(folder=path)
    if parts.scheme != "s3" or "@" in parts.netloc or parts.fragment:
        raise ValueError(SHAPE)
    if not _BUCKET.fullmatch(parts.netloc) or not _PREFIX.fullmatch(parts.path):
        raise ValueError(f"{SHAPE}; small letters, digits, '.' and '-' in the name of the bucket")
    return _with_options(FilesPlace(bucket=parts.netloc, prefix=parts.path.strip("/")), parts.query)


def _with_options(place: FilesPlace, query: str) -> FilesPlace:
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = options.keys() - {"region", "endpoint"}
    if unknown:
        raise ValueError(f"{SHAPE}; after the question mark only region and endpoint")
    region, endpoint = options.get("region", _DEFAULT_REGION), options.get("endpoint", "")
    if not _REGION.fullmatch(region):
        raise ValueError("needs a region like eu-central-1")
    if endpoint and (not setting_values.is_safe_address(endpoint) or urlsplit(endpoint).path.strip("/")):
        raise ValueError("needs an endpoint like https://minio.example.com; http:// is for this machine only")
    return FilesPlace(bucket=place.bucket, prefix=place.prefix, region=region, endpoint=endpoint.rstrip("/"))


def parse_size(text: str) -> int:
    """Return the maximum size of a file in bytes. Raises `ValueError` with a predicate."""
    try:
        size = file_rules.read_size(text)
    except InvalidValue as error:
        raise ValueError(str(error)) from None
    if size > LARGEST:
        raise ValueError("must be at most 500MB")
    return size


def check_command(command: str) -> str:
    """Return the command that looks for malware. Raises `ValueError` with a predicate."""
    try:
        arguments = shlex.split(command)
    except ValueError:
        raise ValueError("has a quote that is not closed") from None
    if not arguments or not arguments[0] or "\0" in command:
        raise ValueError("must be a command that reads a file on its standard input, like clamdscan --no-summary -")
    return command
