"""A local Slack as a real HTTP and WebSocket server, as strict as the real one, for tests, the demo and a page.

    async with sandbox(app=AppConfig(request_url="http://127.0.0.1:3000/slack/events")) as slack:
        client = AsyncWebClient(token=slack.app.bot_token, base_url=slack.api_url)
        ada = slack.person("ada")
        await ada.click("Approve")

Bound to loopback, never part of `serve`. Imports nothing of ours but `engine.ports` and `engine.system`.

| module | what is in it |
|---|---|
| `server` | start here: `sandbox()` and the handle that it yields |
| `slack` | the parts of one local Slack, and the record of the app's calls |
| `world`, `seed` | the state of the workspace; the people and channels of a new one; `AppConfig` |
| `limits`, `rates`, `errors` | Slack's published limits; token buckets; refusals |
| `arguments`, `methods`, `web_api` | the Web API: forms of arguments, a module for each family of methods, HTTP |
| `blocks` | validation of Block Kit |
| `messages`, `view_stack`, `render`, `inputs` | rules of messages and modals; JSON shapes; values of inputs |
| `triggers`, `response_urls` | trigger ids and response URLs, with their lifetimes |
| `delivery`, `sockets`, `payloads` | deliveries to the app over HTTP and Socket Mode |
| `user_view`, `user_actions`, `people`, `lookup` | a simulated person: views, actions, commands; lookup of inputs |
| `persistence` | saves the workspace to a file |
| `mail` | the SMTP server and its mailboxes |
| `faults`, `armed_faults`, `clock` | faults on demand; a clock that can be moved |
| `scripting_api`, `api_responses` | the JSON scripting API, /sandbox/api (docs/sandbox-api.md) |
| `page_files`, `page/`, `changes` | the page at /sandbox: serves its files; notifies it of changes |
"""

from bot.devtools.sandbox.clock import FrozenClock
from bot.devtools.sandbox.errors import CannotAct, NotSubmitted
from bot.devtools.sandbox.mail.config import MailConfig
from bot.devtools.sandbox.seed import AppConfig
from bot.devtools.sandbox.server import RunningSandbox, sandbox
from bot.devtools.sandbox.slack import Hint

__all__ = ["AppConfig", "CannotAct", "FrozenClock", "Hint", "MailConfig", "NotSubmitted", "RunningSandbox", "sandbox"]
