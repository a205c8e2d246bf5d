"""What is asked of a breakdown, and which facts can answer it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from dashboard.errors import ParameterError
from dashboard.measures import ALL_MEASURES, DIMENSIONS, Component, Dimension, Facts, Measure

Member = str | int | date
MOST_DIMENSIONS = 3
_INTEGERS = range(-(2**31), 2**31)  # PostgreSQL's
_SIDE_BY_SIDE = "an order's payments and its items have nothing to do with each other"


@dataclass(frozen=True, slots=True)
class Filter:
    """Only what has one of these members."""

    dimension: Dimension
    members: tuple[Member, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The members as a URL has them."""
        return tuple(map(str, self.members))


Filters: TypeAlias = tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Measures for each combination of members of the dimensions, of what passes all filters.

    A filter by payment type counts payments of that type where payments are added up, and orders that have one where
    orders are; so does one by category for items. Raises ParameterError for what can't be combined.
    """

    measures: tuple[Measure, ...]
    dimensions: tuple[Dimension, ...] = ()
    filters: Filters = ()

    def __post_init__(self) -> None:
        if not self.measures:
            raise ParameterError("A breakdown needs a measure.")
        if len(self.dimensions) > MOST_DIMENSIONS:
            raise ParameterError(f"A breakdown has at most {MOST_DIMENSIONS} dimensions.")
        for named in (self.dimensions, [one.dimension for one in self.filters]):
            if twice := {one.label for one in named if list(named).count(one) > 1}:
                raise ParameterError(f"{', '.join(sorted(twice))} can be asked for once only.")
        for component in self.components:
            self.facts_of(component)

    @property
    def components(self) -> tuple[Component, ...]:
        """Each component of the measures, once."""
        return tuple(dict.fromkeys(part for measure in self.measures for part in measure.components))

    def by_facts(self) -> Mapping[Facts, list[Component]]:
        """Which components are computed from which facts."""
        found: dict[Facts, list[Component]] = {}
        for component in self.components:
            found.setdefault(self.facts_of(component), []).append(component)
        return found

    def facts_of(self, component: Component) -> Facts:
        """Of the facts that know all dimensions and the component, those that know the most filters."""
        known = [facts for facts in Facts if all(facts in one.facts for one in self.dimensions)]
        if not known:
            names = " and ".join(one.label.lower() for one in self.dimensions if len(one.facts) == 1)
            raise ParameterError(f"Figures can't be broken down by {names} at once: {_SIDE_BY_SIDE}.")
        able = [facts for facts in known if component.is_known_of(facts)]
        if not able:
            raise ParameterError(self._explained(component))
        return max(able, key=lambda facts: self._preference(component, facts))

    def comes_to_total(self, component: Component) -> bool:
        """Whether what all members have of it is what there is of it."""
        return not component.are_people and self.facts_of(component) in component.columns

    def _preference(self, component: Component, facts: Facts) -> tuple[int, bool]:
        """A filter by a payment or an item picks some of an order's; one by the order can be looked up anywhere."""
        picking = (one.dimension.facts for one in self.filters if Facts.ORDERS not in one.dimension.facts)
        filtered = sum(facts in known for known in picking)
        return (filtered if facts in component.columns else 0), facts in component.columns

    def _explained(self, component: Component) -> str:
        measure = next(one for one in self.measures if component in one.components)
        by = next(one for one in self.dimensions if not is_possible(measure, one))
        able = (one.label for one in ALL_MEASURES.values() if is_possible(one, by))
        return (
            f"{measure.label} can't be broken down by {by.label.lower()}: {_SIDE_BY_SIDE}. "
            f"What can: {', '.join(able)}."
        )


def besides(facts: Facts, filters: Iterable[Filter]) -> Mapping[Facts, list[Filter]]:
    """The filters that these facts don't know, by those that do. One payment passes all that are about payments."""
    found: dict[Facts, list[Filter]] = {}
    for one in filters:
        if facts not in one.dimension.facts:
            [other] = one.dimension.facts
            found.setdefault(other, []).append(one)
    return found


def adds_up(measure: Measure, dimension: Dimension) -> bool:
    """Whether the figures of the dimension's members come to the total."""
    known = (any(facts in one.columns for facts in dimension.facts) for one in measure.components)
    return measure.adds_up and all(known)


def is_possible(measure: Measure, dimension: Dimension) -> bool:
    """Whether a measure can be broken down by a dimension."""
    return all(
        any(component.is_known_of(facts) for facts in dimension.facts) for component in measure.components
    )


def filters(chosen: Mapping[str, Iterable[str]]) -> Filters:
    """Filters from texts, by names of dimensions, as a URL has them. Raises ParameterError."""
    return tuple(
        Filter(dimension, tuple(_member(dimension, text) for text in members))
        for name, members in chosen.items()
        for dimension in [_dimension(name)]
    )


def _dimension(name: str) -> Dimension:
    if name not in DIMENSIONS:
        raise ParameterError(f"There is no dimension {name!r}; there are {', '.join(DIMENSIONS)}.")
    return DIMENSIONS[name]


def _member(dimension: Dimension, text: str) -> Member:
    try:
        if b"\0" in text.encode():  # neither that nor a lone surrogate can be sent to PostgreSQL
            raise ValueError(text)
        if dimension.dtype.is_integer():
            number = int(text)
            if number not in (dimension.numbers or _INTEGERS):
                raise ValueError(text)
            return number
        return date.fromisoformat(text) if dimension.dtype.is_temporal() else text
    except ValueError:
        raise ParameterError(f"{text!r} is no member of {dimension.label.lower()}.") from None
