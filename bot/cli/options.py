"""Options that several commands share, in a module that imports nothing slow."""

from __future__ import annotations

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
