"""Report: collects the problems of a file, each at its line and column, and each only once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from engine.errors import DefinitionError, Problem
from engine.json_values import Path, Value
from engine.workflowfile import lookalikes
from engine.workflowfile.phrases import MAX_PROBLEMS, write_path
from engine.workflowfile.yaml_tree import Document, Mark

PointAt = Literal["key", "value"]

_MAX_KEPT: Final = MAX_PROBLEMS * 20
"""Maximum number of problems that are kept, so that the number of omitted problems is right for any usual file."""


@dataclass(slots=True)
class ProblemReport:
    """The problems of one document. Paths are those of the file."""

    document: Document
    registered: bool = False
    """Whether the file was accepted before. Then problems that were not reported in older versions are no problems."""
    _problems: dict[tuple[int, int, str], Problem] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._keep(self.document.problems)
        if not self.registered:
            self._keep(self.document.lookalikes)

    def add(self, path: Path, message: str, hint: str = "", *, at: PointAt = "value") -> None:
        """Add a problem at the key or at the value. Add nothing inside a node that the YAML reader refused."""
        nodes = list(self.document.root.along(path))
        if any(node.broken for node in nodes):
            return
        node = nodes[-1]
        # If the file has no value at `path`, point at the key of the last mapping on the way to it.
        mark: Mark = node.key if at == "key" or len(nodes) <= len(path) else node.mark
        self._keep([Problem(message, path=write_path(path), line=mark.line, column=mark.column, hint=hint)])

    def value(self, path: Path) -> Value:
        """Return the value at `path`, or the last value on the way to it that the file has."""
        *_, node = self.document.root.along(path)
        return node.value

    def has(self, path: Path) -> bool:
        """Return whether the file has a value at `path`."""
        return len(list(self.document.root.along(path))) == len(path) + 1

    def has_problem(self, path: Path) -> bool:
        """Return whether a problem was reported at `path` or inside it."""
        start = write_path(path)
        return any(
            problem.path == start or problem.path.startswith((f"{start}.", f"{start}["))
            for problem in self._problems.values()
        )

    @property
    def is_full(self) -> bool:
        """Whether it keeps no further problem: a file with so many of them has one cause."""
        return len(self._problems) >= _MAX_KEPT

    def raise_problems(self) -> None:
        """Raise `DefinitionError` with the problems in the order of the file's lines, if there are any."""
        if not self._problems:
            return
        explained = (lookalikes.explain(problem, self.document.lines) for problem in self._problems.values())
        # One lookalike may be the cause of several problems.
        distinct = {(problem.line, problem.column, problem.message): problem for problem in explained}
        problems = sorted(distinct.values(), key=lambda problem: (problem.line, problem.column))
        listed, omitted = problems[:MAX_PROBLEMS], len(problems) - MAX_PROBLEMS
        if omitted > 0:
            last = listed[-1]
            message = f"There are {omitted} more problems. Correct these first."
            listed.append(Problem(message, line=last.line, column=last.column))
        raise DefinitionError(listed)

    def _keep(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            if len(self._problems) < _MAX_KEPT:
                self._problems.setdefault((problem.line, problem.column, problem.message), problem)
