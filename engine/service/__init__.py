"""The entry point of the engine: every command, from any surface, is one call of `Engine`, `Identity`, `ApiKeys`,
`CallbackEndpoints`, `Erasures` or `KeptForms`.

A handler parses its input, calls, and shows the result. A `Refusal` is a value with a sentence for people; an exception
means that a disk, a network or a program failed. `engine`, `identity`, `api_keys`, `callback_endpoints` and `erasures`
hold the classes, and each of the other modules holds the units of work of one command.
"""

from engine.service.api_keys import ApiKeys
from engine.service.callback_endpoints import CallbackEndpoints
from engine.service.engine import Engine
from engine.service.erasures import Erasures
from engine.service.identity import Identity
from engine.service.kept_forms import KeptForms
from engine.service.secret_commands import SecretCommands

__all__ = ["ApiKeys", "CallbackEndpoints", "Engine", "Erasures", "Identity", "KeptForms", "SecretCommands"]
