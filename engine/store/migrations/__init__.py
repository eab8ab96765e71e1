"""The schema's history (Alembic). `engine.store.schema` applies it; a released step is never edited."""
