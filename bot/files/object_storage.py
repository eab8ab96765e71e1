"""The port `BlobStore` over storage that speaks the API of S3, through `obstore`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Final

import obstore
from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from bot.file_places import FilesPlace
from engine.file_storage import CHUNK, BlobMissing, FilesUnavailable

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

_SECONDS: Final = timedelta(seconds=30)
_CONNECT: Final = timedelta(seconds=5)


def open_bucket(place: FilesPlace, *, key_id: str, secret: str) -> BucketBlobs:
    """Return the store of a bucket. Nothing is asked of it yet."""
    config: S3Config = {
        "region": place.region,
        # A bucket of another server than Amazon's is usually a part of the path.
        "virtual_hosted_style_request": not place.endpoint,
    }
    if key_id:
        config |= {"access_key_id": key_id, "secret_access_key": secret}
    if place.endpoint:
        config["endpoint"] = place.endpoint
    options: ClientConfig = {
        "timeout": _SECONDS,
        "connect_timeout": _CONNECT,
        "allow_http": place.endpoint.startswith("http://"),
    }
    retries: RetryConfig = {"max_retries": 3, "retry_timeout": _SECONDS}
    store = S3Store(
        place.bucket, prefix=place.prefix or None, config=config, client_options=options, retry_config=retries
    )
    return BucketBlobs(store, f"s3://{place.bucket}")


class BucketBlobs:
    """Stores bytes in a bucket. `name`: how an operator knows it."""

    def __init__(self, store: S3Store, name: str) -> None:
        self._store, self._name = store, name

    async def put(self, key: str, source: IO[bytes]) -> None:
        source.seek(0)
        with self._said(in_bucket=False):
            await obstore.put_async(self._store, key, source.read(), use_multipart=False)

    async def open(self, key: str) -> AsyncIterator[bytes]:
        with self._said():
            result = await obstore.get_async(self._store, key)
            async for chunk in result.stream(min_chunk_size=CHUNK):
                yield bytes(chunk)

    async def delete(self, key: str) -> None:
        # Storage of this kind does not mind a key that is not there. What it does not find is the bucket.
        with self._said(in_bucket=False):
            await obstore.delete_async(self._store, key)

    async def exists(self, key: str) -> bool:
        with self._said():
            try:
                await obstore.head_async(self._store, key)
            except (NotFoundError, FileNotFoundError):
                return False
            return True

    @contextmanager
    def _said(self, *, in_bucket: bool = True) -> Iterator[None]:
        """Turn errors of the library into ours. Its own texts may hold addresses that are signed.

        `in_bucket`: what is not found is a file; otherwise it is the bucket.
        """
        try:
            yield
        except (NotFoundError, FileNotFoundError) as error:
            if in_bucket:
                raise BlobMissing("The file is not there any more.") from error
            raise FilesUnavailable(f"There is no bucket {self._name}.") from error
        except (PermissionDeniedError, UnauthenticatedError, PermissionError) as error:
            raise FilesUnavailable(f"The bucket {self._name} refuses the keys of this server.") from error
        except (BaseError, OSError) as error:
            why = type(error).__name__
            raise FilesUnavailable(f"The bucket {self._name} cannot be used ({why}).") from error
