"""The scheduling policies that travel with qnos.

In all of them the network process comes first, as on QNodeOS: its work takes the processor no time, and a
pair that waits decoheres. The preemptive ones interrupt a user process for it; that process then goes on with
what was left of its turn. What each promises to user processes holds while they do not wait for pairs,
qubits or the device, and counts a *stretch that cannot be interrupted* as one: a process that awaits the
outcome of a measurement keeps the processor until it is there.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Annotated, Any, ClassVar, Final

import msgspec
from msgspec import Meta

from qnpu.scheduler import NoOptions, Schedulable, View
from qruntime.limits import LONGEST_NS, PROCESSES

MILLISECOND_NS: Final = 1_000_000
NEVER_NS: Final = 1 << 62  # later than any deadline
MOST_ACCOUNTS: Final = 2 * PROCESSES
SCALE_BITS: Final = 16  # virtual time counts 2^-16 ns of a process of weight 1, so that sums stay whole


class QNodeOsPolicy:
    """QNodeOS's: the network process first, then users first come first served; never preempts.

    Promises: processes run in the order in which they became ready. A process waits for all that came before
    it, however long those run until they wait or end; none starves, as a subroutine has a budget.
    """

    schema: ClassVar[type[Any]] = NoOptions
    preemptive: ClassVar[bool] = False

    def __init__(self, options: NoOptions) -> None:
        pass

    def decide(self, view: View) -> tuple[Schedulable | None, int | None]:
        """The first in the list: the network process, or who has been ready longest."""
        if view.running is not None or not view.ready:
            return None, None
        return view.ready[0], None

    def ran(self, process: Schedulable, ns: int) -> None:
        """Keeps no account."""


class RoundRobinOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Parameters of `round_robin`."""

    quantum_ns: Annotated[
        int, Meta(ge=1, le=LONGEST_NS, description="longest turn while others are ready")
    ] = MILLISECOND_NS


class RoundRobinPolicy:
    """Round robin: the network process first, then users in turns of at most `quantum_ns`.

    Promises: of n processes each waits for at most n - 1 turns, each of a quantum and at most one stretch
    that cannot be interrupted. None starves.
    """

    schema: ClassVar[type[Any]] = RoundRobinOptions
    preemptive: ClassVar[bool] = True

    def __init__(self, options: RoundRobinOptions) -> None:
        self._quantum_ns = options.quantum_ns
        self._turn = -1  # the arrival whose turn it is
        self._left_ns = 0  # of that turn, when it last got the processor
        self._since_ns = 0  # when that was

    def decide(self, view: View) -> tuple[Schedulable | None, int | None]:
        """Whose turn it is, until the quantum is over."""
        first = view.ready[0]
        running = view.running
        if running is not None and not first.is_network:
            end_ns = self._since_ns + self._left_ns
            if view.now_ns < end_ns:
                return None, end_ns
        if not first.is_network:
            self._since_ns = view.now_ns
            if first.arrival != self._turn:
                self._turn = first.arrival
                self._left_ns = self._quantum_ns
        return first, None

    def ran(self, process: Schedulable, ns: int) -> None:
        """What is left of its turn is shorter by that."""
        if process.arrival == self._turn:
            self._left_ns -= ns


class EdfPolicy:
    """Earliest deadline first: the network process first, then the user with the earliest deadline, at once.

    Equal deadlines are ordered by priority, then by arrival; a process without one comes after all that have
    one. Promises: if any order of running meets all deadlines, this one does, up to stretches that cannot be
    interrupted. Processes with late deadlines or none may starve.
    """

    schema: ClassVar[type[Any]] = NoOptions
    preemptive: ClassVar[bool] = True

    def __init__(self, options: NoOptions) -> None:
        self._heap: list[tuple[int, int, int]] = []
        self._ready: dict[int, Schedulable] = {}  # by arrival

    def arrived(self, process: Schedulable) -> None:
        """Put it into the order; the network process needs no place."""
        if not process.is_network:
            self._ready[process.arrival] = process
            heappush(self._heap, _urgency(process))

    def left(self, process: Schedulable) -> None:
        """Its entry in the heap is forgotten when it comes up."""
        self._ready.pop(process.arrival, None)

    def decide(self, view: View) -> tuple[Schedulable | None, int | None]:
        """The most urgent, if that is another than runs."""
        first = view.ready[0]
        if first.is_network:
            return first, None
        heap, ready = self._heap, self._ready
        while heap[0][2] not in ready:
            heappop(heap)
        running = view.running
        if running is not None and _urgency(running)[:2] <= heap[0][:2]:
            return None, None
        return ready[heappop(heap)[2]], None

    def ran(self, process: Schedulable, ns: int) -> None:
        """Keeps no account."""


