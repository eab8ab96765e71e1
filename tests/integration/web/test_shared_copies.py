"""The page of a request that has one shared copy in a channel, over real HTTP."""

from __future__ import annotations

from pathlib import Path

from engine.errors import ChannelError
from engine.ports import Route
from tests.support.fakes import KnownPeople
from tests.support.recording_channel import Fault
from tests.support.web_env import EMAIL_WORKFLOW, open_web

SHARED = EMAIL_WORKFLOW.replace("KEYS", '      channels: [email, {post_to: "#finance"}]')
GONE = ChannelError("the channel is archived", permanent=True)


async def test_the_page_says_that_the_copy_in_the_channel_could_not_be_posted(path: Path) -> None:
    people = KnownPeople(lambda email: [Route("email", email)], places="slack")
    async with open_web(path, directory=people) as env:
        env.engine_env.channel.queue_faults(Fault(error=GONE))
        await env.request_approval(source=SHARED)
        _, page = await env.open_link()
        assert "Not posted" in page.page.text
        assert "#finance: the channel is archived" in page.page.text
