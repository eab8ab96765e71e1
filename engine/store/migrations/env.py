"""Alembic's entry: runs the steps on the connection that `engine.store.schema` hands over."""

from alembic import context

from engine.store.metadata import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
