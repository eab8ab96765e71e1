"""The settings of files: their place, their size and the command that looks for malware."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import file_places, loaded_settings
from bot.file_places import FilesPlace
from bot.files import setup


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("file:///srv/signoff/files", FilesPlace(folder=Path("/srv/signoff/files"))),
        ("file:///srv/my%20files", FilesPlace(folder=Path("/srv/my files"))),
        ("s3://bucket", FilesPlace(bucket="bucket")),
        ("s3://bucket/a/b/?region=eu-central-1", FilesPlace(bucket="bucket", prefix="a/b", region="eu-central-1")),
        (
            "s3://bucket?endpoint=https://minio.example.com/",
            FilesPlace(bucket="bucket", endpoint="https://minio.example.com"),
        ),
    ],
)
def test_a_place_is_read(url: str, place: FilesPlace) -> None:
    assert file_places.parse(url) == place


@pytest.mark.parametrize(
    "url",
    [
        *("", "files", "/srv/files", "file://host/srv", "file:///", "file:///srv/../etc", "file:///a?b", "ftp://x/y"),
        *("s3://", "s3://Bucket", "s3://key:secret@bucket", "s3://bucket/../x", "s3://bucket?key=x", "s3://bucket#x"),
        *("s3://bucket?region=EU", "s3://bucket?endpoint=http://minio.example.com", "s3://bucket?endpoint=https://a/b"),
    ],
)
def test_a_wrong_place_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"must look like|needs"):
        file_places.parse(url)


@pytest.mark.parametrize(("text", "size"), [("20MB", 20_000_000), ("500 kB", 500_000), ("500MB", 500_000_000)])
def test_a_size_is_read(text: str, size: int) -> None:
    assert file_places.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "20", "0MB", "501MB", "1GB", "-1MB", "1.5MB", "20 MiB"])
def test_a_wrong_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        file_places.parse_size(text)


@pytest.mark.parametrize("command", ["'", "''", " "])
def test_a_wrong_command_is_refused(command: str) -> None:
    with pytest.raises(ValueError, match=r"must be a command|a quote"):
        file_places.check_command(command)


def test_a_file_database_has_a_folder_and_a_server_needs_a_place(tmp_path: Path) -> None:
    on_file = loaded_settings.load({}, database=tmp_path / "signoff.db")
    assert setup.folder(on_file) == tmp_path / "signoff.db.files"
    assert setup.missing(on_file) is None
    server = {"SIGNOFF_DATABASE_URL": "postgresql+asyncpg://u:p@db.example.com/signoff", "SIGNOFF_KEY": "ab" * 32}
    assert setup.missing(loaded_settings.load(server)) == setup.NO_PLACE
    shared = loaded_settings.load({**server, "SIGNOFF_FILES_URL": "file:///srv/files"})
    assert setup.folder(shared) == Path("/srv/files")
