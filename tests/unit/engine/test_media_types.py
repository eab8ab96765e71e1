"""Media types: what a file is by its bytes, whatever its name and its sender say."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import media_types
from engine.media_types import MAX_PIXELS, UNKNOWN


def png(width: int = 2, height: int = 3) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"\x08\x06\0\0\0"


def gif(width: int = 2, height: int = 3) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height)


def jpeg(width: int = 2, height: int = 3) -> bytes:
    frame = b"\xff\xc0\0\x11\x08" + struct.pack(">HH", height, width)
    return b"\xff\xd8\xff\xe0\0\x10JFIF" + b"\0" * 10 + frame


def webp(width: int = 2, height: int = 3) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + sides


SCRIPT = b"<!doctype html><script>alert(1)</script>"


@pytest.mark.parametrize(
    ("head", "name", "kind"),
    [
        (b"%PDF-1.7 ...", "a.pdf", "application/pdf"),
        (b"%PDF-1.7 ...", "a.exe", "application/pdf"),
        (png(), "a.txt", "image/png"),
        (gif(), "a.gif", "image/gif"),
        (jpeg(), "a.jpg", "image/jpeg"),
        (webp(), "a.webp", "image/webp"),
        (b"PK\x03\x04...", "a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (b"PK\x03\x04...", "a.pdf", "application/zip"),
        (b"Name;Amount\nAnn;5\n", "a.csv", "text/csv"),
        (b"hello", "a", "text/plain"),
        (b"\0\1\2", "a.txt", UNKNOWN),
        # What only claims to be an image is none.
        (SCRIPT, "a.png", "text/plain"),
        (SCRIPT, "a.html", "text/html"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.svg", "image/svg+xml"),
        # An image that is a page as well is shown as an image, which runs nothing.
        (gif() + SCRIPT, "a.html", "image/gif"),
        (b"\x89PNG\r\n\x1a\n" + SCRIPT, "a.png", UNKNOWN),
        # Sizes that would fill the memory of a browser.
        (png(60_000, 60_000), "a.png", UNKNOWN),
        (gif(65_535, 65_535), "a.gif", UNKNOWN),
        (jpeg(65_535, 65_535), "a.jpg", UNKNOWN),
        (webp(16_000_000, 16_000_000), "a.webp", UNKNOWN),
        (png(0, 5), "a.png", UNKNOWN),
        (b"\xff\xd8\xff", "a.jpg", UNKNOWN),
    ],
)
def test_a_file_is_what_its_bytes_are(head: bytes, name: str, kind: str) -> None:
    assert media_types.sniffed(head, name) == kind


@given(st.binary(max_size=200), st.sampled_from([png(), gif(), jpeg(), webp(), b"", b"PK\x03\x04", b"RIFF"]), st.text())
def test_any_bytes_have_a_type(tail: bytes, start: bytes, name: str) -> None:
    kind = media_types.sniffed(start + tail, name)
    assert "/" in kind
    assert kind not in ("text/html", "image/svg+xml") or name.endswith(("html", "htm", "svg"))


def test_a_text_is_cut_inside_of_a_character() -> None:
    head = ("a" + "ü" * media_types.HEAD).encode()[: media_types.HEAD]
    assert media_types.sniffed(head, "a.txt") == "text/plain"


def test_the_largest_image() -> None:
    side = int(MAX_PIXELS**0.5)
    assert media_types.sniffed(png(side, side), "a.png") == "image/png"


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (12_345, "12 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (20_000_000, "20 MB"),
        (3 * 10**9, "3.0 GB"),
    ],
)
def test_a_size_in_words(size: int, words: str) -> None:
    assert media_types.size_in_words(size) == words


def test_the_endings_of_types() -> None:
    assert media_types.endings(["application/pdf", "image/*"])[:3] == ["pdf", "png", "jpg"]
    assert media_types.endings(["application/pdf", "application/x-unknown"]) == []
