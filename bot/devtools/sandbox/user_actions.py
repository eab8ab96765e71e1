"""The actions of a person with mouse and forms: click, choose, fill in, submit, close, upload."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from bot.devtools.sandbox import inputs, lookup, payloads, render, view_stack
from bot.devtools.sandbox.delivery import Ack, DeliveryKind
from bot.devtools.sandbox.errors import ApiError, CannotAct, NotSubmitted
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.lookup import Target
from bot.devtools.sandbox.user_view import UserView
from bot.devtools.sandbox.world import File, InstalledApp, Message, View

ViewKind: TypeAlias = Literal["modal", "home"]
FAILURE_TEXTS: Final = {
    "operation_timeout": "This app didn’t respond in time.",
    "http_service_error": "This app responded with an error.",
    "dispatch_failed": "This app could not be reached.",
}
_MODAL_FAILURE_TEXT: Final = "We had some trouble connecting. Try again?"


class UserActions(UserView):
    """A person at their Slack client. Each action sends Slack's delivery to the app and returns its acknowledgement."""

    async def send(
        self, app: InstalledApp, body: Json, *, where: str, kind: DeliveryKind = "interactive", text: str | None = None
    ) -> Ack:
        """Deliver to the app. If it fails, the person sees the text (default: one for the failure)."""
        if self.user.deleted:
            raise CannotAct(f"{self.user.name} is deactivated")
        if kind == "interactive" and not app.interactivity:
            ack = Ack(problem="dispatch_failed")
        else:
            ack = await self.slack.deliveries.send(app, kind=kind, payload=body)
        if ack.problem is not None:
            self.slack.world.trouble(self.id, where=where, code=ack.problem, text=text or FAILURE_TEXTS[ack.problem])
        return ack

    async def click(
        self, name: Target, *, on: Json | ViewKind | None = None, confirm: bool = True, stale: bool = False
    ) -> Ack | None:
        """Click a button, by its text or action_id.

        `on`: a message from `sees`, or "modal" or "home"; default: the open modal, else the newest message in the
        conversation with the app that has such a button. `confirm`: the answer in a confirmation dialog; after a "no"
        nothing is sent, and None is returned. A message that has changed since it was seen cannot be clicked, except
        with `stale`: the click of a client that is not up to date. Raises `CannotAct`.
        """
        if on is None:
            on = "modal" if self.modal is not None else self._newest(name)
        if on in ("modal", "home"):
            return await self._click_view(name, self._front(on), confirm=confirm)
        assert isinstance(on, dict)
        message = self.message(on, stale=stale)
        block, element, choice = lookup.find_clickable(on.get("blocks", []), name)
        if _is_declined(element, confirm=confirm):
            return None
        action = self._action(block, element, choice)
        shown_message = {key: value for key, value in on.items() if key != "channel"}
        state = inputs.initial_state(on.get("blocks", []))
        body = payloads.message_action(
            self.slack, user=self.user, message=message, shown_message=shown_message, action=action, state=state
        )
        return await self.send(self.slack.world.apps[message.app_id or ""], body, where=f"message {message.ts}")

    def _newest(self, name: Target) -> Json:
        for message in reversed(self.sees()):
            if name in lookup.clickable_texts(message.get("blocks", [])) or _has_action(
                message.get("blocks", []), name
            ):
                return message
        raise CannotAct(f"{self.user.name} sees no message with a button {name!r} in their conversation with the app")

    def message(self, seen_message: Json, *, stale: bool) -> Message:
        """Return the message of a copy. With `stale` it may be deleted: the click still has its position."""
        world = self.slack.world
        current = world.message(seen_message["channel"], seen_message["ts"]) or world.ephemeral(
            seen_message["channel"], seen_message["ts"]
        )
        if current is not None and (stale or self.render(current).get("blocks") == seen_message.get("blocks")):
            return current
        if not stale:
            raise CannotAct("the message is gone or has changed since it was seen")
        return Message(
            channel=seen_message["channel"],
            ts=seen_message["ts"],
            user=seen_message["user"],
            app_id=seen_message["app_id"],
        )

    def _action(self, block: Json, element: Json, choice: Json) -> Json:
        value: Json | None = None
        if element["type"] == "overflow":
            value = {"selected_option": choice}
        elif element["type"] == "feedback_buttons":
            value = {"text": choice["text"], "value": choice["value"]}
        return payloads.action(self.slack, block=block, element=element, value=value)

    async def _click_view(self, name: Target, view: View, *, confirm: bool) -> Ack | None:
        block, element, choice = lookup.find_clickable(view.payload["blocks"], name)
        if _is_declined(element, confirm=confirm):
            return None
        body = payloads.view_action(self.slack, user=self.user, view=view, action=self._action(block, element, choice))
        return await self.send(self.slack.world.apps[view.app_id], body, where=f"view {view.id}")

    def _front(self, kind: Json | ViewKind) -> View:
        world = self.slack.world
        view = view_stack.top(world, self.id) if kind == "modal" else None
        if kind == "home" and (name := world.homes.get((self.slack.app.id, self.id))):
            view = world.views[name]
        if view is None:
            raise CannotAct(f"{self.user.name} has no {kind} open")
        return view

    async def fill(self, name: Target, value: Any, *, on: ViewKind = "modal") -> Ack | None:
        """Enter a value into an input, by its label, block_id or action_id. Options are given by text or value.

        With `dispatch_action`, or for an element outside input blocks, the app gets a delivery.
        """
        view = self._front(on)
        block, element = lookup.find_input(view.payload["blocks"], name)
        entry = inputs.enter(element, value)
        view.state[block["block_id"]][element["action_id"]] = entry
        view.errors.pop(block["block_id"], None)
        self.slack.changes.count_change()
        if block["type"] == "input" and not block.get("dispatch_action"):
            return None
        action = payloads.action(self.slack, block=block, element=element, value=entry)
        body = payloads.view_action(self.slack, user=self.user, view=view, action=action)
        return await self.send(self.slack.world.apps[view.app_id], body, where=f"view {view.id}")

    async def choose(self, name: Target, value: Any, *, on: Json) -> Ack | None:
        """Choose in a menu, a picker or boxes of a message from `sees`."""
        message = self.message(on, stale=False)
        block, element = lookup.find_input(on["blocks"], name)
        entry = inputs.enter(element, value)
        state = inputs.initial_state(on["blocks"])
        state[block["block_id"]][element["action_id"]] = entry
        action = payloads.action(self.slack, block=block, element=element, value=entry)
        shown_message = {key: part for key, part in on.items() if key != "channel"}
        body = payloads.message_action(
            self.slack, user=self.user, message=message, shown_message=shown_message, action=action, state=state
        )
        return await self.send(self.slack.world.apps[message.app_id or ""], body, where=f"message {message.ts}")

    async def options(self, name: Target, typed: str) -> list[Json]:
        """Type into an external select of the modal, and return its options."""
        view = self._front("modal")
        block, element = lookup.find_input(view.payload["blocks"], name)
        body = payloads.suggestion(
            self.slack,
            user=self.user,
            view=view,
            block_id=block["block_id"],
            action_id=element["action_id"],
            typed=typed,
        )
        ack = await self.send(self.slack.world.apps[view.app_id], body, where=f"view {view.id}")
        return inputs.read_suggestions(ack.body)

    async def submit(self, values: Mapping[str, Any] | None = None) -> Ack:
        """Fill in the front modal and submit it. Raises `NotSubmitted` for values that Slack's client refuses."""
        for name, value in (values or {}).items():
            await self.fill(name, value)
        view = self._front("modal")
        if view.payload.get("submit") is None:
            raise CannotAct("the modal has no submit button")
        problems = inputs.find_problems(view.payload["blocks"], view.state)
        if problems:
            raise NotSubmitted(problems)
        view.errors = {}
        body = payloads.submission(self.slack, user=self.user, view=view)
        ack = await self.send(
            self.slack.world.apps[view.app_id], body, where=f"view {view.id}", text=_MODAL_FAILURE_TEXT
        )
        if ack.ok:
            try:
                view_stack.apply_response(self.slack.world, view, response=ack.body)
            except ApiError as error:
                where = f"view {view.id}"
                self.slack.world.trouble(self.id, where=where, code=error.code, text=_MODAL_FAILURE_TEXT)
        return ack

    async def close(self, *, everything: bool = False) -> None:
        """Close the front modal ("Cancel"), or all of them (the ×). Apps that asked for it get `view_closed`."""
        view = self._front("modal")
        everything = everything or view.payload.get("clear_on_close", False)
        world = self.slack.world
        self.slack.changes.count_change()
        closed = view_stack.close_all(world, self.id) if everything else [view_stack.close_top(world, self.id)]
        for closed_view in closed:
            if closed_view is not None and closed_view.payload.get("notify_on_close"):
                body = payloads.closed(self.slack, user=self.user, view=closed_view, cleared=everything)
                await self.send(world.apps[closed_view.app_id], body, where=f"view {closed_view.id}")

    async def upload(self, name: str, content: bytes, *, into: Target | None = None) -> str:
        """Upload a file and return its id. `into`: a file_input of the front modal."""
        world = self.slack.world
        kind = mimetypes.guess_type(name)[0] or "text/plain"
        file = File(
            id=world.new_id("F"),
            name=name,
            mimetype=kind,
            filetype=name.rpartition(".")[2].lower() if "." in name else "text",
            user=self.id,
            created=int(self.slack.time.seconds),
            content=content,
        )
        world.files[file.id] = file
        if into is not None:
            view = self._front("modal")
            block, element = lookup.find_input(view.payload["blocks"], into)
            entry = inputs.entry_value(view.state[block["block_id"]][element["action_id"]])
            await self.fill(into, [*entry, render.file(world, file, base_url=self.slack.base_url)])
        return file.id


def _is_declined(element: Json, *, confirm: bool) -> bool:
    """Return whether a confirmation dialog was answered with no."""
    return "confirm" in element and not confirm


def _has_action(blocks: list[Json], name: Target) -> bool:
    try:
        lookup.find_clickable(blocks, name)
    except CannotAct:
        return False
    return True
