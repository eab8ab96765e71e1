"""The command `signoff`: parses, calls, prints. Nothing here decides.

`main` is the entry. It imports a command when that is called (`later`), and `failures` where one fails, which turns it
into a sentence and an exit code. The other modules hold the commands by what they are about and by what they import:
who lists runs does not wait for the server's imports. Start reading at `main`.
"""

from bot.cli.main import main

__all__ = ["main"]
