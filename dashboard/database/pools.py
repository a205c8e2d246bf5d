"""What is taken of the places and connections that are to be had."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pool:
    """``in_use`` of ``size`` are taken, and ``waiting`` callers stand in line: for places, not for connections."""

    name: str
    in_use: int
    size: int
    waiting: int = 0
