"""Shops for tests: a small demo shop, made once a test process and copied, and the Olist sample where there is one."""

import os
from datetime import date
from pathlib import Path

import psycopg
import sqlalchemy as sa
from rich.progress import Progress

from dashboard.database import Database
from dashboard.loading.demo import load_demo
from dashboard.loading.olist import load_olist
from dashboard.settings import ROOT, Settings

ORDERS = 3_000
LAST_DAY = date(2025, 3, 19)

SAMPLE = Path(os.environ.get("OLIST_SAMPLE", ROOT.parent / "shared" / "data" / "olist-sample"))
SAMPLE_ORDERS, SAMPLE_LAST_DAY = 4_071, date(2018, 9, 20)


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


def fill_like_olist(database: Database, rejects_dir: Path) -> None:
    """Load the Olist sample; where there is none, a demo shop of its size and time."""
    progress = Progress(disable=True)
    if SAMPLE.is_dir():
        load_olist(database, SAMPLE, rejects_dir=rejects_dir, progress=progress)
    else:
        load_demo(database, orders=SAMPLE_ORDERS, last_day=SAMPLE_LAST_DAY, progress=progress)
