"""A run with every CNPU and QNPU an operating-system process, and one more for the world and the time
authority.

`ProcessNetwork(network, seed)` starts them and stops exactly them; `run(...)` gives the shots of an
application in order, the same as in one process.
"""

from __future__ import annotations

import subprocess
import sys
from types import TracebackType
from typing import TYPE_CHECKING

import msgspec

from cnpu.launch import Ended
from qnos.runtime_dir import RuntimeDir
from qruntime.client import Client
from qruntime.control import EndedRow, Load, Run, ShotDone
from qruntime.errors import NodeDown, error_of
from qruntime.trace import Record

if TYPE_CHECKING:
    from qnos.config import NetworkConfig
    from qnos.simulate import OnShot, Plan

_STOP_S = 2.0  # grace for a process to leave before it is killed
_LOG_TAIL = 2000  # characters of a dead process's last words


class ProcessNetwork:
    """The processes of one network.

    A context manager: leaving it ends them all.
    """

    def __init__(self, network: NetworkConfig) -> None:
        self.network = network
        self.runtime = RuntimeDir.create(network)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.grants = 0  # of the authority, so far
        self.overlapping = 0  # of those, given while another actor was busy
        self._client = Client(self.runtime.address("client"), self.runtime.address("world"))

    def __enter__(self) -> ProcessNetwork:
        self._start("world")
        for node in self.network.node_names:
            self._start("qnpu", node)
            self._start("cnpu", node)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.leave()
        for process in self.processes.values():
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._client.close()
        self.runtime.remove()

    def run(
        self, plan: Plan, first_shot: int, shots: int, in_flight: int, tracing: bool, on_shot: OnShot
    ) -> None:
        """Run shots of a plan; `on_shot` gets each as it is done, in order.

        Raises what ended the run early: `NodeDown` if a process is gone.
        """
        source = plan.app.file or plan.app.name
        load = Load(source, plan.app.sha256, plan.seed, 0, tuple(plan.roles), plan.inputs, plan.placement)
        order = Run(self._client.address, load, first_shot, shots, in_flight, tracing)

        def take(done: ShotDone) -> None:
            records = [Record(*msgspec.structs.astuple(row)) for row in done.records]
            on_shot(done.shot, [_ended(row) for row in done.ended], records)

        over = self._client.run(order, take, self._look)
        self.grants, self.overlapping = over.grants, over.overlapping

    def _look(self) -> None:
        """Raise `NodeDown` if a process is gone."""
        for name, process in self.processes.items():
            status = process.poll()
            if status is not None:
                words = self.runtime.log(name).read_text(errors="replace")[-_LOG_TAIL:].strip()
                raise NodeDown(f"process {name} ended with status {status}: {words}", process=name)

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
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )


class ProcessRunner:
    """A plan on a network of processes: one that lives as long as the context, or one that is up
    already."""

    def __init__(self, plan: Plan, in_flight: int, started: ProcessNetwork | None = None) -> None:
        self._plan = plan
        self._in_flight = in_flight
        self._own = started is None
        self._network = ProcessNetwork(plan.network) if started is None else started

    def __enter__(self) -> ProcessRunner:
        if self._own:
            self._network.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._own:
            self._network.__exit__(kind, error, trace)

    def run(self, first_shot: int, shots: int, tracing: bool, on_shot: OnShot) -> None:
        """Run shots in order, as `Simulation.run` does."""
        self._network.run(self._plan, first_shot, shots, self._in_flight, tracing, on_shot)


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
