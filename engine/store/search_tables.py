"""The rows by which requests are found by their words. They are made from the other tables, and can be made again."""

from __future__ import annotations

from sqlmodel import Field, SQLModel


class SearchWordRow(SQLModel, table=True):
    """A word of a request. The newest requests with a word are one index read. No foreign keys: they are many rows."""

    __tablename__ = "search_word"
    __table_args__ = ({"sqlite_with_rowid": False},)  # a row is no more than its key
    workspace: str = Field(primary_key=True)
    word: str = Field(primary_key=True)
    request: str = Field(primary_key=True)


class SearchProgressRow(SQLModel, table=True):
    """Up to which entry of the audit log the opened requests of a workspace can be found."""

    __tablename__ = "search_progress"
    workspace: str = Field(primary_key=True, foreign_key="workspace.id")
    seq: int
