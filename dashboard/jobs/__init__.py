"""What the program does behind its pages: refreshes, warm-up, reports and retention, as jobs that workers run."""

import logging

from dashboard.jobs.requesting import request, request_report
from dashboard.jobs.worker import working

__all__ = ["request", "request_report", "working"]

# Of what goes wrong we say in one line what a person needs; these print a traceback each time the database is gone.
for _library in ("procrastinate", "psycopg.pool"):
    logging.getLogger(_library).setLevel(logging.CRITICAL)
