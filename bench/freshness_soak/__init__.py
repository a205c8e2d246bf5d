"""A soak of freshness: the shop changes while whatever keeps the views fresh is killed; nothing may get lost."""

from bench.freshness_soak.course import Outcome, run

__all__ = ["Outcome", "run"]
