"""The methods of the Web API that Signoff uses, and a few that help to look around.

Each module registers its methods in `registry.METHODS` when it is imported; importing this package imports all.
"""

from bot.devtools.sandbox.methods import basics, chat, conversations, files, usergroups, users, views
from bot.devtools.sandbox.methods.registry import METHODS, Call, Method

__all__ = [
    "METHODS",
    "Call",
    "Method",
    "basics",
    "chat",
    "conversations",
    "files",
    "usergroups",
    "users",
    "views",
]
