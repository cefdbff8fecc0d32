"""Runs of an application shot by shot, several independent shots under way at once.

Each shot is a universe of its own, on networks that are used again. Finished shots go to the client in
order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qruntime.actors import Start
from qruntime.authority import Authority
from qruntime.control import ControlMessage, Loaded
from qruntime.errors import ConfigError, Fault, NodeDown, QnosError
from qruntime.limits import RECORDS_PER_MESSAGE
from qruntime.orders import (
    AskNetwork,
    AskSession,
    CancelSession,
    EndedRow,
    GoOn,
    Halt,
    Load,
    NetworkState,
    Run,
    RunDone,
    SessionState,
    ShotDone,
    ShotTrace,
    SubmitApp,
)
from qruntime.trace import Trace

if TYPE_CHECKING:
    from qruntime.host import Host
    from qruntime.service import Universe


class _Shot:
    """What a universe has brought so far: how programs ended, or only how many did if the client is told at
    once."""

    __slots__ = ("ended", "halted_ns", "over", "programs", "trace")

    def __init__(self, programs: int, trace: Trace | None) -> None:
        self.programs = programs
        self.over = 0
        self.halted_ns = 0
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
        self.step: GoOn | None = None  # what is being loaded for the shot that stands still


class Shots:
    """The service of a network that runs shots, one client's run after another.

    The client of a stepwise run hears of every program that ends, and says what starts because of it; until
    it has, its shot stands still.
    """

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
            job = self._job
            if job is not None and job.request.stepwise and job.request.reply_to == message.reply_to:
                self.crashed(QnosError("its client has begun another run"))  # and will never say how to go on
            self._go_on()
        elif isinstance(message, GoOn):
            self._take_step(message)
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
        """Keep how programs ended, or tell the client at once."""
        shot, job = self._shots[universe.number], self._job
        assert job is not None
        shot.over += len(rows)
        if job.request.stepwise:
            self._halt(universe, rows)
        else:
            shot.ended += rows

    def waiting_in_vain(self, universe: Universe) -> bool:
        """Nothing is left to happen: if every program has ended, so has the shot, or its client has more."""
        job = self._job
        if job is None:
            return False
        shot = self._shots[universe.number]
        if shot.over < shot.programs:
            return True
        if job.request.stepwise:
            self._halt(universe, ())
            return False
        self._spare.append(universe.authority)
        self._over(job, universe, max((row.ended_ns for row in shot.ended), default=0))
        return False

    def reached(self, universe: Universe) -> None:
        """The client says whether there is more."""
        self._halt(universe, ())

    def stuck(self, universe: Universe) -> None:
        """A bug of ours: end the run. In a stepwise one programs may wait for what starts later."""
        if self._job is not None and self._job.request.stepwise:
            self._halt(universe, ())
            return
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

    def _halt(self, universe: Universe, rows: Sequence[EndedRow]) -> None:
        """Let the client decide how to go on."""
        assert self._job is not None
        universe.is_held = True
        authority = universe.authority
        shot = self._shots[universe.number]
        shot.halted_ns = authority.reported_ns  # others, who are busy, may report later times
        self._host.reply(self._job.request.reply_to, Halt(authority.shot, shot.halted_ns, tuple(rows)))

    def _take_step(self, step: GoOn) -> None:
        """Load what is to begin, or end the shot."""
        job, universes = self._job, self._host.universes()
        if job is None or not job.request.stepwise or job.request.reply_to != step.reply_to:
            return
        if not universes or not universes[0].is_held or job.step is not None:
            return
        (universe,) = universes
        if step.over_ns >= 0:
            self._loaded = ()  # more was loaded since
            self._over(job, universe, step.over_ns, forget=True)
            return
        job.step = step
        for load in step.loads:
            for actor in _cnpus(load):
                job.to_load.append(actor)
                self._host.send(actor, load)
        self._go_on()

    def _go_further(self, job: _Job, step: GoOn) -> None:
        """All is loaded that is to begin."""
        job.step = None
        (universe,) = self._host.universes()
        shot = self._shots[universe.number]
        shot.programs += sum(len(load.roles) for load in step.loads)
        for actor in dict.fromkeys(actor for load in step.loads for actor in _cnpus(load)):
            universe.authority.join(actor, Start(), shot.halted_ns)
        universe.limit_ns = None if step.limit_ns < 0 else step.limit_ns
        universe.is_held = False
        self._host.advance(universe)

    def _over(self, job: _Job, universe: Universe, length_ns: int, forget: bool = False) -> None:
        """A shot is over."""
        shot = self._shots.pop(universe.number)
        self._host.close_universe(universe, forget)
        records = () if shot.trace is None else tuple(shot.trace.end())
        busy: dict[str, tuple[int, ...]] = {}
        meter = universe.authority.meter
        if job.request.metered and meter is not None:
            meter.end(length_ns)
            busy = meter.take()
        number = universe.authority.shot
        job.finished[number] = ShotDone(number, tuple(shot.ended), records, busy)
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
        if job.step is not None:
            if job.fault is None:
                self._go_further(job, job.step)
                return
            self._forget_shots()
        while job.next_done in job.finished:
            self._hand_over(job.request.reply_to, job.finished.pop(job.next_done))
            job.next_done += 1
        if job.fault is None and job.next_done < job.end_shot:
            try:
                most = 1 if job.request.stepwise else job.request.in_flight
                while job.next_shot < job.end_shot and len(self._shots) < most:
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
        self._host.reply(address, ShotDone(done.shot, done.ended, records[last:], done.busy))

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
        self._shots[universe.number] = _Shot(job.programs, trace)
        stepwise = job.request.stepwise
        authority.begin(number, self._host.cnpus if stepwise else ())
        if stepwise and job.request.limit_ns >= 0:
            universe.limit_ns = job.request.limit_ns
        if authority.meter is not None:
            authority.meter.begin(job.request.metered)
        self._host.advance(universe)


def _cnpus(load: Load) -> list[str]:
    """The actors that run the programs of an application."""
    return list(dict.fromkeys(f"{load.placement[role]}/cnpu" for role in load.roles))
