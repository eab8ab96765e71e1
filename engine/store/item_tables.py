"""The rows of the items of a `foreach`."""

from __future__ import annotations

from sqlalchemy import false
from sqlmodel import Field, SQLModel

from engine.store.columns import text_column


class ItemListRow(SQLModel, table=True):
    """The list of one visit to a foreach. `written`: how many items are written down; `taken`: the last that was begun.

    `fingerprint`: over the items that are written down, if people review all of them together. `stopped`: no more of
    them are begun.
    """

    __tablename__ = "item_list"
    run: str = Field(primary_key=True, foreign_key="run.id")
    step: str = Field(primary_key=True)
    visit: int = Field(primary_key=True)
    total: int
    written: int
    parallel: int
    taken: int = 0
    stopped: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    fingerprint: str | None = None


class ItemRow(SQLModel, table=True):
    """One item. `value`: as the steps of the foreach read it; `params`, `digest`: as people reviewed it.

    `lane`: the run that worked on it.
    """

    __tablename__ = "item"
    __table_args__ = {"sqlite_with_rowid": False}
    run: str = Field(primary_key=True, foreign_key="run.id")
    step: str = Field(primary_key=True)
    visit: int = Field(primary_key=True)
    number: int = Field(primary_key=True)
    status: str
    value: str | None = text_column()
    params: str | None = text_column()
    digest: str | None = None
    output: str | None = text_column()
    error: str | None = text_column()
    lane: str | None = None
