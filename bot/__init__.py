"""The edges: commands, channels, and the composition root that binds them to the engine.

`cli` parses, `app` builds, `terminal` shows and asks, `local` is the door for commands on the same machine. Nothing
here decides: every decision is one call of `engine.service.Engine`.
"""
