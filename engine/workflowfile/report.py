"""Collects what is wrong in a file, each problem at its place in the file and only once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from engine.errors import DefinitionError, Problem
from engine.json_values import Path, Value
from engine.workflowfile import lookalikes
from engine.workflowfile.phrases import MAX_PROBLEMS, write_path
from engine.workflowfile.yaml_tree import Document, Mark

At = Literal["key", "value"]

_KEEP: Final = MAX_PROBLEMS * 20
"""Problems that are remembered, so that the number of those left out is right for every file a person wrote."""


@dataclass(slots=True)
class ProblemReport:
    """Everything wrong with one document. Paths are those of the file."""

    document: Document
    registered: bool = False
    """The file was taken once: what can only be advice to whoever writes it is not reported any more."""
    _found: dict[tuple[int, int, str], Problem] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._keep(self.document.problems)
        if not self.registered:
            self._keep(self.document.lookalikes)

    def add(self, path: Path, message: str, hint: str = "", *, at: At = "value") -> None:
        """`at`: whether the key or the value is to be pointed at. Silent where the file was refused anyway."""
        nodes = list(self.document.root.along(path))
        if any(node.broken for node in nodes):
            return
        here = nodes[-1]
        # A value that does not stand in the file is missing from the mapping that was reached: point at its name.
        mark: Mark = here.key if at == "key" or len(nodes) <= len(path) else here.mark
        self._keep([Problem(message, path=write_path(path), line=mark.line, column=mark.column, hint=hint)])

    def value(self, path: Path) -> Value:
        """The value at `path`, or of the last place on the way to it that the file has."""
        *_, here = self.document.root.along(path)
        return here.value

    def has(self, path: Path) -> bool:
        return len(list(self.document.root.along(path))) == len(path) + 1

    def has_problem(self, path: Path) -> bool:
        """Whether something was reported at this very place or below it."""
        start = write_path(path)
        return any(
            problem.path == start or problem.path.startswith((f"{start}.", f"{start}["))
            for problem in self._found.values()
        )

    def raise_problems(self) -> None:
        """Raises `DefinitionError` if there was any problem."""
        if not self._found:
            return
        told = (lookalikes.explain(problem, self.document.lines) for problem in self._found.values())
        # One character may be the cause of several problems.
        once = {(problem.line, problem.column, problem.message): problem for problem in told}
        problems = sorted(once.values(), key=lambda problem: (problem.line, problem.column))
        shown, rest = problems[:MAX_PROBLEMS], len(problems) - MAX_PROBLEMS
        if rest > 0:
            last = shown[-1]
            more = f"There are {rest} more problems from here on; correct these first."
            shown.append(Problem(more, line=last.line, column=last.column))
        raise DefinitionError(shown)

    def _keep(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            if len(self._found) < _KEEP:
                self._found.setdefault((problem.line, problem.column, problem.message), problem)
