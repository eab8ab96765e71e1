"""PostgreSQL: text in the order of its bytes, and rows that are only appended

As SQLite has had both from the first schema, nothing changes there.

Revision: 0008, after 0007
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# With the collation of the operating system, an upgrade of its library would corrupt the indexes.
TEXT_COLUMNS = {
    "workspace": "id, name",
    "person": "id, workspace, name, split_from, zone",
    "address": "workspace, kind, value, person, refused_why",
    "address_period": "id, workspace, kind, value, person, evidence, ended, moved",
    "workflow": "id, workspace, name, title, owner",
    "workflow_version": "workflow, hash, registered_by",
    "run": ("id, workspace, workflow, requester, requester_label, origin, key, status, inputs, cancel, error"),
    "step_run": "run, step, status, params, digest, output, error",
    "step_answer": "run, step, answer, person, assurance",
    "request": (
        "id, workspace, run, step, at, state, title, details, content, digest, policy, reason_required, on_expiry, "
        "closed_by"
    ),
    "approver": "request, person, rule, named_by, excluded",
    "decision": (
        "id, workspace, request, person, verdict, reason, edits, shown_digest, approved_digest, assurance, record"
    ),
    "delivery": ("id, workspace, kind, run, request, topic, person, channel, address, state, receipt, last_error"),
    "audit": "workspace, run, leaf, content",
    "link": "request, person, address, delivery",
    "attention_link": "run, step, person, address, delivery",
    "browser": "id, workspace, person, address, label",
    "challenge": "id, workspace, form, person, address, request, decision, purpose, label, run",
}

LONG = {
    "address": {"refused_why"},
    "address_period": {"evidence", "ended", "moved"},
    "run": {"origin", "inputs", "cancel", "error"},
    "step_run": {"params", "output", "error"},
    "request": {"title", "details", "content"},
    "approver": {"named_by", "excluded"},
    "decision": {"reason", "edits", "record"},
    "delivery": {"receipt", "last_error"},
    "audit": {"leaf", "content"},
    "challenge": {"decision"},
}
"""The columns of type TEXT; all others are VARCHAR."""

APPEND_ONLY = """
CREATE FUNCTION signoff_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER audit_kept BEFORE DELETE OR TRUNCATE ON audit
  EXECUTE FUNCTION signoff_append_only();
CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit FOR EACH ROW
  WHEN (NEW.workspace IS DISTINCT FROM OLD.workspace OR NEW.seq IS DISTINCT FROM OLD.seq
    OR NEW.run IS DISTINCT FROM OLD.run OR NEW.leaf IS DISTINCT FROM OLD.leaf OR NEW.hash IS DISTINCT FROM OLD.hash
    OR NEW.salt IS NOT NULL OR NEW.content IS NOT NULL)
  EXECUTE FUNCTION signoff_append_only();
CREATE TRIGGER decision_kept BEFORE DELETE OR TRUNCATE ON decision
  EXECUTE FUNCTION signoff_append_only();
CREATE TRIGGER decision_unchanged BEFORE UPDATE ON decision FOR EACH ROW
  WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.workspace IS DISTINCT FROM OLD.workspace
    OR NEW.request IS DISTINCT FROM OLD.request OR NEW.content_version IS DISTINCT FROM OLD.content_version
    OR NEW.person IS DISTINCT FROM OLD.person OR NEW.verdict IS DISTINCT FROM OLD.verdict
    OR NEW.shown_digest IS DISTINCT FROM OLD.shown_digest OR NEW.approved_digest IS DISTINCT FROM OLD.approved_digest
    OR NEW.assurance IS DISTINCT FROM OLD.assurance OR NEW.decided_at IS DISTINCT FROM OLD.decided_at
    OR (NEW.reason IS DISTINCT FROM OLD.reason AND NEW.reason IS NOT NULL)
    OR (NEW.edits IS DISTINCT FROM OLD.edits AND NEW.edits IS NOT NULL)
    OR (NEW.record IS DISTINCT FROM OLD.record AND NEW.record IS DISTINCT FROM '{}'))
  EXECUTE FUNCTION signoff_append_only();
"""


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    _collate("C")
    for statement in _statements():
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in ("audit", "decision"):
        for name in ("kept", "unchanged"):
            op.execute(f"DROP TRIGGER {table}_{name} ON {table}")
    op.execute("DROP FUNCTION signoff_append_only()")
    _collate("default")


def _collate(collation: str) -> None:
    # One statement for each table, so that its indexes are built once.
    for table, columns in TEXT_COLUMNS.items():
        changes = [
            f'ALTER COLUMN {name} TYPE {_type(table, name)} COLLATE "{collation}"' for name in columns.split(", ")
        ]
        op.execute(f"ALTER TABLE {table} {', '.join(changes)}")


def _type(table: str, column: str) -> str:
    return "TEXT" if column in LONG.get(table, ()) else "VARCHAR"


def _statements() -> list[str]:
    """Return the statements one by one, because the driver takes one at a time."""
    function, _, triggers = APPEND_ONLY.partition("$$;")
    return [f"{function}$$", *filter(str.strip, triggers.split(";"))]
