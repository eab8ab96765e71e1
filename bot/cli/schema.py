"""The command `signoff schema`."""

from __future__ import annotations

import json

import click

from bot.cli.context import load_context
from bot.step_types import load_step_types
from engine.steps.workflow_schema import workflow_schema


@click.command()
def schema() -> None:
    """Print the JSON Schema of workflow files, for editors.

    Editors complete keys and show mistakes with it. Write it beside your workflows: signoff schema >
    workflow.schema.json. It knows the step types that are installed.
    """
    click.echo(schema_text(), nl=False)


def schema_text() -> str:
    """Return the schema with the step types that are installed."""
    return json.dumps(workflow_schema(load_step_types(load_context().settings)), indent=1) + "\n"