def _urgency(process: Schedulable) -> tuple[int, int, int]:
    """Least first."""
    deadline_ns = process.deadline_ns
    return (NEVER_NS if deadline_ns is None else deadline_ns, -process.priority, process.arrival)


class FairShareOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Parameters of `fair_share`."""

    min_slice_ns: Annotated[
        int, Meta(ge=1, le=LONGEST_NS, description="a process keeps the processor at least so long")
    ] = MILLISECOND_NS


class FairSharePolicy:
    """Fair share: the network process first, then the user with the least processor time over weight.

    Accounts are kept as in start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996). A process that was
    away does not save up: it begins at the least account of those that want the processor too. Promises: of
    two processes that both stay ready, processor time over weight differs by no more than the longest turn of
    each over its weight; a turn is `min_slice_ns`, or what it takes to catch up, and at most one stretch that
    cannot be interrupted. None starves.
    """

    schema: ClassVar[type[Any]] = FairShareOptions
    preemptive: ClassVar[bool] = True

    def __init__(self, options: FairShareOptions) -> None:
        self._slice_ns = options.min_slice_ns
        self._accounts: dict[int, int] = {}  # pid -> virtual time at which what it has had ends
        self._virtual = 0  # no account of those that want the processor is less
        self._new: list[Schedulable] = []  # without a place in the order yet
        self._heap: list[tuple[int, int]] = []
        self._ready: dict[int, Schedulable] = {}  # by arrival
        self._interrupted: Schedulable | None = None  # by the network process, in its slice
        self._turn = -1  # the arrival that got the processor last
        self._left_ns = 0  # of its slice, when it last got the processor
        self._since_ns = 0  # when that was

    def arrived(self, process: Schedulable) -> None:
        """Put it into the order; the network process needs no place."""
        if process.is_network:
            return
        if process.arrival == self._turn and self._left_ns > 0:
            self._interrupted = process
            return
        self._ready[process.arrival] = process
        self._new.append(process)

    def left(self, process: Schedulable) -> None:
        """Its entry in the heap is forgotten when it comes up."""
        self._ready.pop(process.arrival, None)
        if process is self._interrupted:
            self._interrupted = None

    def decide(self, view: View) -> tuple[Schedulable | None, int | None]:
        """Whoever has had least for its weight, once the slice of the one that runs is over."""
        now_ns, running, listed = view
        first = listed[0]
        if first.is_network:
            return first, None
        if self._interrupted is not None:
            self._since_ns = now_ns
            return self._interrupted, None
        if self._new:
            self._admit(now_ns, running)
        heap, ready = self._heap, self._ready
        while heap[0][1] not in ready:
            heappop(heap)
        least, arrival = heap[0]
        if running is not None:
            # until it has had more than the least, and all of its slice
            ahead = ((least - self._accounts[running.pid]) * running.weight >> SCALE_BITS) + 1
            end_ns = self._since_ns + max(self._left_ns, ahead)
            if now_ns < end_ns:
                return None, end_ns
        heappop(heap)
        self._virtual = least
        self._turn = arrival
        self._left_ns = self._slice_ns
        self._since_ns = now_ns
        chosen = ready[arrival]
        self._accounts[chosen.pid] = least
        return chosen, None

    def ran(self, process: Schedulable, ns: int) -> None:
        """Charge it."""
        accounts = self._accounts
        accounts[process.pid] += (ns << SCALE_BITS) // process.weight
        if len(accounts) > MOST_ACCOUNTS:  # who has had less than the present one needs none
            self._accounts = {pid: end for pid, end in accounts.items() if end >= self._virtual}
        if process.arrival == self._turn:
            self._left_ns -= ns
            if not self._ready:  # nobody else wants the processor
                self._virtual = max(self._virtual, accounts[process.pid])

    def _admit(self, now_ns: int, running: Schedulable | None) -> None:
        """Give those who came a place, at the least account of those who were here or at their own."""
        heap, ready = self._heap, self._ready
        while heap and heap[0][1] not in ready:
            heappop(heap)
        accounts = [heap[0][0]] if heap else []
        if running is not None:
            had_ns = now_ns - self._since_ns
            accounts.append(self._accounts[running.pid] + (had_ns << SCALE_BITS) // running.weight)
        self._virtual = max(self._virtual, min(accounts, default=0))
        for process in self._new:
            account = max(self._accounts.get(process.pid, 0), self._virtual)
            heappush(heap, (account, process.arrival))
        self._new.clear()
