"""The methods of the Web API that Signoff uses, and a few more for inspection.

Each module registers its methods in `registry.METHODS`; importing this package imports all modules.
"""

from bot.devtools.sandbox.methods import basics, chat, conversations, files, openid, usergroups, users, views
from bot.devtools.sandbox.methods.registry import METHODS, Call, Method

__all__ = [
    "METHODS",
    "Call",
    "Method",
    "basics",
    "chat",
    "conversations",
    "files",
    "openid",
    "usergroups",
    "users",
    "views",
]
