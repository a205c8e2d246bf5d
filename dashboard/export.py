"""Rows as files to take away."""

import polars as pl

from dashboard.measures import Column


def csv(rows: pl.DataFrame, columns: list[Column]) -> bytes:
    """A header of labels and a line a row; UTF-8 with the byte order mark that spreadsheets look for."""
    named = rows.select(pl.col(column.name).alias(column.label) for column in columns)
    return named.write_csv(include_bom=True).encode()
