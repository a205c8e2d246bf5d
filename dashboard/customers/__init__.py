"""Who the customers are: new and returning ones, segments, what they are worth, and whether they come back."""

from dashboard.customers.arrivals import ARRIVALS, PARTS, series, totals
from dashboard.customers.cohorts import DEFINITION as COHORTS
from dashboard.customers.cohorts import cohorts
from dashboard.customers.people import People
from dashboard.customers.segments import DEFINITIONS, SEGMENTS

__all__ = ["ARRIVALS", "COHORTS", "DEFINITIONS", "PARTS", "SEGMENTS", "People", "cohorts", "series", "totals"]
