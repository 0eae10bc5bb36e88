"""Credit checks, which are written once."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

AMOUNT = sa.Numeric(14, 2)
APPEND_ONLY = """
do $$
declare
    grantee text;
begin
    for grantee in
        select distinct granted.grantee from information_schema.table_privileges as granted
        where granted.table_schema = 'public' and granted.table_name = 'credit_checks'
        and granted.privilege_type in ('UPDATE', 'DELETE', 'TRUNCATE') and granted.grantee <> current_user
    loop
        execute format('revoke update, delete, truncate on credit_checks from %I', grantee);
    end loop;
end
$$
"""


def upgrade() -> None:
    """Make the table; default privileges grant the runtime role more than it may have of it."""
    op.create_table(
        "credit_checks",
        sa.Column("check_id", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("input", sa.JSON, nullable=False),
        sa.Column("input_sha256", sa.LargeBinary, nullable=False),
        sa.Column("known", sa.JSON, nullable=False),
        sa.Column("factors", sa.JSON, nullable=False),
        sa.Column("points", sa.SmallInteger, nullable=False),
        sa.Column("raw_score", sa.SmallInteger, nullable=False),
        sa.Column("gates", sa.JSON, nullable=False),
        sa.Column("credit_score", sa.SmallInteger, nullable=False),
        sa.Column("credit_rating", sa.Text, nullable=False),
        sa.Column("risk_assessment", sa.Text, nullable=False),
        sa.Column("recommended_credit_limit", AMOUNT, nullable=False),
        sa.Column("current_credit_limit", AMOUNT, nullable=False),
        sa.Column("reasons", sa.JSON, nullable=False),
        sa.Column("thin_file", sa.Boolean, nullable=False),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("traceparent", sa.Text),
        sa.PrimaryKeyConstraint("check_id", name="pk_credit_checks"),
        sa.CheckConstraint("credit_score between 300 and raw_score", name="ck_credit_checks_credit_score"),
        sa.CheckConstraint(
            "input_sha256 = sha256(convert_to(cast(input as text), 'UTF8'))",
            name="ck_credit_checks_input_sha256",
        ),
    )
    op.create_index(
        "ix_credit_checks_customer_id_created_at_check_id",
        "credit_checks",
        ["customer_id", "created_at", "check_id"],
    )
    op.execute(APPEND_ONLY)
