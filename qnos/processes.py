"""A run with every CNPU and QNPU an operating-system process, and one more for the world and the time
authority.

`ProcessNetwork(network)` starts them and stops exactly them; `run(...)` gives the shots of an
application in order, the same as in one process.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from cnpu.launch import Ended
from qnos.runtime_dir import RuntimeDir
from qruntime.client import Client
from qruntime.errors import NodeDown, error_of
from qruntime.orders import EndedRow, GoOn, Halt, Load, Run, RunDone, ShotDone
from qruntime.shell import Hosted, be_beside
from qruntime.watch import ORPHANED, Lifeline

if TYPE_CHECKING:
    from qnos.config import NetworkConfig
    from qnos.hosts import StandingNetwork
    from qnos.simulate import OnShot

_STOP_S = 2.0  # grace for all processes to leave before they are killed
_SHORT_STOP_S = 0.5  # when one of them is gone anyway
_LAST_BREATH_S = 0.5  # between the end of a process's connections and its status
_LOG_TAIL = 2000  # characters of a dead process's last words


class Runnable(Protocol):
    """What processes run: a plan of one application, or of several at once."""

    @property
    def network(self) -> NetworkConfig:
        """The network it is for."""

    def loads(self) -> list[Load]:
        """What the CNPUs are to load."""


class Director(Protocol):
    """A caller that is told how busy nodes were, and may say what starts when something has ended."""

    @property
    def stepwise(self) -> bool:
        """Whether it says so: `halted` then says how a shot goes on, else it runs to its end."""

    @property
    def limit_ns(self) -> int | None:
        """Up to when a stepwise shot goes on at first."""

    def halted(self, ended: list[Ended], now_ns: int) -> tuple[list[Load], int | None, int | None]:
        """These programs ended, or else nothing is left to happen up to the limit: what begins, the limit
        from now on, and the length of the shot if it is over."""

    def measured(self, busy: Mapping[str, Sequence[int]]) -> None:
        """What a `utilisation.Meter` took of the shot that comes next."""


class ProcessNetwork:
    """The processes of one network.

    A context manager: leaving it ends them all. Without `cnpus` those are not started: this process is them
    (see `run`).
    """

    def __init__(self, network: NetworkConfig, cnpus: bool = True) -> None:
        self.network = network
        self._cnpus = cnpus
        self.runtime: RuntimeDir
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.grants = 0  # of the authority, so far
        self.overlapping = 0  # of those, given while another actor was busy
        self._client: Client
        self._lifeline: Lifeline

    def __enter__(self) -> ProcessNetwork:
        with ExitStack() as undo:  # whatever comes between, Ctrl-C included, nothing stays behind
            self.runtime = RuntimeDir.create(self.network)
            undo.callback(self.runtime.remove)
            self._lifeline = Lifeline()
            undo.callback(self._lifeline.close)
            self._client = Client(self.runtime.address("client"), self.runtime.address("world"))
            undo.callback(self._client.close)
            undo.callback(self._end, 0.0)
            self._start("world")
            for node in self.network.node_names:
                self._start("qnpu", node)
                if self._cnpus:
                    self._start("cnpu", node)
            undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._client.leave()
            self._end(_SHORT_STOP_S if isinstance(error, NodeDown) else _STOP_S)
        finally:
            self._end(0.0)  # a second Ctrl-C does not wait
            self._client.close()
            self._lifeline.close()
            self.runtime.remove()

    def _end(self, grace_s: float) -> None:
        """Wait until all processes have left; those that are still there after `grace_s` are killed."""
        for process in self.processes.values():
            try:
                process.wait(grace_s)
            except subprocess.TimeoutExpired:
                grace_s = 0.0
                process.kill()
                process.wait()

    def run(
        self,
        plan: Runnable,
        first_shot: int,
        shots: int,
        in_flight: int,
        tracing: bool,
        on_shot: OnShot,
        director: Director | None = None,
        hosted: Sequence[Hosted] = (),
    ) -> None:
        """Run shots of a plan; `on_shot` gets each as it is done, in order.

        `hosted` are the actors that live in this process. Raises what ended the run early: `NodeDown` if a
        process is gone.
        """
        world = self.runtime.address("world")
        beside = [partial(be_beside, one, self.runtime.address(one.name), world) for one in hosted]
        order = (plan, first_shot, shots, in_flight, tracing, on_shot)
        try:
            over = run_plan(self._client, self._look, *order, director, beside)
        except NodeDown as error:
            raise self._with_its_end(error) from None
        self.grants, self.overlapping = over.grants, over.overlapping

    def _look(self) -> None:
        """Raise `NodeDown` if a process has ended."""
        ended = [name for name, process in self.processes.items() if process.poll() is not None]
        if ended:
            raise NodeDown("without it the network cannot go on", process=ended[0])

    def _with_its_end(self, error: NodeDown) -> NodeDown:
        """The error with what is known of the process that is gone, first of those that did not merely
        follow it."""
        for name, process in self.processes.items():
            if process.poll() not in (None, 0, ORPHANED):
                error.data["process"] = name
                break
        name = str(error.data["process"])
        process = self.processes[name]
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LAST_BREATH_S)
        words = self.runtime.log(name).read_text(errors="replace")[-_LOG_TAIL:].strip()
        how, lost = how_it_ended(process.returncode), error.data["lost"]
        said = f"\nIt said: {words}" if words else ""
        return NodeDown(f"process {name} {how}; lost: {lost}{said}", **error.data)

    def _start(self, kind: str, node: str = "") -> None:
        name = f"{node}/{kind}" if node else kind
        command = [
            sys.executable,
            "-m",
            "qnos.daemons",
            kind,
            str(self.runtime.path),
            *([node] if node else []),
        ]
        with self.runtime.log(name).open("wb") as log:
            self.processes[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._lifeline.options(),
            )


class ProcessRunner:
    """A plan on a network of processes: one that lives as long as the context, or one that is up
    already."""

    def __init__(
        self, plan: Runnable, in_flight: int, started: ProcessNetwork | StandingNetwork | None = None
    ) -> None:
        self._plan = plan
        self._in_flight = in_flight
        self._own = ProcessNetwork(plan.network) if started is None else None
        self._network = started or self._own

    def __enter__(self) -> ProcessRunner:
        if self._own is not None:
            self._own.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._own is not None:
            self._own.__exit__(kind, error, trace)

    def run(
        self, first_shot: int, shots: int, tracing: bool, on_shot: OnShot, director: Director | None = None
    ) -> None:
        """Run shots in order, as `Simulation.run` does."""
        assert self._network is not None
        self._network.run(self._plan, first_shot, shots, self._in_flight, tracing, on_shot, director)


def run_plan(
    client: Client,
    look: Callable[[], None],
    plan: Runnable,
    first_shot: int,
    shots: int,
    in_flight: int,
    tracing: bool,
    on_shot: OnShot,
    director: Director | None = None,
    beside: Sequence[Callable[[], Awaitable[None]]] = (),
) -> RunDone:
    """Order shots of a plan; `look` is called now and then, and raises to end the run.

    Raises what ended the run early; `NodeDown` says which shots are lost.
    """
    load, *more = plan.loads()
    stepwise = director is not None and director.stepwise
    order = Run(
        client.address,
        load,
        first_shot,
        shots,
        in_flight,
        tracing,
        more=tuple(more),
        metered=director is not None,
        stepwise=stepwise,
        limit_ns=_or_never(director.limit_ns if director is not None and stepwise else None),
    )
    done = 0

    def take(shot: ShotDone) -> None:
        nonlocal done
        if director is not None:
            director.measured(shot.busy)
        on_shot(shot.shot, [_ended(row) for row in shot.ended], list(shot.records))
        done += 1

    def halted(halt: Halt) -> GoOn:
        assert director is not None
        loads, limit_ns, over_ns = director.halted([_ended(row) for row in halt.ended], halt.now_ns)
        return GoOn(client.address, tuple(loads), _or_never(limit_ns), _or_never(over_ns))

    try:
        return client.run(order, take, look, halted, beside)
    except NodeDown as error:
        lost = f"shots from {first_shot + done} on"
        raise NodeDown(f"{error.message}; lost: {lost}", **error.data, lost=lost) from None


def _or_never(time_ns: int | None) -> int:
    return -1 if time_ns is None else time_ns


def how_it_ended(status: int | None) -> str:
    """How a process ended, in words."""
    if status is None:
        return "gives no sign of life"
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def _ended(row: EndedRow) -> Ended:
    error = None if row.fault is None else error_of(row.fault)
    return Ended(
        row.session,
        row.role,
        row.pid,
        row.value,
        error,
        row.traceback,
        row.started_ns,
        row.ended_ns,
        list(row.log),
    )
