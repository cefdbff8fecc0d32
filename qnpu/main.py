"""The QNPU: the quantum-side OS as one actor.

Its parts, in boot order, are the lines of `Qnpu.__init__`. Events come from the CNPU (system calls), from
peers (the link layer), from the world (outcomes and heralds) and from its own timers. After each event the
scheduler decides who has the processor, and the driver's batch goes to the device.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from qdriver.driver import QDriver
from qdriver.spec import PhysicalQubit
from qnpu.arrays import is_there
from qnpu.code import Loader
from qnpu.dispatcher import CLOCK, Dispatcher
from qnpu.memory import MemoryManager
from qnpu.memoryline import MemoryLine
from qnpu.neighbours import Neighbours
from qnpu.netstack import NetworkStack
from qnpu.notes import Notes
from qnpu.placement import Placement
from qnpu.process import Process
from qnpu.processor import DRAINING, FINISHED, OUTCOME, PACED, SLEEPING, Processor
from qnpu.requests import Request
from qnpu.settings import QnpuSettings
from qnpu.syscalls import SYSCALLS
from qnpu.timetable import LinkBins
from qnpu.traps import Trap, failure_tag
from qnpu.waits import lack_of, waits_of, who_must_give_way
from qruntime.actors import Arrival, CancelTimer, Effect, Emit, Event, Expiry, Message, Send, SetTimer, Wait
from qruntime.errors import DriverError, Fault, PredecessorAborted, QnosError, error_of
from qruntime.inspection import Inspect, Inspected
from qruntime.limits import GROUP_QUBITS
from qruntime.messages import Aborted, Done, RequestFailed
from qruntime.qdevice import Attempted, Herald, Outcome, Response
from qruntime.rng import Stream, Streams


class Qnpu:
    """The actor `<node>/qnpu`.

    `nodes` names every node by id; `latencies_ns` has the latency to the QNPU of each linked node, `losses`
    the probability that a message to it gets lost, where it may; `cnpu_latency_ns` is that to our own CNPU.
    `bins` has those of each link, by peer, if there is a network schedule.
    """

    def __init__(
        self,
        node_id: int,
        nodes: Sequence[str],
        settings: QnpuSettings,
        driver: QDriver,
        *,
        cnpu_latency_ns: int,
        latencies_ns: Mapping[int, int],
        streams: Streams,
        world: str = "world",
        losses: Mapping[int, float] | None = None,
        bins: Mapping[int, LinkBins] | None = None,
        instructions_traced: bool = False,
    ) -> None:
        self._world = world
        self.node_id = node_id
        self.node = nodes[node_id]
        self.name = f"{self.node}/qnpu"
        self.cnpu = f"{self.node}/cnpu"
        self.tracing = False
        self.settings = settings
        self.bins = bins
        self.neighbours = Neighbours(node_id, nodes, latencies_ns, losses or {}, streams)
        self._cnpu_latency_ns = cnpu_latency_ns
        self._streams = streams
        self._basis: Stream | None = None
        self._shot = 0
        self._effects: list[Effect] = []
        self._timers: dict[Hashable, Callable[[int], object]] = {}
        self.now_ns = 0
        # boot
        self.processes: dict[tuple[str, int], Process] = {}
        self.loader = Loader()
        self.driver = driver
        self.memory = MemoryManager(driver.spec, settings.allocate)
        self.line = MemoryLine(self)
        self.placement = Placement(self)
        self.dispatcher = Dispatcher(self, self._run)
        self.netstack = NetworkStack(self, self.neighbours.actors, self._basis_stream)
        self.network = self.netstack.process
        self.notes = Notes(self, instructions_traced)
        self.processor = Processor(self, self.dispatcher.policy.preemptive)

    # --- actor ----------------------------------------------------------------------------------------

    def reset(self, shot: int) -> None:
        """A fresh OS; only decoded subroutines stay."""
        self._shot = shot
        self._basis = None
        self.neighbours.reset(shot)
        self.now_ns = 0
        self._timers.clear()
        self.processes.clear()
        self.driver.reset()
        self.memory.reset()
        self.line.reset()
        self.dispatcher.reset()
        self.processor.reset()
        self.netstack.reset()

    def handle(self, event: Event, now_ns: int) -> Sequence[Effect]:
        """Take one event; whatever it is, the answer is effects, never an exception."""
        self.now_ns = now_ns
        self._effects = effects = []
        cls = event.__class__
        if cls is Arrival:
            self._arrived(event.src, event.message, now_ns)  # type: ignore[union-attr]
        elif cls is Expiry:
            action = self._timers.pop(event.timer, None)  # type: ignore[union-attr]
            if action is not None:
                action(now_ns)
        self.dispatcher.schedule(now_ns)
        for message in self.driver.take():
            effects.append(Send(self._world, message, 0))
        return effects

    def waits(self) -> list[Wait]:
        """Processes that cannot go on, and what they lack."""
        return waits_of(self)

    # --- events ---------------------------------------------------------------------------------------

    def _arrived(self, src: str, message: Message, now_ns: int) -> None:
        cls = message.__class__
        call = SYSCALLS.get(cls)
        if call is not None:
            if src == self.cnpu:
                call(self, src, message, now_ns)
            else:  # there is no way back to it either
                self.trace("procmgr", "PROCMGR_CALL_IGNORED", -1, (src, cls.__name__))
        elif cls is Outcome:
            self._on_outcome(message, now_ns)  # type: ignore[arg-type]
        elif cls is Herald:
            self.network.on_herald(message)  # type: ignore[arg-type]
        elif cls is Attempted:
            self.network.on_attempted(message, now_ns)  # type: ignore[arg-type]
        elif cls is Inspected:
            self._on_inspected(message)  # type: ignore[arg-type]
        elif src in self.neighbours.ids:
            self.netstack.agreement.take(self.neighbours.ids[src], message, now_ns)

    def _on_inspected(self, message: Inspected) -> None:
        process = next((p for p in self.processes.values() if p.pid == message.pid), None)
        if process is not None:
            self.send_cnpu(process.owner, message)

    def _on_outcome(self, outcome: Outcome, now_ns: int) -> None:
        response = outcome.response
        running = self.dispatcher.running
        if response < Response.SUCCESS_ZERO:
            self._device_failed(outcome, now_ns)
            return
        bit = int(response == Response.SUCCESS_ONE)
        if running is not None and running.awaits(outcome.ref):
            is_last = running.take_outcome(outcome.ref, bit)
            promised_ns = self.driver.on_grid(running.device_end_ns)
            if now_ns > promised_ns or (is_last and now_ns < promised_ns):
                what = f"the device answered a measurement at {now_ns} ns; its spec says {promised_ns} ns"
                self.abort(running, DriverError(f"{what} (rule timing)"), now_ns)
                return
            if self.tracing:
                self.trace("qdriver", "QDEVICE_PRODUCE_OUTCOME", running.pid, (bit,))
                self.trace("processor", "PROCESSOR_CONSUME_OUTCOME", running.pid)
            if is_last and (not self.dispatcher.ready or self.dispatcher.goes_on(now_ns)):
                self._run(running, now_ns)
        else:
            self.network.on_outcome(outcome.ref, bit)  # else: its subroutine was aborted

    def _device_failed(self, outcome: Outcome, now_ns: int) -> None:
        """The device could not do an operation: abort the subroutine it belongs to, else tell the
        program."""
        text = (
            f"the device answered {Response(outcome.response).name} to an operation on qubits of this program"
        )
        if outcome.detail:
            text += f": {outcome.detail}"
        if outcome.response == Response.SIMULATION_LIMIT:
            text += f": the simulated world holds at most {GROUP_QUBITS} qubits entangled together"
        error = DriverError(text, response=outcome.response)
        for process in self.processes.values():
            if process.awaits(outcome.ref) or process.pid == failure_tag(outcome.ref):
                self._fail_program(process, error, now_ns)
                return
        if not self.network.faults.of_operation(outcome.ref, error, now_ns) and outcome.ref == -1:
            self.device_broken(error, now_ns)

    def device_broken(self, error: QnosError, now_ns: int) -> None:
        """Something failed that nobody in particular asked for: it concerns every program on the device."""
        for process in list(self.processes.values()):
            self._fail_program(process, error, now_ns)

    def _fail_program(self, process: Process, error: QnosError, now_ns: int) -> None:
        if process.current is not None:
            self.abort(process, error, now_ns)
        else:
            self.send_cnpu(process.owner, RequestFailed(process.pid, Fault.of(error)))

    # --- processes on the processor -------------------------------------------------------------------

    def start_next(self, process: Process) -> None:
        """If the process is idle and has a subroutine queued, make it ready.

        The device may have operations left of one that was aborted, which would pile up.
        """
        if process.current is None and process.queue:
            if process.device_end_ns > self.now_ns:
                timer = ("device", process.pid)
                self.set_timer(timer, process.device_end_ns, lambda now: self.start_next(process))
                return
            process.current = process.queue.popleft()
            process.move("submit")
            self.dispatcher.make_ready(process)

    def _run(self, process: Process, now_ns: int) -> None:
        """Let the running process go on until it needs time, an outcome, something absent, or ends."""
        try:
            status = self.processor.run(process, now_ns)
        except Trap as caught:
            self.abort(process, caught.error, now_ns)
            return
        except DriverError as error:
            self.abort(process, error, now_ns)
            return
        if status == OUTCOME:
            return
        if status == SLEEPING:
            self.set_timer(CLOCK, process.clock_ns, lambda now: self._run(process, now))
        elif status == DRAINING:
            self.set_timer(CLOCK, process.device_end_ns, lambda now: self._run(process, now))
        elif status == PACED:
            at_ns = self.driver.free_ns - self.settings.gate_ns
            self.set_timer(CLOCK, at_ns, lambda now: self._run(process, now))
        elif status == FINISHED:
            self._finish(process, now_ns)
        else:
            process.move("wait")
            self.dispatcher.release(process, now_ns)
            self.trace("processor", "PROCESSOR_WAIT_USER_PROCESS", process.pid, lack_of(process))
            self._begin_wait(process, now_ns)

    def _begin_wait(self, process: Process, now_ns: int) -> None:
        wait = process.wait
        assert wait is not None
        if wait.kind == "memory":
            self.line.stand(process, wait.communication, wait.is_for_device)
        elif wait.kind == "device":
            self.line.rest(process)
        else:
            self.line.leave(process)
            for request in list(process.requests):
                self.netstack.check_hopeless(request, now_ns)
        self.check_memory_cycle(now_ns)

    def _finish(self, process: Process, now_ns: int) -> None:
        subroutine = process.current
        assert subroutine is not None
        process.current = None
        process.move("finish")
        self.line.leave(process)
        self.dispatcher.release(process, now_ns)
        if self.tracing:
            self.trace("processor", "PROCESSOR_FINISH_USER_PROCESS", process.pid)
            self.trace("procmgr", "PROCMGR_SUBROUTINE_DONE", process.pid, (subroutine.number,))
        done = Done(
            process.pid,
            subroutine.number,
            tuple(subroutine.returned_registers),
            tuple(subroutine.returned_arrays),
        )
        self.send_cnpu(process.owner, done, finished=True)
        self.start_next(process)
        if process.current is None:
            self._report_failures(process)

    def abort(self, process: Process, error: QnosError, now_ns: int) -> None:
        """Abort the current subroutine: only that one; those queued behind it fail with it."""
        subroutine = process.current
        if subroutine is None:
            return
        process.current = None
        self.dispatcher.take_away(process, now_ns)
        self.line.leave(process)
        process.move("abort")
        process.wait = None
        process.unreported.clear()
        index = min(subroutine.pc, max(len(subroutine.code) - 1, 0))
        text = subroutine.program.text(index) if subroutine.code else ""
        data = {**error.data, "subroutine": subroutine.number, "index": index, "instruction": text}
        fault = Fault(error.code, f"instruction {index} `{text}`: {error.message}", data)
        self.trace(
            "procmgr", "PROCMGR_SUBROUTINE_ABORTED", process.pid, (subroutine.number, index, error.code)
        )
        self.send_cnpu(process.owner, Aborted(process.pid, subroutine.number, fault), finished=True)
        self._drop_queued(process, 0, subroutine.number)
        reason = f"a subroutine of {process.app} on {self.node} was aborted"
        self.netstack.process_aborted(process, reason, now_ns)

    def abort_queued(self, process: Process, index: int, error: QnosError) -> None:
        """Abort a queued subroutine and all behind it."""
        number = process.queue[index].number
        self.send_cnpu(process.owner, Aborted(process.pid, number, Fault.of(error)), finished=True)
        self._drop_queued(process, index + 1, number)
        del process.queue[index]

    def _drop_queued(self, process: Process, start: int, culprit: int) -> None:
        while len(process.queue) > start:
            queued = process.queue[start]
            del process.queue[start]
            error = PredecessorAborted(f"subroutine {culprit} before it was aborted", culprit=culprit)
            self.send_cnpu(process.owner, Aborted(process.pid, queued.number, Fault.of(error)), finished=True)

    def remove(self, process: Process, now_ns: int) -> None:
        """The program ended or its CNPU is gone: free all it has."""
        self.dispatcher.take_away(process, now_ns)
        self.line.leave(process)
        process.move("stop")
        if process.current is None and process.queue:
            self.cancel_timer(("device", process.pid))
        process.current = None
        process.queue.clear()
        self.netstack.stop(process, now_ns)
        del self.processes[process.owner, process.pid]
        for qubit in process.virtual.values():
            self.network.discard(qubit)
        process.virtual.clear()

    # --- what the parts need of each other ------------------------------------------------------------

    def network_ready(self) -> None:
        """The network process has work."""
        self.dispatcher.network_ready(self.network)

    def results_changed(self, process: Process) -> None:
        """A pair of `process` was delivered: wake it if that is what it waits for."""
        wait = process.wait
        if process.state != "waiting" or wait is None:
            return
        if wait.kind == "array":
            if not is_there(process.arrays[wait.address], wait.start, wait.stop, wait.all_of):
                return
        elif not wait.is_for_device and (  # else the pair was a qubit of nobody's, in its way
            wait.kind != "qubit"
            or (
                wait.virtual not in process.virtual
                and any(request.will_bind(wait.virtual) for request in process.requests)
            )
        ):
            return
        process.move("wake")
        self.dispatcher.make_ready(process)

    def memory_freed(self) -> None:
        """A qubit is free: all who wait for one try again, in order."""
        if self.line.places:
            self.line.freed()
        self.network.memory_freed()

    def holders(self) -> list[int]:
        """Who has each qubit, counting a pair that could not be handed over yet as its program's."""
        pledged = self.network.kept.pledged()
        return [pledged.get(PhysicalQubit(q), owner) for q, owner in enumerate(self.memory.owners)]

    def device_freed(self) -> None:
        """The device is done with attempts: all who wait for it, or for a qubit reserved for them, try
        again."""
        self.network.sharing.freed()
        self.line.freed()
        for process in self.processes.values():
            wait = process.wait
            if process.state == "waiting" and wait is not None and wait.kind == "device":
                self.line.tries(process)
                process.move("wake")
                self.dispatcher.make_ready(process)

    def request_failed(self, process: Process, request: Request, fault: Fault) -> None:
        """A request of `process` ended early: abort the subroutine that waits for it, or tell the
        program."""
        wait = process.wait
        if process.state == "waiting" and wait is not None and wait.address == request.results_address:
            self.abort(process, error_of(fault), self.now_ns)
        elif process.current is not None:
            process.unreported.append(fault)
        else:
            self.send_cnpu(process.owner, RequestFailed(process.pid, fault))

    def _report_failures(self, process: Process) -> None:
        for fault in process.unreported:
            self.send_cnpu(process.owner, RequestFailed(process.pid, fault))
        process.unreported.clear()

    def check_memory_cycle(self, now_ns: int) -> None:
        """If processes wait for each other's qubits, the youngest is aborted."""
        victim = who_must_give_way(self)
        if victim is not None:
            self.abort(*victim, now_ns)

    def send_cnpu(self, owner: str, message: Message, finished: bool = False) -> None:
        """Answer a CNPU; the fixed cost of a subroutine rides on the way of its result."""
        delay = self._cnpu_latency_ns + (self.settings.subroutine_ns if finished else 0)
        self._effects.append(Send(owner, message, delay))

    def ask_world(self, message: Inspect) -> None:
        """A question that the device does not hear."""
        self._effects.append(Send(self._world, message, 0))

    def send_peer(self, actor: str, peer: int, message: Any) -> None:
        """A link-layer message; on a lossy link it may not arrive."""
        delay = self.neighbours.latency_ns(peer)
        if self.neighbours.loses(peer):
            self.trace("egp", "LINK_MSG_LOST", -1, (peer, type(message).__name__))
            return
        if self.tracing:
            self.trace("egp", "LINK_MSG_SENT", -1, (peer, type(message).__name__, delay))
        self._effects.append(Send(actor, message, delay))

    def set_timer(self, timer: Hashable, at_ns: int, action: Callable[[int], object]) -> None:
        """Do `action(now)` at `at_ns`."""
        self._timers[timer] = action
        self._effects.append(SetTimer(timer, at_ns))

    def cancel_timer(self, timer: Hashable) -> None:
        """Forget a timer, if it is set."""
        if self._timers.pop(timer, None) is not None:
            self._effects.append(CancelTimer(timer))

    def trace(self, unit: str, event: str, pid: int, data: tuple[int | str, ...] = ()) -> None:
        """A trace record at the present time."""
        if self.tracing:
            self._effects.append(Emit(self.now_ns, unit, event, pid, data))

    def trace_at(self, t_ns: int, unit: str, event: str, pid: int, data: tuple[int | str, ...]) -> None:
        """A trace record at another time."""
        self._effects.append(Emit(t_ns, unit, event, pid, data))

    def _basis_stream(self) -> Stream:
        if self._basis is None:
            self._basis = self._streams.stream(f"basis/{self.node}", self._shot)
        return self._basis
