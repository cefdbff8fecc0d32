"""The central controller of a network: demands in, which of them are admitted, and a schedule for those out.

`compute_schedule(demands, network)` is pure: the same demands give the same schedule, always. A demand wants
one attempt at a packet (`demands.packet_length` long) in each of its periods, on all links of its path at
once; it holds a place at each node there, of which a device has as many as links it can attempt on. Demands
are admitted in the order in which they come, one if

1. it can be met at all: links, fidelity, an attempt not longer than its deadline;
2. no node and no link would be in use for more than all of its time (utilisation, necessary); and
3. a schedule for it and all admitted before it is found (sufficient).

The schedule is found by earliest deadline first without preemption, on all links together, over the
hyperperiod, the least common multiple of the periods, after which it repeats. That order is not optimal, so a
set that could be scheduled may be refused, and computing anew for fewer demands may, rarely, fail where it
did not for more. `without(computed, name)` takes a demand out and leaves everybody else what they have.

Without admission control every demand that can be met at all is let in, and attempts that cannot be over by
their deadlines are left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from qnos.demands import Demand, Unmeetable, load_demands, packet_length
from qnos.schedule import Bin, Schedule
from qnos.schedule_file import attempts_at_once
from qnos.units import duration
from qruntime.errors import ConfigError
from qruntime.limits import SCHEDULE_BINS

if TYPE_CHECKING:
    from qnos.config import NetworkConfig


class Decision(msgspec.Struct, frozen=True):
    """What became of a demand: whether it is admitted, else the reason.

    `packet_ns` is the length of an attempt at a packet, 0 if there can be none. `attempts` is how many there
    are in the schedule before it repeats or ends, of `wanted`; they are equal under admission control.
    """

    demand: Demand
    admitted: bool
    reason: str
    packet_ns: int
    attempts: int = 0
    wanted: int = 0

    @property
    def utilisation(self) -> float:
        """The part of the time of its links that it asks for."""
        return self.packet_ns / self.demand.every_ns

    @property
    def share(self) -> float:
        """The part that it has: 0 if it is not admitted."""
        return self.utilisation * self.attempts / self.wanted if self.wanted else 0.0


class Computed(msgspec.Struct, frozen=True):
    """A schedule, None if nothing was admitted, and the decision on each demand in their order."""

    schedule: Schedule | None
    decisions: tuple[Decision, ...]

    @property
    def admitted(self) -> list[Demand]:
        """The demands that the schedule serves."""
        return [decision.demand for decision in self.decisions if decision.admitted]

    def decision(self, name: str) -> Decision:
        """That on a demand; KeyError if there is none of that name."""
        found = next((each for each in self.decisions if each.demand.name == name), None)
        if found is None:
            raise KeyError(name)
        return found


class _Task(NamedTuple):
    """A demand with what it takes: `needs` has places by resource, a node or the two ends of a link."""

    demand: Demand
    packet_ns: int
    needs: dict[tuple[str, ...], int]


class _Attempt(NamedTuple):
    """One attempt at a packet that has its time."""

    start_ns: int
    task: _Task


def compute_schedule(
    demands: Any, network: NetworkConfig, *, admission: bool = True, horizon_ns: int | None = None
) -> Computed:
    """A schedule for as many of the demands as are admitted; see the module.

    `demands` is what `load_demands` takes. With `horizon_ns` the schedule comes once and ends then, whatever
    the periods; else it repeats. Raises `ConfigError` for demands that are none.
    """
    if horizon_ns is not None and horizon_ns < 1:
        raise ConfigError(f"horizon_ns is {horizon_ns}; allowed: at least 1")
    loaded = load_demands(demands)
    room = _Room(network)
    tasks: list[_Task] = []
    refused: dict[str, tuple[str, int]] = {}
    found: list[_Attempt] = []
    for demand in loaded.demands:
        try:
            task = _task(demand, network, room)
        except Unmeetable as error:
            refused[demand.name] = str(error), 0
            continue
        reason = _too_many([*tasks, task], horizon_ns)
        if not reason and admission:
            reason = room.overfull([*tasks, task])
        if not reason:
            trial, late = _earliest_deadline_first([*tasks, task], room, horizon_ns)
            if late is not None and admission:
                reason = (
                    f"no schedule was found: an attempt of {late.demand.name} ({duration(late.packet_ns)}) "
                    f"would not be over within {duration(_deadline_ns(late.demand))} of its release"
                )
        if reason:
            refused[demand.name] = reason, task.packet_ns
        else:
            tasks.append(task)
            found = trial
    length_ns = _length_ns(tasks, horizon_ns)
    decisions = []
    for demand in loaded.demands:
        if demand.name in refused:
            reason, packet_ns = refused[demand.name]
            decisions.append(Decision(demand, False, reason, packet_ns))
            continue
        task = next(each for each in tasks if each.demand is demand)
        count = sum(attempt.task is task for attempt in found)
        wanted = _count(demand, length_ns)
        decisions.append(Decision(demand, True, "", task.packet_ns, count, wanted))
    return Computed(_schedule(loaded.name, found, horizon_ns, length_ns, network), tuple(decisions))


def without(computed: Computed, name: str) -> Computed:
    """The same without one demand: all others keep every bin they have.

    KeyError if there is no demand of that name.
    """
    gone = computed.decision(name)
    kept = tuple(decision for decision in computed.decisions if decision is not gone)
    schedule = computed.schedule
    if schedule is None or not gone.admitted:
        return Computed(schedule, kept)
    bins = tuple(row for row in schedule.bins if row.demand != name)
    if not bins:
        return Computed(None, kept)
    return Computed(msgspec.structs.replace(schedule, bins=bins), kept)


class _Room:
    """How many attempts each node and each link can take part in at once."""

    def __init__(self, network: NetworkConfig) -> None:
        self.places: dict[tuple[str, ...], int] = {
            (node,): attempts_at_once(network, node) for node in network.node_names
        }
        for link in network.links:
            self.places[link.nodes] = 1

    def overfull(self, tasks: Sequence[_Task]) -> str:
        """Which node or link would be in use for more than its time, and by how much; empty if none."""
        for resource, places in self.places.items():
            shares = [task.needs.get(resource, 0) * task.packet_ns / task.demand.every_ns for task in tasks]
            if math.fsum(shares) > places * (1 + 1e-12):
                what = f"node {resource[0]}" if len(resource) == 1 else f"link {'-'.join(resource)}"
                before = math.fsum(shares[:-1])
                return (
                    f"{what} would be in use {math.fsum(shares):.4g} of the time, of {places}: {before:.4g} "
                    f"by those admitted before, {shares[-1]:.4g} by this one"
                )
        return ""


def _task(demand: Demand, network: NetworkConfig, room: _Room) -> _Task:
    packet_ns = packet_length(demand, network)
    needs: dict[tuple[str, ...], int] = {}
    for a, b in demand.links:
        link = network.link_between(a, b)
        assert link is not None
        ends: tuple[str, ...] = link.nodes
        for resource in ((a,), (b,), ends):
            needs[resource] = needs.get(resource, 0) + 1
    for resource, places in needs.items():
        if places > room.places[resource]:
            raise Unmeetable(
                f"it attempts on {places} links at {'-'.join(resource)} at once, which takes at most "
                f"{room.places[resource]}"
            )
    if packet_ns > _deadline_ns(demand):
        raise Unmeetable(
            f"an attempt at a packet takes {duration(packet_ns)}, longer than its "
            f"{'period' if demand.deadline_ns is None else 'deadline'}, {duration(_deadline_ns(demand))}"
        )
    return _Task(demand, packet_ns, needs)


def _deadline_ns(demand: Demand) -> int:
    return demand.deadline_ns or demand.every_ns


def _length_ns(tasks: Sequence[_Task], horizon_ns: int | None) -> int:
    if horizon_ns is not None:
        return horizon_ns
    return math.lcm(*(task.demand.every_ns for task in tasks))


def _count(demand: Demand, length_ns: int) -> int:
    """Attempts whose deadline comes by then."""
    late_ns = length_ns - _deadline_ns(demand)
    return late_ns // demand.every_ns + 1 if late_ns >= 0 else 0


def _too_many(tasks: Sequence[_Task], horizon_ns: int | None) -> str:
    length_ns = _length_ns(tasks, horizon_ns)
    count = sum(_count(task.demand, length_ns) * len(task.demand.links) for task in tasks)
    if count <= SCHEDULE_BINS:
        return ""
    when = f"repeat only after {duration(length_ns)}" if horizon_ns is None else f"last {duration(length_ns)}"
    return (
        f"with it the schedule would {when} and have {count} bins, of at most {SCHEDULE_BINS}; periods that "
        "divide each other repeat sooner"
    )


def _earliest_deadline_first(
    tasks: Sequence[_Task], room: _Room, horizon_ns: int | None
) -> tuple[list[_Attempt], _Task | None]:
    """Attempts with their times, and the first task of which one had to be left out.

    At every moment at which one is released or ends, those that are waiting begin in the order of their
    deadlines, ties in the order of admission, as far as there is room.
    """
    length_ns = _length_ns(tasks, horizon_ns)
    free = dict(room.places)
    found: list[_Attempt] = []
    late: _Task | None = None
    waiting: list[tuple[int, int]] = []  # deadline, place in tasks: at most one of each
    next_ns = [0] * len(tasks)
    left = [_count(task.demand, length_ns) for task in tasks]
    running: list[tuple[int, _Task]] = []
    now_ns = 0
    while True:
        for end_ns, task in running:
            if end_ns <= now_ns:
                for resource, places in task.needs.items():
                    free[resource] += places
        running = [each for each in running if each[0] > now_ns]
        for place, task in enumerate(tasks):
            if left[place] and next_ns[place] <= now_ns:
                waiting.append((next_ns[place] + _deadline_ns(task.demand), place))
                next_ns[place] += task.demand.every_ns
                left[place] -= 1
        waiting.sort()
        still = []
        for deadline_ns, place in waiting:
            task = tasks[place]
            end_ns = now_ns + task.packet_ns
            if end_ns > deadline_ns:
                late = late or task
            elif all(free[resource] >= places for resource, places in task.needs.items()):
                for resource, places in task.needs.items():
                    free[resource] -= places
                running.append((end_ns, task))
                found.append(_Attempt(now_ns, task))
            else:
                still.append((deadline_ns, place))
        waiting = still
        ends = [end_ns for end_ns, _ in running]
        releases = [at_ns for at_ns, count in zip(next_ns, left, strict=True) if count]
        if not ends and not releases:
            return found, late
        now_ns = min(ends + releases)


def _schedule(
    name: str, found: Sequence[_Attempt], horizon_ns: int | None, length_ns: int, network: NetworkConfig
) -> Schedule | None:
    bins = []
    for start_ns, task in found:
        for a, b in task.demand.links:
            link = network.link_between(a, b)
            assert link is not None
            row = Bin(link.nodes, start_ns, task.packet_ns, task.demand.for_apps, task.demand.name)
            bins.append(row)
    if not bins:
        return None
    bins.sort(key=lambda row: (row.start_ns, row.end_ns, row.nodes))
    return Schedule(name, tuple(bins), 0, length_ns if horizon_ns is None else None)
