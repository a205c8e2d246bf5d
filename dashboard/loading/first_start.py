"""Something to look at on the very first start."""

from dashboard.database import Database

_UNTOUCHED = """
SELECT NOT EXISTS (SELECT FROM dashboard.loads) AND NOT EXISTS (SELECT FROM shop.orders)
"""


def is_untouched(database: Database) -> bool:
    """Whether nobody has ever loaded an order, so that a demo shop is in nobody's way."""
    with database.snapshot() as snapshot:
        return bool(snapshot.frame(_UNTOUCHED).item())
