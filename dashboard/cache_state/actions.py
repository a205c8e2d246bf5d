"""What operators do to the cache."""

import logging
from collections.abc import Sequence

from dashboard.catalogue import Catalogue
from dashboard.data import Data
from dashboard.errors import DatabaseError
from dashboard.warming import WarmUp, warm_up

WARM_SECONDS = 20.0

log = logging.getLogger(__name__)


def subjects(known: Catalogue, tags: Sequence[str] = ()) -> dict[str, str]:
    """What can be made invalid: its tag, and what that is. ``tags`` are further ones, as those of own functions."""
    queries = {name: "query" for name in sorted(known.queries) if not name.startswith("ops/")}
    relations = {name: "relation" for query in queries for name in known[query].reads}
    return queries | dict(sorted(relations.items())) | dict.fromkeys(sorted({*tags} - {*queries}), "tag")


def queries_of(known: Catalogue, subject: str) -> tuple[str, ...]:
    """The queries whose answers a subject is, or stands behind."""
    return tuple(name for name in sorted(known.queries) if subject in known[name].tags)


def invalidate(data: Data, subject: str, by: str) -> None:
    """Never again use what was cached until now of a query, relation or tag. Raises DatabaseError.

    ``by`` says who asked for it, for the log.
    """
    try:
        data.invalidate(subject)
    except DatabaseError as error:
        log.warning("cache: %s could not be made invalid by %s: %s", subject, by, error)
        raise
    log.info("cache: %s was made invalid by %s", subject, by)


def warm(data: Data, subject: str, by: str) -> WarmUp:
    """Make ready what people asked most of a query, or of all that read a relation. Raises DatabaseError."""
    log.info("cache: %s is to be warmed, as %s asked", subject, by)  # who asked may leave meanwhile
    data.statistics.demand.flush(data.database)  # what was asked this minute counts as well
    done = warm_up(data, budget_seconds=WARM_SECONDS, queries=queries_of(data.catalogue, subject))
    log.info("cache: %s was warmed by %s: %s", subject, by, done)
    return done
