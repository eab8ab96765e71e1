"""The two clients: `AsyncClient`, whose methods are awaited, and `Client`, whose methods block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from signoff import conversation
from signoff.approval import Approval, SyncApproval
from signoff.conversation import Talk
from signoff.errors import SignoffError
from signoff.questions import Duration, Editable, FieldDeclaration, Question, question
from signoff.records import Ask
from signoff.transport import Server

_GONE = "The program that asked has stopped waiting."
_HURRY = 5.0
"""How long a program that stops waiting tries to cancel its ask, in seconds."""


class AsyncClient:
    """Asks people, for programs with an event loop.

    Without `url` and `api_key`, the environment variables `SIGNOFF_URL` and `SIGNOFF_API_KEY` count. While the server
    does not answer, a call is repeated for `patience` seconds; only waiting for a decision goes on. A client keeps no
    connection, so it need not be closed.
    """

    def __init__(
        self, url: str | None = None, api_key: str | None = None, *, patience: float = conversation.PATIENCE
    ) -> None:
        self._server = Server(url, api_key, patience)

    async def approve(
        self,
        title: str,
        /,
        *,
        arguments: Mapping[str, object] | None = None,
        editable: Editable = False,
        fields: Mapping[str, FieldDeclaration] | None = None,
        risk: str | None = None,
        summary: str | None = None,
        reasoning: str | None = None,
        impact: str | None = None,
        confidence: str | None = None,
        data: str | None = None,
        tool: str | None = None,
        server: str | None = None,
        workflow: str | None = None,
        requester: str | None = None,
        expires_in: Duration | None = None,
        key: str | None = None,
        give_up_after: float | None = None,
        **more_arguments: object,
    ) -> Approval:
        """Ask for an approval, wait for it, and take it, exactly once. Raise `NotApproved` if there is none.

        The arguments of the call that needs it are the other keywords, or `arguments`. With a `key`, a restarted
        program that asks with the same key continues the same ask, and the approval still is taken only once.
        """
        asked = question(
            title, {**(arguments or {}), **more_arguments}, use="once", key=key, editable=editable, fields=fields,
            risk=risk, summary=summary, reasoning=reasoning, impact=impact, confidence=confidence, data=data, tool=tool,
            server=server, workflow=workflow, requester=requester, expires_in=expires_in,
        )  # fmt: skip
        return await self.take(await self.decided(asked, give_up_after), asked)

    async def ask(
        self,
        title: str,
        /,
        *,
        fields: Mapping[str, FieldDeclaration],
        arguments: Mapping[str, object] | None = None,
        summary: str | None = None,
        reasoning: str | None = None,
        data: str | None = None,
        workflow: str | None = None,
        requester: str | None = None,
        expires_in: Duration | None = None,
        key: str | None = None,
        give_up_after: float | None = None,
    ) -> dict[str, Any]:
        """Ask people to fill in fields, and return what they entered. Raise `NotApproved` if they decline."""
        asked = question(
            title, arguments or {}, use="answer", key=key, editable=[*fields], fields=fields, summary=summary,
            reasoning=reasoning, data=data, workflow=workflow, requester=requester, expires_in=expires_in,
        )  # fmt: skip
        return asked.values(await self.decided(asked, give_up_after))

    def blocking(self) -> Client:
        """Return a client for the same server and key whose methods block."""
        client = Client()
        client._server = self._server  # noqa: SLF001 of this module
        return client

    async def get(self, ask: str) -> Ask:
        """Return an ask as it is now."""
        return await self._server.run_async(conversation.look(ask, self._server.patience))

    async def cancel(self, ask: str, reason: str = "") -> Ask:
        """Cancel an ask."""
        return await self._server.run_async(conversation.cancel(ask, reason, self._server.patience))

    async def decided(self, asked: Question, give_up_after: float | None = None) -> Ask:
        """Ask, and wait until it is approved. Raise `NotApproved` if it is not, or was used before."""
        ask = await self._server.run_async(conversation.create(asked.body, asked.key, self._server.patience))
        try:
            ended = await self._server.run_async(conversation.wait(ask, give_up_after))
        except GeneratorExit:
            raise
        except BaseException:
            if not asked.is_named:
                await self._leave(ask)
            raise
        return conversation.approved(ended)

    async def take(self, ask: Ask, asked: Question | None = None) -> Approval:
        """Take an approval, exactly once, just before what it is for."""
        values = asked.values if asked is not None else _arguments
        values(conversation.approved(ask))  # what is wrong with them is noticed before the approval is used
        used = await self._server.run_async(conversation.consume(ask, self._server.patience))
        return Approval(self._server, used, values(used))

    async def _leave(self, ask: Ask) -> None:
        """Cancel an ask that this program cannot come back to, even while its task is being cancelled."""
        import anyio

        with anyio.move_on_after(_HURRY, shield=True):
            try:
                await self._server.run_async(_farewell(ask))
            except SignoffError:
                return


class Client:
    """Asks people, for programs without an event loop: the methods of `AsyncClient`, which block."""

    def __init__(
        self, url: str | None = None, api_key: str | None = None, *, patience: float = conversation.PATIENCE
    ) -> None:
        self._server = Server(url, api_key, patience)

    def approve(
        self,
        title: str,
        /,
        *,
        arguments: Mapping[str, object] | None = None,
        editable: Editable = False,
        fields: Mapping[str, FieldDeclaration] | None = None,
        risk: str | None = None,
        summary: str | None = None,
        reasoning: str | None = None,
        impact: str | None = None,
        confidence: str | None = None,
        data: str | None = None,
        tool: str | None = None,
        server: str | None = None,
        workflow: str | None = None,
        requester: str | None = None,
        expires_in: Duration | None = None,
        key: str | None = None,
        give_up_after: float | None = None,
        **more_arguments: object,
    ) -> SyncApproval:
        """Ask for an approval, wait for it, and take it, exactly once. Raise `NotApproved` if there is none."""
        asked = question(
            title, {**(arguments or {}), **more_arguments}, use="once", key=key, editable=editable, fields=fields,
            risk=risk, summary=summary, reasoning=reasoning, impact=impact, confidence=confidence, data=data, tool=tool,
            server=server, workflow=workflow, requester=requester, expires_in=expires_in,
        )  # fmt: skip
        return self.take(self.decided(asked, give_up_after), asked)

    def ask(
        self,
        title: str,
        /,
        *,
        fields: Mapping[str, FieldDeclaration],
        arguments: Mapping[str, object] | None = None,
        summary: str | None = None,
        reasoning: str | None = None,
        data: str | None = None,
        workflow: str | None = None,
        requester: str | None = None,
        expires_in: Duration | None = None,
        key: str | None = None,
        give_up_after: float | None = None,
    ) -> dict[str, Any]:
        """Ask people to fill in fields, and return what they entered. Raise `NotApproved` if they decline."""
        asked = question(
            title, arguments or {}, use="answer", key=key, editable=[*fields], fields=fields, summary=summary,
            reasoning=reasoning, data=data, workflow=workflow, requester=requester, expires_in=expires_in,
        )  # fmt: skip
        return asked.values(self.decided(asked, give_up_after))

    def get(self, ask: str) -> Ask:
        """Return an ask as it is now."""
        return self._server.run(conversation.look(ask, self._server.patience))

    def cancel(self, ask: str, reason: str = "") -> Ask:
        """Cancel an ask."""
        return self._server.run(conversation.cancel(ask, reason, self._server.patience))

    def decided(self, asked: Question, give_up_after: float | None = None) -> Ask:
        """Ask, and wait until it is approved. Raise `NotApproved` if it is not, or was used before."""
        ask = self._server.run(conversation.create(asked.body, asked.key, self._server.patience))
        try:
            ended = self._server.run(conversation.wait(ask, give_up_after))
        except BaseException:
            if not asked.is_named:
                self._leave(ask)
            raise
        return conversation.approved(ended)

    def take(self, ask: Ask, asked: Question | None = None) -> SyncApproval:
        """Take an approval, exactly once, just before what it is for."""
        values = asked.values if asked is not None else _arguments
        values(conversation.approved(ask))  # what is wrong with them is noticed before the approval is used
        used = self._server.run(conversation.consume(ask, self._server.patience))
        return SyncApproval(self._server, used, values(used))

    def _leave(self, ask: Ask) -> None:
        try:
            self._server.run(_farewell(ask))
        except SignoffError:
            return


def _arguments(ask: Ask) -> dict[str, Any]:
    return dict(ask.arguments)


def _farewell(ask: Ask) -> Talk:
    return conversation.cancel(ask.id, _GONE, _HURRY)
