"""Windows of time: presets, half-open ranges, grain, comparison, watermark. Pure."""

from dashboard.window.moving import moved
from dashboard.window.notation import parse_days, write_days
from dashboard.window.preset import ALL, CUSTOM, DEFAULT, PRESETS, Preset
from dashboard.window.span import EARLIEST, LATEST, ONE_DAY, Bucket, Grain, Span, Unit, bucket_start
from dashboard.window.window import AUTO_GRAIN, Comparison, Window

__all__ = [
    "ALL",
    "AUTO_GRAIN",
    "CUSTOM",
    "DEFAULT",
    "EARLIEST",
    "LATEST",
    "ONE_DAY",
    "PRESETS",
    "Bucket",
    "Comparison",
    "Grain",
    "Preset",
    "Span",
    "Unit",
    "Window",
    "bucket_start",
    "moved",
    "parse_days",
    "write_days",
]
