"""The settings as they are, without what nobody is to see."""

from pathlib import Path

import polars as pl
from pydantic import SecretStr

from dashboard.settings import Settings, variable

HIDDEN = "set, not shown"
_SCHEMA = {"setting": pl.String, "value": pl.String, "is_from": pl.String, "meaning": pl.String}


def setting_rows(settings: Settings) -> pl.DataFrame:
    """A row for each setting, those that somebody set first, as Strings.

    Columns: ``setting`` (the variable), ``value`` (as one would write it; secrets are left out), ``is_from`` (``set``
    or ``default``), ``meaning``.
    """
    fields = sorted(
        Settings.model_fields.items(), key=lambda field: field[0] not in settings.model_fields_set
    )
    rows = [
        (
            variable(name),
            _written(getattr(settings, name)),
            "set" if name in settings.model_fields_set else "default",
            str(field.description),
        )
        for name, field in fields
    ]
    return pl.DataFrame(rows, _SCHEMA, orient="row")


def _written(value: object) -> str:
    match value:
        case SecretStr():
            return HIDDEN
        case None | ():
            return "none"
        case tuple():
            return ",".join(map(str, value))
        case float():
            return f"{value:g}" if value != int(value) else str(int(value))
        case Path():
            return str(value)
    return str(value)
