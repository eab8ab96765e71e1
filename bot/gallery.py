"""The gallery: the ready-made workflows in their groups, each with the questions that its builder answers once."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic import Field as Key

from bot import template_files
from engine.errors import SignoffError
from engine.fields import Field, FieldType
from engine.workflowfile import yaml_tree
from engine.workflowfile.yaml_tree import FileKind

INDEX: Final = "gallery.yaml"
_KIND: Final = FileKind("gallery", "The gallery is empty.")


class GalleryError(SignoffError):
    """The index of the gallery, or a file that it names, is damaged."""


class QuestionType(StrEnum):
    """What an answer is. `people`: approvers as a gate names them; `channel`: a channel in Slack."""

    PEOPLE = "people"
    CHANNEL = "channel"
    DURATION = "duration"
    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    URL = "url"
    EMAIL = "email"
    CHOICE = "choice"


OWN_TYPES: Final = frozenset({QuestionType.PEOPLE, QuestionType.CHANNEL, QuestionType.DURATION})
"""Types that no field of a workflow has."""
WRITTEN_IN_EXPRESSIONS: Final = frozenset({QuestionType.NUMBER, QuestionType.INTEGER, QuestionType.CHOICE})
"""Types whose answers may stand inside an expression: they cannot change its meaning."""


class _GalleryPart(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class AnswerPlace(_GalleryPart):
    """A place of the workflow file, and what is written there: `$name` stands for the answer to a question."""

    at: Annotated[str, Key(min_length=1)]
    write: Any


class GalleryQuestion(_GalleryPart):
    """A question to the builder. `default`: what is typed in the form at first; of people a list."""

    name: Annotated[str, Key(pattern="^[a-z][a-z0-9_]{0,39}$")]
    label: Annotated[str, Key(min_length=1, max_length=100)]
    help: Annotated[str, Key(max_length=300)] = ""
    type: QuestionType
    default: str | int | Decimal | list[str] | None = None
    required: bool = True
    min: int | Decimal | None = None
    max: int | Decimal | None = None
    max_length: Annotated[int, Key(ge=1, le=500)] | None = None
    options: list[str] = []
    sets: Annotated[list[AnswerPlace], Key(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, raw: Any) -> Any:
        """Read a path alone as a place that the answer is written to, and the type as its name."""
        if not isinstance(raw, dict):
            return raw
        places = raw.get("sets")
        name, kind = raw.get("name"), raw.get("type")
        if isinstance(places, list):
            places = [{"at": at, "write": f"${name}"} if isinstance(at, str) else at for at in places]
        return {**raw, "sets": places, "type": next((known for known in QuestionType if known == kind), kind)}

    @model_validator(mode="after")
    def _check_field(self) -> GalleryQuestion:
        assert self.field is not None
        return self

    @property
    def field(self) -> Field:
        """The field of the form. People, channels and durations are typed as text."""
        options = {"options": self.options} if self.options else {}
        bounds = {"min": self.min, "max": self.max}
        is_text = self.type in (*OWN_TYPES, QuestionType.TEXT)
        return Field.model_validate(
            {
                "type": FieldType.TEXT if self.type in OWN_TYPES else FieldType(self.type),
                "label": self.label,
                "help": self.help,
                "required": self.required,
                "max_length": (self.max_length or 500) if is_text else None,
                **options,
                **{name: bound for name, bound in bounds.items() if bound is not None},
            }
        )

    @property
    def typed_default(self) -> str:
        """The default as it is typed."""
        if self.default is None:
            return ""
        return ", ".join(self.default) if isinstance(self.default, list) else str(self.default)


class _Entry(_GalleryPart):
    file: Annotated[str, Key(pattern="^[a-z0-9][a-z0-9-]*[.]yaml$")]
    group: Annotated[str, Key(min_length=1, max_length=75)]
    purpose: Annotated[str, Key(min_length=1, max_length=150)]
    questions: Annotated[list[GalleryQuestion], Key(max_length=12)] = []

    @model_validator(mode="after")
    def _check_names(self) -> _Entry:
        names = [question.name for question in self.questions]
        if len(set(names)) != len(names) or not {"name", "title"}.isdisjoint(names):
            raise ValueError("each question has a name of its own, and none is `name` or `title`")
        return self


class _Index(_GalleryPart):
    templates: Annotated[list[_Entry], Key(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryTemplate:
    """A ready-made workflow. `name` and `title`: those of its file."""

    name: str
    title: str
    group: str
    purpose: str
    source: bytes
    questions: tuple[GalleryQuestion, ...]


@dataclass(frozen=True, slots=True)
class Gallery:
    """All ready-made workflows, in the order of the index."""

    templates: tuple[GalleryTemplate, ...]

    def find(self, name: str) -> GalleryTemplate | None:
        return next((template for template in self.templates if template.name == name), None)

    @property
    def groups(self) -> dict[str, list[GalleryTemplate]]:
        """The templates by group. Groups stand in the order of their first template."""
        groups: dict[str, list[GalleryTemplate]] = {}
        for template in self.templates:
            groups.setdefault(template.group, []).append(template)
        return groups


@functools.cache
def load() -> Gallery:
    """Return the gallery of this installation. Raises `GalleryError` or `TemplatesMissing`."""
    return read(template_files.folder())


def read(folder: Path) -> Gallery:
    """Return the gallery in a folder of templates. Raises `GalleryError`."""
    try:
        document = yaml_tree.read((folder / INDEX).read_bytes(), kind=_KIND)
        index = _Index.model_validate(document.root.value)
        templates = tuple(_templates(folder, index))
    except (OSError, SignoffError, ValidationError) as error:
        raise GalleryError(f"The gallery of this installation cannot be read: {error}") from error
    return Gallery(templates)


def _templates(folder: Path, index: _Index) -> Iterator[GalleryTemplate]:
    for entry in index.templates:
        source = (folder / "workflows" / entry.file).read_bytes()
        head = yaml_tree.read(source).root.value
        if not isinstance(head, dict):
            raise GalleryError(f"{entry.file} is no workflow file.")
        yield GalleryTemplate(
            name=str(head.get("name")),
            title=str(head.get("title") or head.get("name")),
            group=entry.group,
            purpose=entry.purpose,
            source=source,
            questions=tuple(entry.questions),
        )
