"""When instances of a workload start: `in_order(plan, shot)` has the arrivals of all copies.

Those at random come from a stream of their own for each copy, keyed by seed, application, copy and shot:
other applications in the workload do not change them.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from itertools import count, islice

from qnos.workload_plan import Copy, WorkloadPlan
from qruntime.rng import Stream

_SECOND_NS = 1_000_000_000


def in_order(plan: WorkloadPlan, shot: int) -> Iterator[tuple[int, Copy]]:
    """(time in ns, copy) of every arrival until the end of the plan, by time and then by copy."""

    def of_copy(place: int, copy: Copy) -> Iterator[tuple[int, int, Copy]]:
        return ((time_ns, place, copy) for time_ns in _arrivals(plan, copy, shot))

    merged = heapq.merge(
        *(of_copy(place, copy) for place, copy in enumerate(plan.copies)), key=lambda arrival: arrival[:2]
    )
    for time_ns, _, copy in merged:
        if plan.until_ns is not None and time_ns > plan.until_ns:
            return
        yield time_ns, copy


def _arrivals(plan: WorkloadPlan, copy: Copy, shot: int) -> Iterator[int]:
    """Ascending, endless if the arrivals of the entry are."""
    said = copy.entry.arrival
    shift_ns = copy.number * copy.entry.stagger_ns
    if said.times_ns is not None:
        return (time_ns + shift_ns for time_ns in sorted(said.times_ns))
    first_ns = said.start_ns + shift_ns
    if said.every_ns is not None:
        return islice(count(first_ns, said.every_ns), said.instances)
    if said.rate_per_s is not None:
        stream = plan.streams.stream(f"arrivals/{copy.label}/{copy.number}", shot)
        return islice(_poisson(first_ns, said.rate_per_s, stream), said.instances)
    return iter((first_ns,))


def _poisson(start_ns: int, rate_per_s: float, stream: Stream) -> Iterator[int]:
    """Times between which exponential ones pass; each is rounded, their sum is not."""
    passed_ns = 0.0
    while True:
        passed_ns -= math.log1p(-stream.uniform()) * _SECOND_NS / rate_per_s
        yield start_ns + round(passed_ns)
