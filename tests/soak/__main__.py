"""The command `python -m tests.soak --minutes 5 --seed 17`. Exit code 0: every invariant held; 1: one is broken."""

from __future__ import annotations

import argparse
import logging
import random
import shutil
import signal
import sys
import time
from contextlib import ExitStack
from typing import Any

from tests.soak import campaign
from tests.soak.campaign import Campaign
from tests.soak.replicas import ReplicaCampaign
from tests.soak.upgrade import NoOlderCode, UpgradeCampaign, older_code


def main() -> int:
    """Run one campaign, print its figures and findings, and keep its folder if there are findings."""
    arguments = _parser().parse_args()
    seed = int(arguments.seed) if arguments.seed else random.SystemRandom().randrange(2**32)
    # SIGTERM ends the campaign like Ctrl-C, so that its disk is unmounted and its servers are killed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = campaign.folder()
    began = time.monotonic()
    database = "postgresql" if arguments.upgrade_from else arguments.database
    _print(f"soak on {database}: {arguments.minutes:g} minutes, seed {seed}")
    # The local Slack logs each killed caller as an error, so its log goes to a file.
    logging.basicConfig(filename=folder / "campaign.log", level=logging.INFO)
    with ExitStack() as stack:
        soak = _campaign(arguments, stack, minutes=arguments.minutes, seed=seed, folder=folder, say=_print)
        soak.run()
    for name, count in sorted(soak.figures.items()):
        _print(f"{count:8}  {name}")
    _print(f"{time.monotonic() - began:8.0f}  seconds in all")
    if not soak.findings:
        if arguments.keep:
            _print(f"the logs are in {folder}")
        else:
            shutil.rmtree(folder)
        _print(f"every invariant held (seed {seed})")
        return 0
    for finding in soak.findings[:50]:
        _print(f"FOUND {finding}")
    _print(f"{len(soak.findings)} findings (seed {seed}); the database, the logs and the evidence are in {folder}")
    return 1


def _campaign(arguments: argparse.Namespace, stack: ExitStack, **options: Any) -> Campaign:
    if arguments.upgrade_from:
        try:
            older = stack.enter_context(older_code(arguments.upgrade_from, options["folder"]))
        except NoOlderCode as error:
            sys.exit(str(error))
        return UpgradeCampaign(older=older, **options)
    return ReplicaCampaign(**options) if arguments.database == "postgresql" else Campaign(**options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak",
        description="Run Signoff under faults of its processes, Slack, the clock, the disk and the database server.",
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="how long the faults go on")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite", help="what they run on")
    parser.add_argument("--upgrade-from", default="", help="replace PostgreSQL's processes of this commit during load")
    parser.add_argument("--seed", default="", help="seed of the random choices (default: a new one)")
    parser.add_argument("--keep", action="store_true", help="keep the folder even if there are no findings")
    return parser


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201 this is a command


if __name__ == "__main__":
    sys.exit(main())
