"""Charts: a frame in, a Plotly figure out."""

from dashboard.charts.bars import histogram, shares, stack
from dashboard.charts.cohorts import cohorts
from dashboard.charts.columns import columns
from dashboard.charts.contributions import contributions
from dashboard.charts.durations import durations
from dashboard.charts.heat import heat, said
from dashboard.charts.latencies import latencies
from dashboard.charts.lines import INCOMPLETE, lines
from dashboard.charts.look import BEFORE, CONFIG, FAILED, NOW, plain, still
from dashboard.charts.outcomes import outcomes
from dashboard.charts.pareto import pareto
from dashboard.charts.ranking import ranking
from dashboard.charts.timeline import timeline
from dashboard.charts.treemap import treemap

__all__ = [
    "BEFORE",
    "CONFIG",
    "FAILED",
    "INCOMPLETE",
    "NOW",
    "cohorts",
    "columns",
    "contributions",
    "durations",
    "heat",
    "histogram",
    "latencies",
    "lines",
    "outcomes",
    "pareto",
    "plain",
    "ranking",
    "said",
    "shares",
    "stack",
    "still",
    "timeline",
    "treemap",
]
