"""Policies that experiments compare the shipped ones with."""

from __future__ import annotations

from typing import ClassVar

from qnpu.policies import EdfPolicy


class PatientEdf(EdfPolicy):
    """Earliest deadline first among those that are ready, whenever the processor is free; never preempts."""

    preemptive: ClassVar[bool] = False
