"""A small demo shop, made once a test process and copied, for the tests that look at pages."""

from datetime import date
from pathlib import Path

import psycopg
import sqlalchemy as sa
from rich.progress import Progress

from dashboard.database import Database
from dashboard.loading.demo import load_demo
from dashboard.settings import Settings

ORDERS = 3_000
LAST_DAY = date(2025, 3, 19)


def copy(server: str, template: str, name: str) -> str:
    """Make a database from a template that nobody is connected to; its URL."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


def fill(url: str, folder: Path) -> None:
    """Load the shop into a database with schema and views."""
    database = Database(url, Settings(_env_file=None, data_dir=folder))
    try:
        with Progress(disable=True) as progress:
            load_demo(database, orders=ORDERS, last_day=LAST_DAY, progress=progress)
    finally:
        database.close()
