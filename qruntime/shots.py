"""Runs of an application shot by shot, several independent shots under way at once.

Each shot is a universe of its own, on networks that are used again. Finished shots go to the client in
order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qruntime.authority import Authority
from qruntime.control import (
    AskNetwork,
    AskSession,
    CancelSession,
    ControlMessage,
    EndedRow,
    Load,
    Loaded,
    NetworkState,
    Run,
    RunDone,
    SessionState,
    ShotDone,
    ShotTrace,
    SubmitApp,
)
from qruntime.errors import ConfigError, Fault, NodeDown, QnosError
from qruntime.limits import RECORDS_PER_MESSAGE
from qruntime.trace import Trace

if TYPE_CHECKING:
    from qruntime.host import Host
    from qruntime.service import Universe


class _Shot:
    """What a universe has brought so far."""

    __slots__ = ("ended", "trace")

    def __init__(self, trace: Trace | None) -> None:
        self.trace = trace
        self.ended: list[EndedRow] = []


class _Job:
    """A client's run."""

    def __init__(self, request: Run) -> None:
        self.request = request
        self.loads = (request.load, *request.more)
        self.programs = sum(len(load.roles) for load in self.loads)
        self.next_shot = request.first_shot
        self.next_done = request.first_shot
        self.end_shot = request.first_shot + request.shots
        self.finished: dict[int, ShotDone] = {}
        self.to_load: list[str] = []
        self.fault: Fault | None = None


class Shots:
    """The service of a network that runs shots, one client's run after another."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._job: _Job | None = None
        self._queue: list[Run] = []
        self._shots: dict[int, _Shot] = {}
        self._spare: list[Authority] = []
        self._loaded: tuple[Load, ...] = ()  # what the actors have loaded
        self._down: NodeDown | None = None

    def ready(self) -> None:
        """Nothing to do before a client comes."""

    def client(self, message: ControlMessage) -> None:
        """Queue a run."""
        if isinstance(message, Run):
            self._queue.append(message)
            self._go_on()
        elif isinstance(message, AskNetwork):
            state = NetworkState(
                0, self._job is None, self._host.grants, self._host.refusals.count, 0, {}, {}
            )
            self._host.reply(message.reply_to, state)
        elif isinstance(message, SubmitApp | AskSession | CancelSession):
            fault = Fault.of(ConfigError("this network runs shots (qnos run); it keeps no timeline"))
            number = -1 if isinstance(message, SubmitApp) else message.session
            self._host.reply(message.reply_to, SessionState(number, "", "refused", -1, (), fault=fault))
            self._host.drop_client(message.reply_to)

    def lost(self, actor: str) -> None:
        """Without one of its processes the network runs no shot any more."""
        self._down = NodeDown(f"process {actor} is gone or does not move", process=actor)
        self.crashed(self._down)

    def loaded(self, message: Loaded) -> None:
        """When all have loaded, shots begin."""
        job = self._job
        if job is None or message.actor not in job.to_load:
            return
        job.to_load.remove(message.actor)
        if message.fault is not None:
            job.fault = job.fault or message.fault
            self._loaded = ()
        self._go_on()

    def ended(self, universe: Universe, rows: Sequence[EndedRow]) -> None:
        """Keep how programs ended."""
        self._shots[universe.number].ended += rows

    def waiting_in_vain(self, universe: Universe) -> bool:
        """Nothing is left to happen: if every program has ended, so has the shot."""
        job = self._job
        if job is None:
            return False
        shot = self._shots[universe.number]
        if len(shot.ended) < job.programs:
            return True
        del self._shots[universe.number]
        self._host.close_universe(universe)
        self._spare.append(universe.authority)
        records = () if shot.trace is None else tuple(shot.trace.end())
        number = universe.authority.shot
        job.finished[number] = ShotDone(number, tuple(shot.ended), records)
        self._go_on()
        return False

    def stuck(self, universe: Universe) -> None:
        """A bug of ours: end the run."""
        self.crashed(QnosError(f"programs neither end nor wait in shot {universe.authority.shot}"))

    def answered(self) -> None:
        """Nobody asked for more."""

    def crashed(self, error: QnosError) -> None:
        """The run cannot go on: forget its universes and tell the client."""
        self._forget_shots()
        if self._job is not None:
            self._job.to_load.clear()
            self._job.fault = Fault.of(error)
            self._go_on()

    def _forget_shots(self) -> None:
        for universe in self._host.universes():
            self._host.close_universe(universe, forget=True)
        self._shots.clear()

    def leave(self) -> None:
        """Shots that are under way are lost."""
        self._host.leaving = True

    def close(self) -> None:
        """Nothing is left open."""

    def _go_on(self) -> None:
        """Take the next run if none is under way; keep its shots in flight; hand over what is finished."""
        if self._job is None:
            if not self._queue:
                return
            self._begin_job(self._queue.pop(0))
        job = self._job
        assert job is not None
        if job.to_load:
            return
        while job.next_done in job.finished:
            self._hand_over(job.request.reply_to, job.finished.pop(job.next_done))
            job.next_done += 1
        if job.fault is None and job.next_done < job.end_shot:
            try:
                while job.next_shot < job.end_shot and len(self._shots) < job.request.in_flight:
                    self._begin_shot(job)
                return
            except QnosError as error:  # a device model cannot begin
                self._forget_shots()
                job.fault = Fault.of(error)
        overlapping = sum(authority.overlapping for authority in self._spare)
        self._host.reply(job.request.reply_to, RunDone(job.fault, self._host.grants, overlapping))
        self._job = None
        self._go_on()

    def _hand_over(self, address: str, done: ShotDone) -> None:
        """Send a finished shot; the trace goes ahead in parts if it is long."""
        records = done.records
        last = max(0, len(records) - 1) // RECORDS_PER_MESSAGE * RECORDS_PER_MESSAGE
        for start in range(0, last, RECORDS_PER_MESSAGE):
            self._host.reply(address, ShotTrace(done.shot, records[start : start + RECORDS_PER_MESSAGE]))
        self._host.reply(address, ShotDone(done.shot, done.ended, records[last:]))

    def _begin_job(self, request: Run) -> None:
        self._job = job = _Job(request)
        if self._down is not None:
            job.fault = Fault.of(self._down)
            return
        if job.loads == self._loaded:
            return
        self._loaded = job.loads
        self._spare.clear()  # they draw from the streams of another seed
        job.to_load = [actor for actor in self._host.actors for _ in job.loads]
        for actor in self._host.actors:
            for load in job.loads:
                self._host.send(actor, load)

    def _begin_shot(self, job: _Job) -> None:
        number = job.next_shot
        job.next_shot += 1
        universe = self._host.open_universe(job.request.load.seed, self._spare.pop() if self._spare else None)
        authority = universe.authority
        trace = None
        authority.on_record = None
        if job.request.tracing:
            trace = Trace()
            trace.begin(number)
            authority.on_record = trace.on_record
        self._shots[universe.number] = _Shot(trace)
        authority.begin(number)
        self._host.advance(universe)
