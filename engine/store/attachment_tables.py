"""The rows of files. The bytes are stored elsewhere."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Column, Index, text
from sqlmodel import Field, SQLModel

from engine.store.columns import utc


class AttachmentRow(SQLModel, table=True):
    """A file that was uploaded, or that a step made. `uploader`: the address that gave it; null for a step.

    `remove_at`: when it is removed, unless a run uses it before; null while one does. `stored_at`: null while its bytes
    are being stored. `scanned`: whether a scanner found nothing in it.
    """

    __tablename__ = "attachment"
    __table_args__ = (
        Index("attachment_removal", "workspace", "remove_at", sqlite_where=text("remove_at IS NOT NULL")),
        Index("attachment_uploader", "uploader", "workspace"),
    )
    id: str = Field(primary_key=True)
    workspace: str = Field(foreign_key="workspace.id")
    name: str
    type: str
    size: int = Field(sa_column=Column(BigInteger, nullable=False))
    sha256: str
    uploader: str | None = None
    scanned: bool = False
    created_at: datetime = utc(nullable=False)
    stored_at: datetime | None = utc()
    remove_at: datetime | None = utc()


class RunAttachmentRow(SQLModel, table=True):
    """A file that a run uses. A file is removed with the last run that uses it."""

    __tablename__ = "run_attachment"
    __table_args__ = (Index("run_attachment_file", "attachment"),)
    run: str = Field(primary_key=True, foreign_key="run.id")
    attachment: str = Field(primary_key=True, foreign_key="attachment.id")
