"""Shares of a whole as areas, of one dimension or of one within another."""

from collections.abc import Sequence

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.look import LOW_MARGIN, colors, figure, plain, trace
from dashboard.measures import Dimension, Measure
from dashboard.notation import Notation
from dashboard.once import once

HEIGHT = 440


@once
def treemap(
    rows: pl.DataFrame, dimensions: Sequence[Dimension], measure: Measure, notation: Notation
) -> go.Figure:
    """``rows``: one or two dimensions, and the measure, which adds up. Negative sums have no area."""
    outer, *inner = dimensions
    rows = rows.filter(pl.col(measure.name) > 0)
    boxes = rows.group_by(outer.name, maintain_order=True).agg(pl.col(measure.name).sum())
    members = boxes[outer.name]
    of_boxes = dict(zip(members, colors(map(outer.label_of, members)), strict=True))
    found = [(str(key), "", outer.label_of(key), value, of_boxes[key]) for key, value in boxes.iter_rows()]
    for one in inner:
        found += [
            (f"{key}\x1f{member}", str(key), one.label_of(member), value, of_boxes[key])
            for key, member, value in rows.select(outer.name, one.name, measure.name).iter_rows()
        ]
    ids, parents, labels, values, fills = zip(*found, strict=True) if found else ((), (), (), (), ())
    total = sum(boxes[measure.name]) if len(boxes) else 0
    areas = trace(
        "treemap",
        ids=ids,
        parents=parents,
        labels=[plain(label) for label in labels],
        values=[float(value) for value in values],
        text=[notation.short(value, measure.format) for value in values],
        hovertext=[
            f"{plain(label)}: <b>{notation.exact(value, measure.format)}</b>, "
            f"{float(value) / float(total):.1%} of what is shown"
            for label, value in zip(labels, values, strict=True)
        ],
        hoverinfo="text",
        textinfo="label+text",
        branchvalues="total",
        marker={"colors": fills, "line": {"width": 1}},
        tiling={"pad": 1},
    )
    return figure(notation, [areas], height=HEIGHT, margin=LOW_MARGIN)
