"""Files that people choose in a modal: fetched from Slack and taken in, before the form is read.

Slack waits three seconds for the answer to a form. Files that take longer are fetched afterwards: the modal says so
until then, and what became of the form replaces that.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeAlias

import aiohttp

from bot.presentation import file_refusals
from bot.slack import replies, request_modals, view_state
from bot.slack.context import SlackContext
from bot.slack.payloads import Submission
from bot.slack.text_objects import View
from engine import json_values
from engine.domain import FileRefused, FileUpload
from engine.errors import ChannelError
from engine.file_storage import CHUNK

AT_ONCE_SECONDS: Final = 1.5
"""How long a form waits for its files before Slack is answered, in seconds: the form itself takes time as well."""
DOWNLOAD: Final = aiohttp.ClientTimeout(total=120.0, connect=4.0)
"""Timeout of a download, in seconds."""
_FETCHING: Final = "Slack is handing over your file. This takes a moment: keep this window open."
_DONE: Final = "Done. You can close this."
_OFFLINE: Final = "Slack did not hand the file over. Choose it again, then press the button."

Handle: TypeAlias = Callable[[Any, Submission], Awaitable[None]]


class FileUploads:
    """Handles a submitted form once its files are here."""

    def __init__(self, context: SlackContext) -> None:
        self._context = context

    async def handle(self, ack: Any, sent: Submission, then: Handle) -> None:
        """Call `then` with the form, in which each file has the text of its reference."""
        chosen = view_state.chosen_files(sent.view.values)
        if not chosen:
            await then(ack, sent)
            return
        fetching = asyncio.ensure_future(self._context.later.under_way(self._fetched(sent, chosen)))
        done, _ = await asyncio.wait({fetching}, timeout=AT_ONCE_SECONDS)
        if done:
            await self._go_on(ack, sent, fetching.result(), then)
            return
        await ack(**replies.update(request_modals.sentence(_FETCHING, metadata=sent.view.ref)))

        async def finish() -> None:
            await self._go_on(_LateAck(self._context, sent), sent, await fetching, then)

        self._context.after(sent.by, None, finish())

    async def _go_on(
        self, ack: Any, sent: Submission, fetched: tuple[dict[str, str], dict[str, str]], then: Handle
    ) -> None:
        texts, wrong = fetched
        if wrong:
            await ack(**replies.errors(wrong))
            return
        values = view_state.with_references(sent.view.values, texts)
        await then(ack, replace(sent, view=replace(sent.view, values=values)))

    async def _fetched(
        self, sent: Submission, chosen: Mapping[str, Mapping[str, Any]]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return the text of the reference to each file, and a sentence for each that was not taken, by block."""
        texts, wrong = dict[str, str](), dict[str, str]()
        for block, file in chosen.items():
            try:
                result = await self._take(sent, file)
            except (ChannelError, TimeoutError) as error:
                wrong[block] = str(error) or _OFFLINE
                continue
            if isinstance(result, FileRefused):
                wrong[block] = file_refusals.sentence(result)
            else:
                texts[block] = result
        return texts, wrong

    async def _take(self, sent: Submission, file: Mapping[str, Any]) -> str | FileRefused:
        client, files = self._context.client, self._context.service.engine.files
        name, size = str(file.get("name") or file.get("title") or ""), file.get("size")
        if isinstance(size, int) and size > files.max_size:
            return FileRefused(name=name, why="too_large", limit=files.max_size)
        if not _address(file):
            # What Slack shows of a file in another workspace is only a part of it.
            known = (await client.get("files.info", file=str(file.get("id", ""))))["file"]
            file = known if isinstance(known, Mapping) else {}
        data = await client.download(_address(file), most=files.max_size, allowing=DOWNLOAD)
        upload = FileUpload(name=name or str(file.get("name") or ""), chunks=_pieces(data), uploader=sent.by.address)
        result = await files.receive(upload)
        return result if isinstance(result, FileRefused) else json_values.dumps(result.value)


def _address(file: Mapping[str, Any]) -> str:
    url = file.get("url_private_download") or file.get("url_private")
    return url if isinstance(url, str) else ""


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), CHUNK):
        yield data[at : at + CHUNK]


class _LateAck:
    """Shows in the modal what an answer to the form would have done, after Slack was answered."""

    def __init__(self, context: SlackContext, sent: Submission) -> None:
        self._context, self._sent = context, sent

    async def __call__(self, **answer: Any) -> None:
        metadata = self._sent.view.ref
        view: View | None = answer.get("view")
        if view is None:
            text = " ".join(answer["errors"].values()) if "errors" in answer else _DONE
            view = request_modals.sentence(text, metadata=metadata)
        await self._context.replies.update(self._sent.view.id, view)
