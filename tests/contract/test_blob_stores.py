"""The contract of every store of bytes. A new one adds one line to `STORES`; the bucket speaks S3 over real HTTP."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from bot import file_places
from bot.files.folder import FolderBlobs
from engine.file_storage import BlobMissing, BlobStore, FilesUnavailable
from tests.support.object_storage import BUCKET, KEY_ID, REGION, SECRET, Bucket, run_bucket

KEY = f"ab/{'ab' * 32}.{'x' * 43}"
OTHER = f"cd/{'cd' * 32}.-_{'y' * 41}"


@asynccontextmanager
async def folder(path: Path) -> AsyncIterator[BlobStore]:
    blobs = FolderBlobs(path / "files")
    yield blobs
    blobs.close()


def open_blobs(bucket: Bucket, *, secret: str = SECRET) -> BlobStore:
    pytest.importorskip("obstore")
    from bot.files.object_storage import open_bucket

    place = file_places.parse(f"s3://{BUCKET}/some/prefix?region={REGION}&endpoint={bucket.url}")
    return open_bucket(place, key_id=KEY_ID, secret=secret)


@asynccontextmanager
async def bucket(path: Path) -> AsyncIterator[BlobStore]:
    async with run_bucket() as served:
        yield open_blobs(served)


STORES: dict[str, Callable[[Path], AbstractAsyncContextManager[BlobStore]]] = {"folder": folder, "bucket": bucket}


@pytest.fixture(params=sorted(STORES))
async def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BlobStore]:
    async with STORES[request.param](tmp_path) as store:
        yield store


async def read(blobs: BlobStore, key: str) -> bytes:
    return b"".join([chunk async for chunk in blobs.open(key)])


@pytest.mark.parametrize("data", [b"a", b"\0\r\n" * 1_000, os.urandom(300_000), b"a" * 6_000_000])
async def test_what_was_put_is_read(blobs: BlobStore, data: bytes) -> None:
    source = io.BytesIO(data)
    source.seek(len(data) // 2)  # it is stored from its start
    await blobs.put(KEY, source)
    assert await read(blobs, KEY) == data
    assert await blobs.exists(KEY)
    assert not await blobs.exists(OTHER)


async def test_a_second_put_replaces_the_first(blobs: BlobStore) -> None:
    await blobs.put(KEY, io.BytesIO(b"first, and longer"))
    await blobs.put(KEY, io.BytesIO(b"second"))
    assert await read(blobs, KEY) == b"second"


async def test_what_was_deleted_is_missing(blobs: BlobStore) -> None:
    await blobs.put(KEY, io.BytesIO(b"a"))
    await blobs.put(OTHER, io.BytesIO(b"b"))
    await blobs.delete(KEY)
    await blobs.delete(KEY)
    with pytest.raises(BlobMissing):
        await read(blobs, KEY)
    assert await read(blobs, OTHER) == b"b"


async def test_nothing_is_there_at_first(blobs: BlobStore) -> None:
    await blobs.delete(KEY)
    assert not await blobs.exists(KEY)
    with pytest.raises(BlobMissing):
        await read(blobs, KEY)


# -- the folder ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    ["", "ab", "/etc/passwd", "../x", "ab/../../x", "ab/..", "ab/.x", "a/b", "ab/c/d", "ab/c\0d", "ab/c\nd", "AB/c"],
)
async def test_no_key_leaves_the_folder(tmp_path: Path, key: str) -> None:
    async with folder(tmp_path) as blobs:
        with pytest.raises(ValueError, match="no key"):
            await blobs.put(key, io.BytesIO(b"a"))
        with pytest.raises(ValueError, match="no key"):
            await read(blobs, key)
    assert stored_below(tmp_path) == []


def stored_below(path: Path) -> list[Path]:
    return [found for found in path.rglob("*") if found.is_file()]


async def test_a_file_in_a_folder_is_private_and_whole(tmp_path: Path) -> None:
    async with folder(tmp_path) as blobs:
        await blobs.put(KEY, io.BytesIO(b"a"))
        path = tmp_path / "files" / KEY
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [*(tmp_path / "files" / "incoming").iterdir()] == []


class _Broken(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError(28, "No space left on device") if self.tell() else OSError(5, "Input/output error")


async def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    async with folder(tmp_path) as blobs:
        with pytest.raises(FilesUnavailable, match="Input/output error"):
            await blobs.put(KEY, _Broken(b"abc"))
    assert stored_below(tmp_path) == []


async def test_what_a_crash_left_is_removed_by_a_later_write(tmp_path: Path) -> None:
    incoming = tmp_path / "files" / "incoming"
    incoming.mkdir(parents=True)
    (incoming / "old").write_bytes(b"half")
    os.utime(incoming / "old", (1, 1))
    (incoming / "new").write_bytes(b"half")
    async with folder(tmp_path) as blobs:
        await blobs.put(KEY, io.BytesIO(b"a"))
    assert [path.name for path in incoming.iterdir()] == ["new"]


async def test_a_folder_that_is_no_folder_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("")
    async with folder(tmp_path) as blobs:
        with pytest.raises(FilesUnavailable, match="cannot be used"):
            await blobs.put(KEY, io.BytesIO(b"a"))


# -- the bucket ---------------------------------------------------------------------------------------------


async def test_objects_are_under_the_prefix() -> None:
    async with run_bucket() as served:
        await open_blobs(served).put(KEY, io.BytesIO(b"a"))
        assert [*served.objects] == [f"some/prefix/{KEY}"]


async def test_a_wrong_key_is_said_and_not_shown() -> None:
    async with run_bucket() as served:
        blobs = open_blobs(served, secret="not-the-secret")
        with pytest.raises(FilesUnavailable) as caught:
            await blobs.put(KEY, io.BytesIO(b"a"))
        assert str(caught.value) == f"The bucket s3://{BUCKET} refuses the keys of this server."


async def test_a_short_failure_is_tried_again() -> None:
    async with run_bucket() as served:
        served.faults = [503]
        await open_blobs(served).put(KEY, io.BytesIO(b"a"))
        assert [*served.objects.values()] == [b"a"]


async def test_a_bucket_that_fails_is_unavailable() -> None:
    async with run_bucket() as served:
        served.faults = [400]
        with pytest.raises(FilesUnavailable, match=f"s3://{BUCKET} cannot be used"):
            await open_blobs(served).put(KEY, io.BytesIO(b"a"))
        url = served.url
    gone = Bucket(url=url)
    with pytest.raises(FilesUnavailable, match="cannot be used"):
        await read(open_blobs(gone), KEY)


async def test_a_bucket_that_is_not_there_is_said() -> None:
    async with run_bucket() as served:
        pytest.importorskip("obstore")
        from bot.files.object_storage import open_bucket

        place = file_places.parse(f"s3://another-bucket?region={REGION}&endpoint={served.url}")
        blobs = open_bucket(place, key_id=KEY_ID, secret=SECRET)
        with pytest.raises(FilesUnavailable, match="There is no bucket s3://another-bucket"):
            await blobs.put(KEY, io.BytesIO(b"a"))
        with pytest.raises(FilesUnavailable, match="There is no bucket s3://another-bucket"):
            await blobs.delete(KEY)
