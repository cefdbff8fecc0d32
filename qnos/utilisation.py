"""How busy the processor and the device of each node are, from intervals that the actors report.

`Meter(network, actors)` listens to the actors of an in-process run; `begin()` opens a timeline,
`end(now_ns)` closes it, `shares()` gives a `Utilisation` per node over all that was measured. Listening
leaves traces as they are. Memory is flat: intervals are added up as soon as nothing before them can come.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

import msgspec

from qnos.assembly import Actors
from qnos.config import NetworkConfig

PENDING: Final = 4096  # intervals of a node before they are added up

Interval = tuple[int, int]


class Utilisation(msgspec.Struct, frozen=True):
    """Shares of simulated time, 0 to 1.

    `device_local` is the share in which the device does gates, initialisations or measurements, `device_all`
    that in which it does these or attempts entanglement. `processor_local` is the share in which a program's
    subroutine has the processor of the QNPU, OS costs of its instructions included, `processor_all` that in
    which one has it or the device attempts entanglement.
    """

    processor_local: float
    processor_all: float
    device_local: float
    device_all: float


class _Busy:
    """One node."""

    __slots__ = ("attempts", "device", "processor", "settled_ns", "totals")

    def __init__(self) -> None:
        self.processor: list[Interval] = []
        self.device: list[Interval] = []
        self.attempts: list[Interval] = []
        self.settled_ns = 0
        self.totals = [0, 0, 0, 0]

    @property
    def pending(self) -> int:
        return len(self.processor) + len(self.device) + len(self.attempts)

    def settle(self, until_ns: int) -> None:
        """Add up everything before `until_ns`; what lies beyond stays."""
        start = self.settled_ns
        if until_ns > start:
            parts = (
                self.processor,
                self.processor + self.attempts,
                self.device,
                self.device + self.attempts,
            )
            for which, intervals in enumerate(parts):
                self.totals[which] += covered(intervals, start, until_ns)
            self.settled_ns = until_ns
        for kept in (self.processor, self.device, self.attempts):
            kept[:] = [interval for interval in kept if interval[1] > self.settled_ns]


class Meter:
    """Listens to actors; see the module."""

    def __init__(self, network: NetworkConfig, actors: Actors) -> None:
        self._actors = actors
        self._nodes = {node: _Busy() for node in network.node_names}
        self._span_ns = 0
        for node, qnpu in zip(network.node_names, actors.qnpus, strict=True):
            qnpu.dispatcher.occupied = partial(self._processor, node)
        for world in actors.worlds:
            world.occupied = self._device

    def begin(self) -> None:
        """A timeline begins at 0."""
        for busy in self._nodes.values():
            busy.settled_ns = 0
            for intervals in (busy.processor, busy.device, busy.attempts):
                intervals.clear()

    def end(self, now_ns: int) -> None:
        """The timeline is over; what still goes on counts up to now."""
        for world in self._actors.worlds:
            for node, since_ns in world.attempting_since().items():
                self._nodes[node].attempts.append((since_ns, now_ns))
        for (_, busy), qnpu in zip(self._nodes.items(), self._actors.qnpus, strict=True):
            since = qnpu.dispatcher.occupied_since_ns
            if since is not None:
                busy.processor.append((since, now_ns))
            busy.settle(now_ns)
        self._span_ns += now_ns

    def shares(self) -> dict[str, Utilisation]:
        """Node -> how busy it was; nothing if no time has passed."""
        if not self._span_ns:
            return {}
        return {
            node: Utilisation(*(total / self._span_ns for total in busy.totals))
            for node, busy in self._nodes.items()
        }

    def _processor(self, node: str, start_ns: int, end_ns: int) -> None:
        busy = self._nodes[node]
        busy.processor.append((start_ns, end_ns))
        if busy.pending > PENDING:
            self._settle(node, busy, start_ns)

    def _device(self, node: str, is_attempt: bool, start_ns: int, end_ns: int) -> None:
        busy = self._nodes[node]
        (busy.attempts if is_attempt else busy.device).append((start_ns, end_ns))

    def _settle(self, node: str, busy: _Busy, start_ns: int) -> None:
        """Add up what came before the process that was just released, and before attempts under way: neither
        are operations or attempts reported later that began earlier."""
        for world in self._actors.worlds:
            start_ns = min(start_ns, world.attempting_since().get(node, start_ns))
        busy.settle(start_ns)
        if busy.pending > PENDING // 2:  # attempts have been under way for long
            for intervals in (busy.processor, busy.device, busy.attempts):
                intervals[:] = merged(intervals)


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The same time as intervals that neither overlap nor touch, in order."""
    found: list[Interval] = []
    for start, end in sorted(intervals):
        if found and start <= found[-1][1]:
            if end > found[-1][1]:
                found[-1] = found[-1][0], end
        else:
            found.append((start, end))
    return found


def covered(intervals: Iterable[Interval], start_ns: int, end_ns: int) -> int:
    """How much of start_ns to end_ns the intervals cover together."""
    return sum(max(min(end, end_ns) - max(start, start_ns), 0) for start, end in merged(intervals))
