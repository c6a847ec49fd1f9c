"""Hooks as they came, and the workflows that they began."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("CREATE TABLE hooks (id bigserial PRIMARY KEY, payload jsonb NOT NULL, received timestamptz NOT NULL DEFAULT now(), handed_on timestamptz)")
    op.execute("CREATE TABLE workflows (partition int, message_offset bigint, PRIMARY KEY (partition, message_offset))")


def downgrade() -> None:
    op.execute("DROP TABLE workflows")
    op.execute("DROP TABLE hooks")
