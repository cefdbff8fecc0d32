"""The typed trace: what happened when, on which unit of which node, for which process.

Records hold integers and short strings only, and are ordered by (t_ns, node, unit, order of emission within
the unit), so that a trace is the same bytes however the run was split over processes. One JSON array per
line; a line with the shot's number opens each shot. `Trace` gathers the records of a run and keeps their
SHA-256.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from typing import NamedTuple, Protocol

import msgspec

from qruntime.actors import Emit

_encoder = msgspec.json.Encoder()


class Record(NamedTuple):
    """One line of a trace."""

    t_ns: int
    node: str
    unit: str
    event: str
    pid: int
    data: tuple[int | str, ...]


def _order(record: Record) -> tuple[int, str, str]:
    return record[0], record[1], record[2]


class Sink(Protocol):
    """Where a trace is written: a binary file, or what acts as one."""

    def write(self, data: bytes, /) -> object:
        """Take the next bytes."""


class Trace:
    """Collects records shot by shot; writes them to `file` if given, keeps those of the last shot, and a
    digest."""

    def __init__(self, file: Sink | None = None) -> None:
        self.records: list[Record] = []
        self._file = file
        self._digest = hashlib.sha256()

    def begin(self, shot: int) -> None:
        """Open a shot; the records of the one before are dropped from memory."""
        self.records = []
        self._put(b'{"shot":%d}\n' % shot)

    def on_record(self, actor: str, emit: Emit) -> None:
        """Take a record from the actor `node/unit` (the kernel's callback)."""
        node = actor.partition("/")[0]
        unit = emit.unit
        if "/" not in actor:  # a world names the node in the unit: "alice/device"
            node, _, unit = unit.partition("/")
        self.records.append(Record(emit.t_ns, node, unit, emit.event, emit.pid, emit.data))

    def end(self) -> list[Record]:
        """Close the shot: its records in order, written and hashed."""
        self.records.sort(key=_order)
        self._put(b"".join(_encoder.encode(record) + b"\n" for record in self.records))
        return self.records

    def flush(self, before_ns: int) -> None:
        """Write the records before a time at which no more of those will come; the others stay."""
        self.records.sort(key=_order)
        count = bisect_left(self.records, before_ns, key=lambda record: record.t_ns)
        self._put(b"".join(_encoder.encode(record) + b"\n" for record in self.records[:count]))
        del self.records[:count]

    def add(self, shot: int, records: list[Record]) -> None:
        """Take a whole shot whose records are in order already."""
        self.begin(shot)
        self.records = records
        self.end()

    def sha256(self) -> str:
        """Digest of all that was recorded so far."""
        return self._digest.hexdigest()

    def _put(self, data: bytes) -> None:
        self._digest.update(data)
        if self._file is not None:
            self._file.write(data)
