"""Trigger ids: three seconds, one use (docs.slack.dev/interactivity/handling-user-interaction#modal_responses)."""

from __future__ import annotations

from dataclasses import dataclass

from bot.devtools.sandbox import limits
from bot.devtools.sandbox.errors import ApiError
from bot.devtools.sandbox.world import World


@dataclass(kw_only=True)
class IssuedTrigger:
    """A trigger id: an action of a person, which lets the app open a modal. `view`: the modal of the action."""

    app_id: str
    user: str
    issued: float
    view: str | None = None
    used: bool = False


class Triggers:
    """All issued trigger ids."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.issued: dict[str, IssuedTrigger] = {}

    def issue(self, *, app_id: str, user: str, view: str | None = None) -> str:
        """Issue an id in Slack's form of three parts."""
        now = self.world.time.seconds
        name = f"{int(now * 1000)}.{self.world.count('trigger'):010d}.{self.world.new_id('t').lower()}"
        self.issued[name] = IssuedTrigger(app_id=app_id, user=user, issued=now, view=view)
        return name

    def redeem(self, name: str, *, app_id: str) -> IssuedTrigger:
        """Use and return a trigger. Raises `invalid_trigger_id`, `exchanged_trigger_id`, `expired_trigger_id`."""
        trigger = self.find(name, app_id=app_id)
        trigger.used = True
        return trigger

    def find(self, name: str, *, app_id: str) -> IssuedTrigger:
        """Return a trigger without using it up, so that a call with other errors does not waste it."""
        trigger = self.issued.get(name)
        if trigger is None or trigger.app_id != app_id:
            raise ApiError("invalid_trigger_id")
        if trigger.used:
            raise ApiError("exchanged_trigger_id")
        if self.world.time.seconds - trigger.issued > limits.TRIGGER_SECONDS:
            raise ApiError("expired_trigger_id")
        return trigger
