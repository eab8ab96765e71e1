"""What people last looked at. Losing these rows loses nothing but the place in a list."""

from __future__ import annotations

from sqlmodel import Field, SQLModel


class LastViewRow(SQLModel, table=True):
    """What a list shows that is kept up to date for a person: its part, filter and page, as its surface writes it."""

    __tablename__ = "last_view"
    workspace: str = Field(primary_key=True, foreign_key="workspace.id")
    address: str = Field(primary_key=True)
    shown: str
