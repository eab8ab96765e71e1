"""The command `signoff`: parses arguments, calls the engine, prints. Nothing here decides.

Start reading at `main`. It imports a command only when that is called (`lazy`), so that a listing does not wait for
the imports of the server. `errors` turns a failure into a sentence and an exit code. `client` reaches the data. The
other modules hold the commands, grouped by their subject.
"""

from bot.cli.main import main

__all__ = ["main"]
