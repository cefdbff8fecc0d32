"""A run as a timeline for https://ui.perfetto.dev and chrome://tracing, in the JSON trace event format.

`Perfetto(file, shots)` takes shots one by one (`add`) and writes the first of them; `close` makes the file
whole, so that it is valid JSON also after Ctrl-C. `export(trace, path)` does it for a trace file that is
there already. Memory is that of one shot.

Every node is a group (a "process" of the format) with a track for each program, for its process on the QNPU,
for the processor (who has it), the network process, the device (a second one where operations overlap) and
each link. A shot begins a millisecond after the end of the one before. Times are microseconds with three
decimals, which are the nanoseconds of the trace exactly. Arrows: a message between programs; a subroutine,
from the program to its process and back; a pair, from its attempts to the network processes of both ends.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import IO, Any, Final, NamedTuple, Self, cast

import msgspec

from qnos.attribution import attribute
from qnos.timeline import Attempts, Program, Timeline
from qnos.tracefile import TraceFile, read_trace
from qruntime.errors import ConfigError
from qruntime.trace import Record

SHOTS: Final = 10  # written by default: what one looks at, not what one averages over
GAP_NS: Final = 1_000_000  # between shots

_encode = msgspec.json.Encoder().encode
_INSTANTS: Final = {
    "PROGRAM_LOG": "program",
    "CLAS_MSG_LIMIT": "network process",
    "EGP_ERROR": "network process",
    "EGP_EXPIRE": "network process",
    "EGP_LACKS_QUBIT": "network process",
    "EGP_AWAITS_BIN": "network process",
    "EGP_BIN_START": "network process",
    "EGP_BIN_END": "network process",
    "QDEVICE_PRODUCE_ENT_CMD": "network process",
    "BREAKPOINT_LOCAL": "device",
    "BREAKPOINT_GLOBAL": "device",
}
_KINDS: Final = ("shots", "program", "process", "processor", "network process", "device", "link")


class _Track(NamedTuple):
    """Where a thing is drawn: numbers of the group and of the track in it."""

    pid: int
    tid: int


class Perfetto:
    """Writes the first `shots` shots that it is given to a binary file."""

    def __init__(self, file: IO[bytes], shots: int = SHOTS) -> None:
        self.shots = shots
        self._file = TraceFile(file)
        self._left = shots
        self._offset_ns = 0
        self._groups: dict[str, int] = {}
        self._tracks: dict[tuple[str, str], _Track] = {}
        self._flows = 0
        self._raw = file
        self._pending = bytearray(b'{"displayTimeUnit":"ns","traceEvents":[\n')
        self._separator = b""
        self._whole = 0  # bytes that end with the end of a shot
        self._closed = False
        self._flush()

    @property
    def fault(self) -> str:
        """Why the file is not whole; empty if it is."""
        return self._file.fault

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """No more shots: the file becomes whole."""
        if self._closed:
            return
        self._closed = True
        if not self.fault:
            self._forget_half_a_shot()
        self._file.write(b"\n]}\n")
        self._file.flush()

    def add(self, shot: int, records: Sequence[Record]) -> None:
        """Draw a shot, if it is among the first ones; its records are in order."""
        if self._closed or not self._left or not records:
            return
        self._left -= 1
        timeline = Timeline(records)
        self._slice(self._track("shots", "shots"), f"shot {shot}", 0, timeline.end_ns, {"shot": shot})
        for node in timeline.nodes:
            self._group(node)
        causes = attribute(timeline)
        for program in timeline.programs.values():
            track = self._program_track(program)
            end_ns = max(program.end_ns, program.start_ns)
            args = {"session": program.session, "pid": program.pid, "failed": program.failed}
            self._slice(track, program.role, program.start_ns, end_ns, args)
            for stretch in causes[program.place]:
                self._slice(track, stretch.cause, stretch.start_ns, stretch.end_ns)
            self._process(timeline, program)
        self._processors(timeline)
        self._devices(timeline)
        self._links(timeline)
        self._messages(timeline)
        self._instants(timeline)
        self._flush()
        self._offset_ns += timeline.end_ns + GAP_NS

    # --- tracks of a node ------------------------------------------------------------------------------

    def _process(self, timeline: Timeline, program: Program) -> None:
        """The subroutines of a program one after the other, each with the states of its process in it."""
        track = self._track(program.node, "process", f" {program.pid} ({program.role})")
        free_ns = program.start_ns
        for routine in program.subroutines:
            over_ns = routine.over_ns
            if over_ns < 0 and routine.known_ns < 0:
                over_ns = max(program.end_ns, routine.added_ns)
            start_ns = max(routine.added_ns, free_ns)
            if routine.added_ns < 0 or over_ns < start_ns:
                continue  # it never ran
            free_ns = over_ns
            self._slice(track, f"subroutine {routine.number}", start_ns, over_ns)
            for start, stop, (state, peer) in program.process.spans(start_ns, over_ns):
                if state == "idle":
                    continue
                name = state
                if state == "pair":
                    name = f"waits for a pair with {timeline.names.get(peer, 'nobody')}"
                elif state in ("memory", "device"):
                    name = f"waits for {state}"
                self._slice(track, name, start, stop)
            ends = [(self._program_track(program), routine.sent_ns), (track, start_ns)]
            if routine.known_ns >= 0:
                ends.append((self._program_track(program), routine.known_ns))
            self._flow("subroutine", ends)

    def _processors(self, timeline: Timeline) -> None:
        """Who has the processor; the network process has it for less than a nanosecond."""
        for program in timeline.programs.values():
            for start, stop, (state, _) in program.process.spans(program.start_ns, timeline.end_ns):
                if state == "running":
                    track = self._track(program.node, "processor")
                    self._slice(track, f"process {program.pid} ({program.role})", start, stop)
        for record in timeline.records:
            if record.event == "PROCESSOR_START_NET_PROCESS":
                self._slice(self._track(record.node, "network process"), "runs", record.t_ns, record.t_ns)

    def _devices(self, timeline: Timeline) -> None:
        for node, operations in timeline.operations.items():
            free_ns: list[int] = []
            for op in sorted(operations, key=lambda op: (op.start_ns, -op.end_ns)):
                lane = next((i for i, free in enumerate(free_ns) if free <= op.start_ns), len(free_ns))
                free_ns[lane : lane + 1] = [op.end_ns]
                track = self._track(node, "device", f" ({lane + 1})" if lane else "")
                args = {"qubits": [qubit for qubit in op.qubits if qubit >= 0], "process": op.pid}
                self._slice(track, op.gate, op.start_ns, op.end_ns, args)

    def _links(self, timeline: Timeline) -> None:
        """Stretches of attempts at both ends, and an arrow from those that brought a pair."""
        heralds: dict[tuple[str, int, tuple[int, int]], list[int]] = defaultdict(list)
        for t_ns, node, peer, pair in timeline.heralds:
            heralds[node, peer, pair].append(t_ns)
        numbers = {name: number for number, name in timeline.names.items()}
        for (node, other), stretches in timeline.attempts.items():
            track = self._track(node, "link", f" {other}")
            for stretch in stretches:
                name = f"{stretch.attempts} attempt{'s' * (stretch.attempts != 1)}"
                args = {
                    "attempts": stretch.attempts,
                    "success": stretch.success,
                    "request": stretch.pair[0],
                    "pair": stretch.pair[1],
                }
                self._slice(track, name, stretch.start_ns, stretch.end_ns, args)
                here, there = numbers.get(node, -1), numbers.get(other, -1)
                if stretch.success and here < there:
                    ends = ((node, there), (other, here))
                    self._pair(track, stretch, ends, heralds)

    def _pair(
        self,
        track: _Track,
        stretch: Attempts,
        ends: Iterable[tuple[str, int]],
        heralds: Mapping[tuple[str, int, tuple[int, int]], list[int]],
    ) -> None:
        heard = []
        for node, peer in ends:
            times = heralds.get((node, peer, stretch.pair), [])
            while times and times[0] < stretch.end_ns:
                times.pop(0)
            if times:
                at_ns = times.pop(0)
                network = self._track(node, "network process")
                self._slice(network, "herald", at_ns, at_ns)
                heard.append((network, at_ns))
        heard.sort(key=lambda end: end[1])
        self._flow("pair", [(track, stretch.start_ns), *heard])

    def _messages(self, timeline: Timeline) -> None:
        for message in timeline.messages:
            if message.received_ns >= 0:
                sender, receiver = (timeline.programs[place] for place in (message.sender, message.receiver))
                ends = [
                    (self._program_track(sender), message.sent_ns),
                    (self._program_track(receiver), message.received_ns),
                ]
                self._flow("message", ends)

    def _instants(self, timeline: Timeline) -> None:
        for record in timeline.records:
            kind = _INSTANTS.get(record.event)
            if kind is None:
                continue
            if kind == "program":
                program = timeline.programs.get((record.node, record.pid))
                if program is None:
                    continue
                track = self._program_track(program)
            else:
                track = self._track(record.node, kind)
            self._put(track, "i", record.event, record.t_ns, s="t", args={"data": list(record.data)})

    # --- the format ------------------------------------------------------------------------------------

    def _group(self, name: str) -> int:
        if name not in self._groups:
            number = self._groups[name] = len(self._groups) + 1
            self._describe(_Track(number, 0), "process_name", {"name": name})
            self._describe(_Track(number, 0), "process_sort_index", {"sort_index": number})
        return self._groups[name]

    def _track(self, group: str, kind: str, rest: str = "") -> _Track:
        name = kind + rest
        track = self._tracks.get((group, name))
        if track is None:
            track = self._tracks[group, name] = _Track(self._group(group), len(self._tracks) + 1)
            self._describe(track, "thread_name", {"name": name})
            self._describe(track, "thread_sort_index", {"sort_index": _KINDS.index(kind)})
        return track

    def _program_track(self, program: Program) -> _Track:
        return self._track(program.node, "program", f" {program.role} (process {program.pid})")

    def _describe(self, track: _Track, what: str, args: dict[str, Any]) -> None:
        self._write({"ph": "M", "name": what, "pid": track.pid, "tid": track.tid, "args": args})

    def _slice(
        self, track: _Track, name: str, start_ns: int, end_ns: int, args: dict[str, Any] | None = None
    ) -> None:
        self._put(track, "X", name, start_ns, dur=_us(end_ns - start_ns), **({"args": args} if args else {}))

    def _flow(self, name: str, ends: Sequence[tuple[_Track, int]]) -> None:
        """An arrow through two places or more; one end alone is none."""
        if len(ends) < 2:
            return
        self._flows += 1
        for index, (track, t_ns) in enumerate(ends):
            more: dict[str, Any] = {"id": self._flows, "cat": name}
            phase = "s" if index == 0 else "t"
            if index == len(ends) - 1:
                phase, more["bp"] = "f", "e"
            self._put(track, phase, name, t_ns, **more)

    def _put(self, track: _Track, phase: str, name: str, t_ns: int, **more: Any) -> None:
        event = {"ph": phase, "name": name, "cat": "qnos", "pid": track.pid, "tid": track.tid}
        self._write({**event, "ts": _us(self._offset_ns + t_ns), **more})

    def _write(self, event: dict[str, Any]) -> None:
        self._pending += self._separator + _encode(event)
        self._separator = b",\n"

    def _flush(self) -> None:
        """Write what is pending, which ends with the end of a shot."""
        self._file.write(bytes(self._pending))
        self._whole += len(self._pending)
        self._pending.clear()

    def _forget_half_a_shot(self) -> None:
        """Ctrl-C may come at any moment, in the midst of writing a shot too: back to the end of the last."""
        with suppress(OSError):  # a pipe cannot
            self._raw.seek(self._whole)
            self._raw.truncate()


def _us(ns: int) -> msgspec.Raw:
    """Nanoseconds as microseconds, with every digit."""
    return msgspec.Raw(b"%d.%03d" % divmod(ns, 1000))


@contextmanager
def traced(timeline: Perfetto, trace: IO[bytes] | None) -> Iterator[IO[bytes]]:
    """A file for the trace of a run, which passes it on to `trace`; when the run is over the timeline is made
    of it.

    Raises `ConfigError` if the timeline cannot be written.
    """
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "trace.jsonl"
        with copy.open("wb") as file:
            yield file if trace is None else cast(IO[bytes], _Both(file, trace))
        for shot, records in islice(read_trace(copy), timeline.shots):
            timeline.add(shot, records)
    if timeline.fault:
        raise ConfigError(f"the timeline {timeline.fault}")


class _Both:
    """Writes to two binary files."""

    def __init__(self, *files: IO[bytes]) -> None:
        self._files = files

    def write(self, data: bytes) -> int:
        return max(file.write(data) for file in self._files)

    def flush(self) -> None:
        for file in self._files:
            file.flush()


def export(trace: str | os.PathLike[str], path: str | os.PathLike[str], shots: int = SHOTS) -> int:
    """Write the first `shots` shots of a trace file as a timeline; returns how many there were.

    Raises `ConfigError` if the trace cannot be read or the timeline cannot be written.
    """
    with open_timeline(path, shots) as timeline:
        count = 0
        for shot, records in islice(read_trace(trace), shots):
            timeline.add(shot, records)
            count += 1
    if timeline.fault:
        raise ConfigError(f"{os.fspath(path)}: {timeline.fault}")
    return count


def open_timeline(path: str | os.PathLike[str], shots: int = SHOTS) -> Perfetto:
    """A new file for a timeline; it is whole when `close` was called.

    Raises `ConfigError` if it cannot be made.
    """
    try:
        return _Owned(Path(path).open("wb"), shots)
    except OSError as error:
        raise ConfigError(f"{os.fspath(path)}: timeline cannot be written: {error.strerror}") from None


class _Owned(Perfetto):
    """Closes its file as well."""

    def __init__(self, file: IO[bytes], shots: int) -> None:
        super().__init__(file, shots)
        self._opened = file

    def close(self) -> None:
        super().close()
        try:
            self._opened.close()
        except OSError:
            assert self.fault  # the flush before met it
