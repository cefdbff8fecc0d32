"""Which qubits of a network may be entangled, as logs say it: QGR, {number: group}.

A group has the qubits that share a state: `is_entangled`, `qubit_ids` as [node, application, physical
qubit], and the density matrix `state` (2x2) of one that is alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qnos.compat.external.roundlog import Entry
from qruntime.trace import Record
from qworld.breakpoints import STATE_UNIT


class Groups:
    """The groups at each moment of a round, from its records in their order."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._told: list[Record] = []
        self._entries: list[tuple[int, Entry]] = []

    def take(self, record: Record) -> None:
        """Note what a record says."""
        if record.event == "QDEVICE_GROUPS":
            self._told.append(record)

    def at(self, t_ns: int, entry: Entry) -> None:
        """An entry is to have the groups as they are at the end of that nanosecond."""
        self._entries.append((t_ns, entry))

    def finish(self) -> None:
        """Give every entry its groups; None if the round did not trace them."""
        told = iter(sorted(self._told, key=lambda record: (record.t_ns, int(record.data[0]))))
        following = next(told, None)
        current: dict[str, Any] = {}  # world -> its last record; joined worlds are one
        for t_ns, entry in sorted(self._entries, key=lambda each: each[0]):
            while following is not None and following.t_ns <= t_ns:
                current[str(following.data[1])] = following.data
                following = next(told, None)
            if current:
                groups = [group for data in current.values() for group in self._split(data)]
                entry["QGR"] = dict(enumerate(groups))

    def _split(self, data: Sequence[Any]) -> list[dict[str, Any]]:
        groups = []
        rest = list(data[2:])
        while rest:
            size = rest.pop(0)
            places, rest = rest[: 2 * size], rest[2 * size :]
            state = None
            if size == 1:
                parts, rest = rest[:8], rest[8:]
                state = _matrix([value / STATE_UNIT for value in parts])
            ids = [
                [self._names[node], 0, place] for node, place in zip(places[::2], places[1::2], strict=True)
            ]
            groups.append({"is_entangled": size > 1, "qubit_ids": ids, "state": state})
        return groups


def _matrix(parts: Sequence[float]) -> list[list[complex]]:
    """2x2, of real and imaginary parts row by row."""
    entries = [complex(*pair) for pair in zip(parts[::2], parts[1::2], strict=True)]
    return [entries[:2], entries[2:]]
