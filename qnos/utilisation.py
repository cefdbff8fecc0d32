"""How busy the processor and the device of each node are, from intervals that the actors report.

`Meter(nodes, worlds)` hears of them; `begin()` opens a timeline, `end(now_ns)` closes it, `shares()` gives a
`Utilisation` per node over all that was measured. Listening leaves traces as they are. Memory is flat:
intervals are added up as soon as nothing before them can come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from qnpu.main import Qnpu
    from qworld.world import World

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
    """Adds up how busy nodes are; see the module.

    `worlds` say when devices are busy as long as the meter is on. Processors are told of: in one process
    `listen` sees to it, else whoever hears of them calls `processor`.
    """

    def __init__(self, nodes: Sequence[str], worlds: Sequence[World]) -> None:
        self._nodes = {node: _Busy() for node in nodes}
        self._worlds = worlds
        self._since: dict[
            str, Callable[[], int | None]
        ] = {}  # when the process got the processor that has it
        self._held: dict[str, int] = {}
        self.span_ns = 0

    def listen(self, qnpus: Sequence[Qnpu]) -> None:
        """Hear of the processors of these QNPUs, in the order of the nodes."""
        for node, qnpu in zip(self._nodes, qnpus, strict=True):
            qnpu.dispatcher.occupied = partial(self._processor, node)
            self._since[node] = partial(getattr, qnpu.dispatcher, "occupied_since_ns")

    def begin(self, is_on: bool = True) -> None:
        """A timeline begins at 0, measured or not."""
        self._held.clear()
        for busy in self._nodes.values():
            busy.settled_ns = 0
            for intervals in (busy.processor, busy.device, busy.attempts):
                intervals.clear()
        for world in self._worlds:
            world.occupied = self._device if is_on else None

    def processor(self, node: str, times: Iterable[Interval], safe_ns: int) -> None:
        """A processor was in use from when to when; until -1: it is. The worlds have come to `safe_ns`."""
        for start_ns, end_ns in times:
            if end_ns < 0:
                self._held[node] = start_ns
                continue
            self._held.pop(node, None)
            self._processor(node, start_ns, end_ns, safe_ns)

    def end(self, now_ns: int) -> None:
        """The timeline is over; what still goes on counts up to now."""
        for world in self._worlds:
            for node, since_ns in world.attempting_since().items():
                self._nodes[node].attempts.append((since_ns, now_ns))
        for node, busy in self._nodes.items():
            since = self._since[node]() if node in self._since else self._held.get(node)
            if since is not None:
                busy.processor.append((since, now_ns))
            busy.settle(now_ns)
        self.span_ns += now_ns

    def take(self) -> dict[str, tuple[int, ...]]:
        """Node -> how many ns each share is worth so far, and begin to count anew."""
        found = {node: tuple(busy.totals) for node, busy in self._nodes.items()}
        for busy in self._nodes.values():
            busy.totals = [0, 0, 0, 0]
        self.span_ns = 0
        return found

    def add(self, totals: Mapping[str, Sequence[int]], span_ns: int) -> None:
        """What another meter took, of so many ns."""
        for node, more in totals.items():
            busy = self._nodes[node]
            busy.totals = [mine + its for mine, its in zip(busy.totals, more, strict=True)]
        self.span_ns += span_ns

    def shares(self) -> dict[str, Utilisation]:
        """Node -> how busy it was; nothing if no time has passed."""
        if not self.span_ns:
            return {}
        return {
            node: Utilisation(*(total / self.span_ns for total in busy.totals))
            for node, busy in self._nodes.items()
        }

    def _processor(self, node: str, start_ns: int, end_ns: int, safe_ns: int | None = None) -> None:
        busy = self._nodes[node]
        busy.processor.append((start_ns, end_ns))
        if busy.pending > PENDING:
            self._settle(node, busy, start_ns if safe_ns is None else min(start_ns, safe_ns))

    def _device(self, node: str, is_attempt: bool, start_ns: int, end_ns: int) -> None:
        busy = self._nodes[node]
        (busy.attempts if is_attempt else busy.device).append((start_ns, end_ns))

    def _settle(self, node: str, busy: _Busy, start_ns: int) -> None:
        """Add up what came before the process that was just released, and before attempts under way: neither
        are operations or attempts reported later that began earlier."""
        for world in self._worlds:
            start_ns = min(start_ns, world.attempting_since().get(node, start_ns))
        busy.settle(start_ns)
        if busy.pending > PENDING // 2:  # attempts have been under way for long
            for intervals in (busy.processor, busy.device, busy.attempts):
                intervals[:] = merged(intervals)


class Use:
    """When the processor was in use, kept until somebody takes it; the `occupied` of a dispatcher."""

    def __init__(self) -> None:
        self._spans: list[Interval] = []
        self._told_ns: int | None = None

    def __call__(self, start_ns: int, end_ns: int) -> None:
        self._spans.append((start_ns, end_ns))

    def taken(self, since_ns: int | None) -> list[Interval]:
        """What was not taken yet; it has been in use since `since_ns`, if that is no None: an end of -1."""
        spans, self._spans = self._spans, []
        if since_ns is not None and (spans or since_ns != self._told_ns):
            spans.append((since_ns, -1))
        self._told_ns = since_ns
        return spans


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
