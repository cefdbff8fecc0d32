"""Where the simulated time of a shot went: entanglement, gates, messages, bins, OS.

Read off the trace. Each nanosecond from the start of a shot to the end of its last program is counted once,
for the first of these that goes on anywhere in the network: an attempt at entanglement; an operation on a
device; a classical message between nodes; a request that waits for a bin of the network schedule; else the
OS (costs of CNPU and QNPU and the way between them).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from qnos.config import NetworkConfig
from qruntime.trace import Record

CAUSES = ("entanglement", "gates", "messages", "bins", "OS")


class TimeSplit:
    """Adds up shots."""

    def __init__(self, network: NetworkConfig, placement: Mapping[str, str]) -> None:
        self._network = network
        self._placement = placement
        self._totals = dict.fromkeys(CAUSES, 0)
        self._shots = 0

    def add(self, records: Iterable[Record], end_ns: int) -> None:
        """Take the records of one shot that ended at `end_ns`."""
        spans: list[list[tuple[int, int]]] = [[], [], [], []]
        for record in records:
            start = record.t_ns
            if record.event == "LINK_ATTEMPTS":
                spans[0].append((start, start + int(record.data[4])))
            elif record.event == "QDEVICE_CONSUME_CMD":
                spans[1].append((start, start + int(record.data[3])))
            elif record.event == "LINK_MSG_SENT":
                spans[2].append((start, start + int(record.data[2])))
            elif record.event == "EGP_AWAITS_BIN":
                spans[3].append((start, int(record.data[1])))
            elif record.event == "CLAS_MSG_SENT":
                peer = self._placement.get(str(record.data[0]), record.node)
                if peer != record.node:
                    spans[2].append((start, start + self._network.cnpu_latency_ns(record.node, peer)))
        for cause, ns in zip(CAUSES, split(spans, end_ns), strict=True):
            self._totals[cause] += ns
        self._shots += 1

    def means(self) -> dict[str, float]:
        """Mean ns per shot by cause, bins only if any were waited for; empty without shots."""
        if not self._shots:
            return {}
        return {
            cause: total / self._shots for cause, total in self._totals.items() if total or cause != "bins"
        }


def split(spans: list[list[tuple[int, int]]], end_ns: int) -> list[int]:
    """Length of [0, end_ns) covered first by each list of spans, then what none covers."""
    edges: list[tuple[int, int, int]] = []
    for kind, intervals in enumerate(spans):
        for start, stop in intervals:
            start, stop = max(start, 0), min(stop, end_ns)
            if start < stop:
                edges += [(start, kind, 1), (stop, kind, -1)]
    edges.sort()
    active = [0] * len(spans)
    lengths = [0] * (len(spans) + 1)
    now = 0
    for at, kind, change in edges:
        first = next((k for k, count in enumerate(active) if count), len(spans))
        lengths[first] += at - now
        now = at
        active[kind] += change
    lengths[-1] += end_ns - now
    return lengths
