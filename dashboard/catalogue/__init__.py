"""The catalogue: every file in ``queries/``, its header checked against its SQL."""

from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from dashboard.catalogue.parameter import ParameterType
from dashboard.catalogue.query import Query, read_query
from dashboard.catalogue.source import listed
from dashboard.catalogue.view import View, read_view
from dashboard.errors import CatalogueError, UnknownQuery
from dashboard.settings import ROOT

__all__ = ["Catalogue", "ParameterType", "Query", "View", "catalogue", "load_catalogue"]

FOLDER = ROOT / "queries"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All queries by name, and all views in an order in which they can be built."""

    queries: dict[str, Query]
    views: tuple[View, ...]

    def __getitem__(self, name: str) -> Query:
        if name not in self.queries:
            raise UnknownQuery(f"There is no query {name!r}; there are {listed(self.queries)}.")
        return self.queries[name]

    def view(self, name: str) -> View:
        """The view of that name. Raises UnknownQuery."""
        for view in self.views:
            if view.name == name:
                return view
        raise UnknownQuery(f"There is no view {name!r}; there are {listed(v.name for v in self.views)}.")

    def reading(self, names: set[str]) -> tuple[View, ...]:
        """The views of these names and all that read them, directly or not, in order of building."""
        found = set(names)
        for view in self.views:
            if found & set(view.reads):
                found.add(view.name)
        return tuple(view for view in self.views if view.name in found)


def load_catalogue(folder: Path = FOLDER) -> Catalogue:
    """Read and check all query files. Raises CatalogueError, which names file and line."""
    views = {path.stem: read_view(path) for path in sorted(folder.glob("views/*.sql"))}
    queries = [
        read_query(path, folder)
        for path in sorted(folder.glob("**/*.sql"))
        if path.parent != folder / "views"
    ]
    return Catalogue({query.name: query for query in queries}, _ordered(views))


def _ordered(views: dict[str, View]) -> tuple[View, ...]:
    order = TopologicalSorter({name: set(view.reads) & views.keys() for name, view in views.items()})
    try:
        return tuple(views[name] for name in order.static_order())
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise CatalogueError(views[error.args[1][0]].path, 1, f"views read each other: {circle}") from error


@cache
def catalogue() -> Catalogue:
    """The catalogue of this program, read once."""
    return load_catalogue()
