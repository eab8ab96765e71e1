"""The one door in: every start, decision, cancel and resume, from any surface, is one call of `Engine`.

Handlers parse, call, and answer: a `Refusal` is a value to be said in a sentence, an exception is the world failing.
`engine` is the door, `identity` what people outside of Slack show there; each of the other modules holds the units of
work behind one kind of command.
"""

from engine.service.engine import Engine
from engine.service.identity import Identity

__all__ = ["Engine", "Identity"]
