"""How Alembic connects: over the connection that dashboard/schema.py hands it."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="schema_revision",
    version_table_schema="dashboard",
)
context.run_migrations()
