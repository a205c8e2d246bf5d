"""What a page shows, as far as a change of the data would show there, in a form that a browser can hold."""

from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from dashboard.data.answer import Extent
from dashboard.errors import ParameterError, WindowError
from dashboard.versions import Versions
from dashboard.window import Span


@dataclass(frozen=True, slots=True)
class Shown:
    """``parts`` are the tags and days that answers depend on, each with the version that is shown.

    ``extents`` holds the days that there was data for, if these are shown; else nothing. ``newest`` is the
    newest version that was known: what is outdated is so by a newer one.
    """

    newest: int
    extents: tuple[Extent | None, ...]
    parts: tuple[tuple[tuple[str, ...], Span | None, int], ...]

    def is_outdated(self, versions: Versions, extent: Extent | None) -> bool:
        """Whether something of it has a newer version, where there is data for the days of ``extent``."""
        return versions.newest > self.newest and (
            any(shown != extent for shown in self.extents)
            or any(versions.of(tags, span) > version for tags, span, version in self.parts)
        )

    def to_text(self) -> str:
        return _TEXT.dump_json(self).decode()

    @staticmethod
    def from_text(text: str) -> "Shown":
        """Raises ParameterError for what ``to_text`` does not write."""
        try:
            return _TEXT.validate_json(text)
        except (ValidationError, WindowError):
            raise ParameterError("This says of no page what it shows.") from None


_TEXT = TypeAdapter(Shown)
