"""`python -m tests.soak --minutes 5 --seed 17`: exit code 0 if every invariant held, 1 if one is broken."""

from __future__ import annotations

import argparse
import logging
import random
import shutil
import signal
import sys
import time

from tests.soak import campaign
from tests.soak.campaign import Campaign


def main() -> int:
    """One campaign; its figures are printed, and where everything was kept if something was found."""
    given = _parser().parse_args()
    seed = int(given.seed) if given.seed else random.SystemRandom().randrange(2**32)
    # Told to stop, it takes its disk and its servers with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = campaign.folder()
    began = time.monotonic()
    _say(f"soak: {given.minutes:g} minutes, seed {seed}")
    # The local Slack has many callers that die in the middle of a sentence; that is not news here.
    logging.basicConfig(filename=folder / "campaign.log", level=logging.INFO)
    made = Campaign(minutes=given.minutes, seed=seed, folder=folder, say=_say)
    made.run()
    for name, count in sorted(made.figures.items()):
        _say(f"{count:8}  {name}")
    _say(f"{time.monotonic() - began:8.0f}  seconds in all")
    if not made.findings:
        if given.keep:
            _say(f"the logs are in {folder}")
        else:
            shutil.rmtree(folder)
        _say(f"every invariant held (seed {seed})")
        return 0
    for one in made.findings[:50]:
        _say(f"FOUND {one}")
    _say(f"{len(made.findings)} findings (seed {seed}); the database, the logs and the evidence are in {folder}")
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description="Hold Signoff against everything at once."
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="how long the storm lasts")
    parser.add_argument("--seed", default="", help="repeats the choices of a campaign; empty: a fresh one")
    parser.add_argument("--keep", action="store_true", help="keep the folder though nothing was found")
    return parser


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 this is a command


if __name__ == "__main__":
    sys.exit(main())
