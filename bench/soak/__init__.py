"""A soak: reads under writes, refreshes and faults, each answer checked against the version that it claims."""

from bench.soak.course import Outcome, run
from bench.soak.history import History

__all__ = ["History", "Outcome", "run"]
