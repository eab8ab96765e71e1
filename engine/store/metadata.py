"""All tables of the store, for the migrations and for comparing a schema."""

from __future__ import annotations

from typing import Final

from sqlalchemy import MetaData
from sqlmodel import SQLModel

from engine.store import (
    api_key_tables,
    ask_tables,
    attachment_tables,
    attention_tables,
    callback_tables,
    coordination_tables,
    insight_tables,
    item_tables,
    oversight_tables,
    people_tables,
    sampling_tables,
    search_tables,
    secret_tables,
    seeded_tables,
    tables,
    trigger_tables,
    version_tables,
    view_tables,
)

__all__ = [
    "METADATA",
    "api_key_tables",
    "ask_tables",
    "attachment_tables",
    "attention_tables",
    "callback_tables",
    "coordination_tables",
    "insight_tables",
    "item_tables",
    "oversight_tables",
    "people_tables",
    "sampling_tables",
    "search_tables",
    "secret_tables",
    "seeded_tables",
    "tables",
    "trigger_tables",
    "version_tables",
    "view_tables",
]

METADATA: Final[MetaData] = SQLModel.metadata
