"""What a person does with the mouse and in forms: click, choose, fill in, submit, close, upload."""

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
    """Somebody at their Slack client. Each act delivers what Slack would deliver, and returns the app's answer."""

    async def send(
        self, app: InstalledApp, body: Json, *, where: str, kind: DeliveryKind = "interactive", text: str | None = None
    ) -> Ack:
        """Deliver; if the app fails, the person sees the text (default: one for the failure)."""
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

        `on`: a message from `sees`, or "modal" or "home"; by default the open modal, else the newest message in the
        conversation with the app that has such a button. `confirm`: what they answer in a dialog; after a "no"
        nothing is sent, and None returned. A message that has changed since it was seen cannot be clicked, except
        with `stale`: the click of somebody whose client is behind. Raises `CannotAct`.
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
        action = self._clicked(block, element, choice)
        shown = {key: value for key, value in on.items() if key != "channel"}
        state = inputs.initial_state(on.get("blocks", []))
        body = payloads.message_action(
            self.slack, user=self.user, message=message, shown=shown, action=action, state=state
        )
        return await self.send(self.slack.world.apps[message.app_id or ""], body, where=f"message {message.ts}")

    def _newest(self, name: Target) -> Json:
        for message in reversed(self.sees()):
            if name in lookup.clickable_texts(message.get("blocks", [])) or _has_action(
                message.get("blocks", []), name
            ):
                return message
        raise CannotAct(f"{self.user.name} sees no message with a button {name!r} in their conversation with the app")

    def message(self, seen: Json, *, stale: bool) -> Message:
        """The message behind a copy. With `stale` it may even be gone: the click still carries where it was."""
        world = self.slack.world
        found = world.message(seen["channel"], seen["ts"]) or world.ephemeral(seen["channel"], seen["ts"])
        if found is not None and (stale or self.shown(found).get("blocks") == seen.get("blocks")):
            return found
        if not stale:
            raise CannotAct("the message is gone or has changed since it was seen")
        return Message(channel=seen["channel"], ts=seen["ts"], user=seen["user"], app_id=seen["app_id"])

    def _clicked(self, block: Json, element: Json, choice: Json) -> Json:
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
        body = payloads.view_action(self.slack, user=self.user, view=view, action=self._clicked(block, element, choice))
        return await self.send(self.slack.world.apps[view.app_id], body, where=f"view {view.id}")

    def _front(self, place: Json | ViewKind) -> View:
        world = self.slack.world
        view = view_stack.top(world, self.id) if place == "modal" else None
        if place == "home" and (name := world.homes.get((self.slack.app.id, self.id))):
            view = world.views[name]
        if view is None:
            raise CannotAct(f"{self.user.name} has no {place} open")
        return view

    async def fill(self, name: Target, value: Any, *, on: ViewKind = "modal") -> Ack | None:
        """Put a value into an input, by its label, block_id or action_id. Options are chosen by text or value.

        Where the app asked for it (`dispatch_action`, or an element that is not an input block), it hears of it.
        """
        view = self._front(on)
        block, element = lookup.find_input(view.payload["blocks"], name)
        held = inputs.enter(element, value)
        view.state[block["block_id"]][element["action_id"]] = held
        view.errors.pop(block["block_id"], None)
        self.slack.changes.moved()
        if block["type"] == "input" and not block.get("dispatch_action"):
            return None
        action = payloads.action(self.slack, block=block, element=element, value=held)
        body = payloads.view_action(self.slack, user=self.user, view=view, action=action)
        return await self.send(self.slack.world.apps[view.app_id], body, where=f"view {view.id}")

    async def choose(self, name: Target, value: Any, *, on: Json) -> Ack | None:
        """Choose in a menu, a picker or boxes of a message from `sees`."""
        message = self.message(on, stale=False)
        block, element = lookup.find_input(on["blocks"], name)
        held = inputs.enter(element, value)
        state = inputs.initial_state(on["blocks"])
        state[block["block_id"]][element["action_id"]] = held
        action = payloads.action(self.slack, block=block, element=element, value=held)
        shown = {key: part for key, part in on.items() if key != "channel"}
        body = payloads.message_action(
            self.slack, user=self.user, message=message, shown=shown, action=action, state=state
        )
        return await self.send(self.slack.world.apps[message.app_id or ""], body, where=f"message {message.ts}")

    async def options(self, name: Target, typed: str) -> list[Json]:
        """What an external select in the modal offers after typing this."""
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
        """Fill in the front modal and submit it. Raises `NotSubmitted` for what Slack's client refuses itself."""
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
                view_stack.apply_response(self.slack.world, view, answer=ack.body)
            except ApiError as error:
                where = f"view {view.id}"
                self.slack.world.trouble(self.id, where=where, code=error.code, text=_MODAL_FAILURE_TEXT)
        return ack

    async def close(self, *, everything: bool = False) -> None:
        """Close the front modal ("Cancel"), or all of them (the ×). Apps that asked for it are told."""
        view = self._front("modal")
        everything = everything or view.payload.get("clear_on_close", False)
        world = self.slack.world
        self.slack.changes.moved()
        gone = view_stack.close_all(world, self.id) if everything else [view_stack.close_top(world, self.id)]
        for item in gone:
            if item is not None and item.payload.get("notify_on_close"):
                body = payloads.closed(self.slack, user=self.user, view=item, cleared=everything)
                await self.send(world.apps[item.app_id], body, where=f"view {item.id}")

    async def upload(self, name: str, content: bytes, *, into: Target | None = None) -> str:
        """Upload a file; `into`: the file_input of the front modal that it is for. Returns the file's id."""
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
            held = inputs.entry_value(view.state[block["block_id"]][element["action_id"]])
            await self.fill(into, [*held, render.file(world, file, base_url=self.slack.base_url)])
        return file.id


def _is_declined(element: Json, *, confirm: bool) -> bool:
    """Whether a dialog was shown and answered with no."""
    return "confirm" in element and not confirm


def _has_action(blocks: list[Json], name: Target) -> bool:
    try:
        lookup.find_clickable(blocks, name)
    except CannotAct:
        return False
    return True
