"""The command `signoff`: parses, calls, prints. Nothing here decides.

`main` is the entry and turns whatever goes wrong into a sentence and an exit code; the other modules hold the
commands by what they are about. Start reading at `main`.
"""

from bot.cli.main import main

__all__ = ["main"]
