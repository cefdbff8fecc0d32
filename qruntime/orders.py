"""What a client and a network say to each other: programs to run, shots and timelines, a network that is up.

Part of the messages of `control`, which encodes and decodes them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from qruntime.actors import Message
from qruntime.errors import Fault
from qruntime.messages import ProcessStatus
from qruntime.trace import Record


class EndedRow(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """How one program ended: its value, or its fault."""

    session: int
    role: str
    pid: int
    value: dict[str, Any]
    fault: Fault | None
    traceback: str
    started_ns: int
    ended_ns: int
    log: tuple[tuple[int, str], ...] = ()


class Load(Message, frozen=True, tag=67):
    """Have these programs ready for the universes to come; with `live` beside those that are loaded.

    `sha256` is of the application's source. The programs begin at `start_ns`; `scheduling` is what is said
    for schedulers, by name, and `quotas` are those that the programs have lower than others.
    """

    app: str
    sha256: str
    seed: int
    session: int
    roles: tuple[str, ...]
    inputs: dict[str, dict[str, Any]]
    placement: dict[str, str]
    live: bool = False
    start_ns: int = 0
    scheduling: dict[str, int] = msgspec.field(default_factory=dict)
    quotas: dict[str, int] = msgspec.field(default_factory=dict)


class Run(Message, frozen=True, tag=70):
    """A client asks for shots of an application, or of several at once (`more`); answers go to `reply_to`:
    `ShotDone` in order, then `RunDone`.

    With `metered` they say how busy nodes were. With `stepwise` the client says what starts when: a shot
    begins when the one before is over, goes on up to `limit_ns` (-1: as long as anything happens), and stands
    still at a `Halt` until a `GoOn`.
    """

    reply_to: str
    load: Load
    first_shot: int
    shots: int
    in_flight: int
    tracing: bool
    trace_path: str = ""
    more: tuple[Load, ...] = ()
    metered: bool = False
    stepwise: bool = False
    limit_ns: int = -1


class Halt(Message, frozen=True, tag=74):
    """A stepwise shot stands still: programs ended, or else nothing is left to happen up to its limit."""

    shot: int
    now_ns: int
    ended: tuple[EndedRow, ...] = ()


class GoOn(Message, frozen=True, tag=75):
    """Answer to `Halt`: load and begin these, then go on up to `limit_ns`; or with `over_ns` of 0 or more the
    shot is over, and was so long."""

    reply_to: str
    loads: tuple[Load, ...]
    limit_ns: int
    over_ns: int = -1


class ShotDone(Message, frozen=True, tag=71):
    """One shot is over: how its programs ended, and its trace and what a `Meter` took if these were asked
    for."""

    shot: int
    ended: tuple[EndedRow, ...]
    records: tuple[Record, ...] = ()
    busy: dict[str, tuple[int, ...]] = msgspec.field(default_factory=dict)


class RunDone(Message, frozen=True, tag=72):
    """The run is over; `fault` if it could not be finished.

    Counters are of the authority.
    """

    fault: Fault | None
    grants: int
    overlapping: int


class ShotTrace(Message, frozen=True, tag=73):
    """The beginning of a trace that is too long for its `ShotDone`, which follows with the rest."""

    shot: int
    records: tuple[Record, ...]


class SubmitApp(Message, frozen=True, tag=80):
    """A client asks a live network to run an application once; the answer is `SessionState`."""

    reply_to: str
    load: Load


class AskSession(Message, frozen=True, tag=81):
    """How is session `session` (-1: list all)?

    With `wait` the answer comes when it is over.
    """

    reply_to: str
    session: int
    wait: bool = False


class CancelSession(Message, frozen=True, tag=82):
    """End the programs of a session; the answer is its `SessionState`."""

    reply_to: str
    session: int


class AskNetwork(Message, frozen=True, tag=83):
    """What is going on?

    The answer is `NetworkState`.
    """

    reply_to: str


class SessionState(Message, frozen=True, tag=84):
    """One session: `state` is running, done, failed or refused."""

    session: int
    app: str
    state: str
    admitted_ns: int
    roles: tuple[str, ...]
    ended: tuple[EndedRow, ...] = ()
    fault: Fault | None = None


class SessionList(Message, frozen=True, tag=85):
    """Every session, in the order of submission."""

    sessions: tuple[SessionState, ...]


class NetworkState(Message, frozen=True, tag=86):
    """Simulated time, sessions under way, and the process table of every QNPU."""

    now_ns: int
    idle: bool
    grants: int
    refused: int
    running: int
    nodes: dict[str, tuple[ProcessStatus, ...]]
    qubits_free: dict[str, int]
