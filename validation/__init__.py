"""Published results, reproduced: `python -m validation` compares them with what qnos gives.

A subject is a module with a docstring that says what is reproduced and how, `SHOTS` and `QUICK` (samples
for the table and for a test), and `rows(shots)`, which gives `row.Row`s. To add one, write it and name it
in `SUBJECTS`."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from validation.row import Row

SUBJECTS = {
    "preparation": "Remote state preparation on NV centres",
    "delegation": "Delegated computation on QNodeOS nodes",
    "forms": "Closed forms",
    "delivery": "Deterministic delivery",
    "unfolding": "Readout unfolding",
    "packets": "Packet generation attempts",
    "utilisation": "Utilisation against the number of programs",
}


class Subject(Protocol):
    """What the module of a subject has."""

    __doc__: str | None
    SHOTS: int
    QUICK: int

    def rows(self, shots: int) -> list[Row]:
        """Reproduce all of it with so many samples for each sampled value."""


def subject(name: str) -> Subject:
    """The module of a subject, by its key in `SUBJECTS`."""
    return cast(Subject, import_module(f"validation.{name}"))
