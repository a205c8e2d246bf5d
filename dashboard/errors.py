"""The errors that reach a person; each message says what was wrong, where, and what to do."""

from pathlib import Path


class DaybookError(Exception):
    """Something a reader, an operator or an author of queries can put right."""


class SettingsError(DaybookError):
    """A setting has a value that the program cannot work with."""


class WindowError(DaybookError):
    """A date range, grain or comparison makes no sense."""


class CatalogueError(DaybookError):
    """A query file says one thing in its header and another in its SQL."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        super().__init__(f"{path}:{line}: {problem}")
        self.path, self.line, self.problem = path, line, problem


class UnknownQuery(DaybookError):
    """No query file has the name that was asked for."""


class ParameterError(DaybookError):
    """A query was asked with a missing, unknown or unreadable parameter."""


class DatabaseError(DaybookError):
    """PostgreSQL refused or failed a statement."""


class DatabaseUnavailable(DatabaseError):
    """No connection to PostgreSQL could be made, or it broke."""


class StatementTimeout(DatabaseError):
    """A statement ran longer than its reader may wait."""


class StatementCancelled(DatabaseError):
    """A read was given up before its end, since nobody waited for it."""


class MissingRights(DatabaseError):
    """The database user lacks rights that the program needs."""


class NewerSchema(DatabaseError):
    """The database was migrated by a newer program than this one."""


class DataMoved(DatabaseError):
    """The data got a new version between reads that must see one."""


class RefreshFailed(DaybookError):
    """Views could not be filled, and keep their old rows."""


class ReportError(DaybookError):
    """A report can't be made, or is no longer there."""


class ViewError(DaybookError):
    """A view can't be saved, or is no longer what it was."""


class NameTaken(ViewError):
    """A page has a saved view of this name."""

    def __init__(self, name: str, view_id: int) -> None:
        super().__init__(f"This page has a view {name} already. Replace that one, or choose another name.")
        self.view_id = view_id


class EmbeddedError(DaybookError):
    """The bundled PostgreSQL could not be initialised, started or stopped."""


class ComputationFailed(DaybookError):
    """A cached function failed in another process, for all who waited for it."""


class LoadError(DaybookError):
    """A source of orders cannot be loaded; nothing was written."""


class ServerError(DaybookError):
    """The dashboard can't listen where it was told to."""
