"""The media type of a file, by what its first bytes say. What its sender claims is never believed. Pure."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final

from engine.file_names import ending

HEAD: Final = 262_144
"""Bytes of a file that are looked at."""
UNKNOWN: Final = "application/octet-stream"
TEXT: Final = "text/plain"
IMAGES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Images of pixels that every browser shows, and that hold no script."""
PDF: Final = "application/pdf"
MAX_PIXELS: Final = 50_000_000
"""Maximum number of pixels of an image. A small file can claim many more, which fill the memory of a browser."""

_MAGIC: Final = (
    (b"%PDF-", PDF),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"BM", "image/bmp"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"{\\rtf", "application/rtf"),
)
_BRANDS: Final = {b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heic", b"avif": "image/avif"}
"""Images in the container of MPEG-4, by its brand."""
_ZIPPED: Final[Mapping[str, str]] = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "odt": "application/vnd.oasis.opendocument.text",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "epub": "application/epub+zip",
}
"""Documents that are zip files, by the ending of their name."""
_OLD_OFFICE: Final[Mapping[str, str]] = {
    "doc": "application/msword",
    "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint",
    "msg": "application/vnd.ms-outlook",
}
_TEXTS: Final[Mapping[str, str]] = {
    "csv": "text/csv",
    "json": "application/json",
    "md": "text/markdown",
    "htm": "text/html",
    "html": "text/html",
    "xhtml": "application/xhtml+xml",
    "svg": "image/svg+xml",
    "xml": "application/xml",
    "ics": "text/calendar",
    "eml": "message/rfc822",
    "yaml": "application/yaml",
    "yml": "application/yaml",
}
"""Texts, by the ending of their name."""
_WORDS: Final[Mapping[str, str]] = {
    PDF: "PDF",
    "image/png": "PNG image",
    "image/jpeg": "JPEG image",
    "image/gif": "GIF image",
    "image/webp": "WebP image",
    "image/svg+xml": "SVG image",
    TEXT: "text",
    "text/csv": "CSV table",
    "text/html": "web page",
    "application/json": "JSON",
    "application/zip": "zip archive",
    _ZIPPED["docx"]: "Word document",
    _OLD_OFFICE["doc"]: "Word document",
    _ZIPPED["xlsx"]: "Excel table",
    _OLD_OFFICE["xls"]: "Excel table",
    _ZIPPED["pptx"]: "PowerPoint slides",
    _OLD_OFFICE["ppt"]: "PowerPoint slides",
}


def sniffed(head: bytes, name: str) -> str:
    """Return the media type of a file from its first `HEAD` bytes. The name only tells apart what looks the same."""
    kind = _by_bytes(head)
    if kind == "application/zip":
        return _ZIPPED.get(ending(name), kind)
    if kind == "application/x-ole-storage":
        return _OLD_OFFICE.get(ending(name), kind)
    if kind is not None:
        return kind if _is_drawable(kind, head) else UNKNOWN
    return _TEXTS.get(ending(name), TEXT) if _is_text(head) else UNKNOWN


def _by_bytes(head: bytes) -> str | None:
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}.get(head[8:12])
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return (
            "image/heic" if brand in (b"heic", b"heix", b"mif1") else "image/avif" if brand == b"avif" else "video/mp4"
        )
    return None


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # The head may end inside of a character.
        return len(head) == HEAD and error.start >= HEAD - 3
    return True


# -- images -------------------------------------------------------------------------------------------------


def _is_drawable(kind: str, head: bytes) -> bool:
    """Return whether an image has a size that a browser can show. Other kinds are none of its images."""
    if kind not in IMAGES:
        return True
    size = _SIZES[kind](head)
    return size is not None and 0 < size[0] * size[1] <= MAX_PIXELS


def _unpacked(layout: str, head: bytes, at: int) -> tuple[int, int] | None:
    if len(head) < at + struct.calcsize(layout):
        return None
    first, second = struct.unpack_from(layout, head, at)
    return first, second


def _png(head: bytes) -> tuple[int, int] | None:
    return _unpacked(">II", head, 16) if head[12:16] == b"IHDR" else None


def _gif(head: bytes) -> tuple[int, int] | None:
    return _unpacked("<HH", head, 6)


def _webp(head: bytes) -> tuple[int, int] | None:
    if head[12:16] == b"VP8X" and len(head) >= 30:
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if head[12:16] == b"VP8L" and len(head) >= 25:
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    size = _unpacked("<HH", head, 26) if head[12:16] == b"VP8 " else None
    return None if size is None else (size[0] & 0x3FFF, size[1] & 0x3FFF)


def _jpeg(head: bytes) -> tuple[int, int] | None:
    """Return the size in the frame header, which comes after all tables and comments."""
    at = 2
    while at + 4 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return _unpacked(">HH", head, at + 5)
        at += 1 if marker == 0xFF else 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return None


_SIZES: Final = {"image/png": _png, "image/jpeg": _jpeg, "image/gif": _gif, "image/webp": _webp}


# -- words --------------------------------------------------------------------------------------------------


def in_words(media_type: str, name: str) -> str:
    """Return what kind of file it is in the words of people."""
    known = _WORDS.get(media_type)
    if known is not None:
        return known
    last = ending(name)
    return f"{last.upper()} file" if last.isascii() and last.isalnum() and len(last) <= 5 else "file"


def size_in_words(size: int) -> str:
    """Return a size in bytes, kB or MB, as people write it."""
    if size < 1_000:
        return "1 byte" if size == 1 else f"{size} bytes"
    for factor, unit in ((1_000, "kB"), (1_000_000, "MB"), (1_000_000_000, "GB")):
        if size < 999.5 * factor or unit == "GB":
            amount = size / factor
            return f"{amount:.1f} {unit}" if amount < 9.95 else f"{amount:.0f} {unit}"
    raise AssertionError(size)


def endings(patterns: Sequence[str]) -> list[str]:
    """Return the usual endings of names of files of these types; none if one of the types has none that is known."""
    found: dict[str, None] = {}
    for pattern in patterns:
        known = [ending for ending, kind in _ENDINGS.items() if matches(kind, pattern)]
        if not known:
            return []
        found |= dict.fromkeys(known)
    return list(found)


_ENDINGS: Final[Mapping[str, str]] = {
    "pdf": PDF,
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "heic": "image/heic",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "bmp": "image/bmp",
    "zip": "application/zip",
    "txt": TEXT,
    **_TEXTS,
    **_ZIPPED,
    **_OLD_OFFICE,
}


def by_ending(name: str) -> str:
    """Return the media type that the ending of a name tells, where there are no bytes to look at."""
    return _ENDINGS.get(ending(name), UNKNOWN)


def matches(media_type: str, pattern: str) -> bool:
    """Return whether a type is the one that a pattern names, or of its family, as `image/*` names it."""
    family = pattern.removesuffix("/*")
    return media_type.partition("/")[0] == family if pattern.endswith("/*") else media_type == pattern
