"""Expressions over `content`: what a gate shows, as it is approved, with the edits of approvers."""

from __future__ import annotations

from dataclasses import replace

from engine.expressions import Template
from engine.json_values import Path
from engine.workflowfile.expression_scope import CONTENT, ExpressionNames, compile_text
from engine.workflowfile.report import ProblemReport


def reads_content(template: Template) -> bool:
    """Return whether an expression depends on what approvers may edit."""
    return any(path[0] == CONTENT for path in template.references)


def compile_over_content(report: ProblemReport, text: str, at: Path, names: ExpressionNames) -> Template | None:
    """Compile a text that may read `content`, alone or not at all: only then its value can follow an edit."""
    template = compile_text(report, text, at, replace(names, has_content=True))
    if template is not None and reads_content(template):
        other = next((path for path in template.references if path[0] != CONTENT), None)
        if other is not None:
            name = ".".join(str(part) for part in other)
            hint = "Read all of it from `content`, or none."
            report.add(at, f"`content` can change when people edit it, and `{name}` cannot.", hint)
    return template
