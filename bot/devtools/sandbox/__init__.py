"""A local Slack as a real HTTP and WebSocket server, as strict as the real one: for tests, the demo, and a page.

    async with sandbox(app=AppConfig(request_url="http://127.0.0.1:3000/slack/events")) as slack:
        client = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url)
        ada = slack.person("ada")
        await ada.click("Approve")

Bound to loopback, never part of `serve`. Imports nothing of ours but `engine.ports` and `engine.system`.

| module | what is in it |
|---|---|
| `server` | start here: `sandbox()` and the handle that it yields |
| `world`, `seed` | the state; the people and channels of a fresh workspace; `AppConfig` |
| `limits`, `rates`, `errors` | Slack's published numbers; token buckets; refusals |
| `arguments`, `methods`, `web` | the Web API: argument forms, one module a family, HTTP |
| `blocks` | Block Kit validation |
| `messages`, `viewing`, `render`, `inputs` | rules of messages and of modals; shapes; values of inputs |
| `triggers`, `response_urls` | what an interaction allows, and for how long |
| `delivery`, `sockets`, `payloads` | deliveries to the app over HTTP and Socket Mode |
| `seeing`, `acting`, `people` | a person at their client |
| `keeping` | the workspace on disk |
| `mail` | the SMTP server and its mailboxes |
| `faults`, `clock` | faults on demand; time that can be moved |
| `api` | the JSON scripting API, /sandbox/api (docs/sandbox-api.md) |
| `window`, `page/`, `changes` | the page at /sandbox: serving it, its files, what tells it of changes |
"""

from bot.devtools.sandbox.clock import FrozenClock
from bot.devtools.sandbox.errors import CannotAct, NotSubmitted
from bot.devtools.sandbox.mail.config import MailConfig
from bot.devtools.sandbox.seed import AppConfig
from bot.devtools.sandbox.server import RunningSandbox, sandbox
from bot.devtools.sandbox.slack import Hint

__all__ = ["AppConfig", "CannotAct", "FrozenClock", "Hint", "MailConfig", "NotSubmitted", "RunningSandbox", "sandbox"]
