"""What the program does by itself: refreshes, warm-up and retention, as jobs in the database that workers run."""

import logging

from dashboard.jobs.requesting import request
from dashboard.jobs.worker import working

__all__ = ["request", "working"]

# Of what goes wrong we say in one line what a person needs; these print a traceback each time the database is gone.
for _library in ("procrastinate", "psycopg.pool"):
    logging.getLogger(_library).setLevel(logging.CRITICAL)
