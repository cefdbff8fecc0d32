"""The system call table: what a CNPU may ask of the QNPU, and who answers.

A call that cannot be served is answered with `Refused` (or `Aborted` for a subroutine) and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qdriver.spec import VirtualQubit
from qnpu.process import Process, Subroutine
from qnpu.quotas import exceeded, quotas_of
from qruntime.errors import ConfigError, Fault, LimitError, QnosError, SubroutineError
from qruntime.inspection import Inspect, Inspected
from qruntime.limits import PROCESSES, RETURNED_VALUES
from qruntime.messages import (
    Aborted,
    Cancel,
    Memory,
    OpenEprSocket,
    ProcessStatus,
    ReadMemory,
    Refused,
    Register,
    Status,
    StatusReport,
    Stop,
    Submit,
)

if TYPE_CHECKING:
    from qnpu.main import Qnpu


def register(qnpu: Qnpu, src: str, call: Register, now_ns: int) -> None:
    """Make a process, with its EPR sockets."""
    if call.pid < 0:
        error = SubroutineError(f"process id {call.pid} is negative; 0 or more is allowed")
        return _refuse(qnpu, src, call.pid, "register", error)
    if any(pid == call.pid for _, pid in qnpu.processes):  # qubits are owned by number
        return _refuse(qnpu, src, call.pid, "register", SubroutineError(f"process {call.pid} exists already"))
    if len(qnpu.processes) >= PROCESSES:
        return _refuse(
            qnpu, src, call.pid, "register", LimitError(f"{PROCESSES} processes run, the most allowed")
        )
    native = qnpu.driver.spec.flavour
    if call.flavour not in ("vanilla", native):
        known = "vanilla" if native == "vanilla" else f"vanilla and {native}"
        error = SubroutineError(f"flavour {call.flavour!r} does not run on this device; it takes {known}")
        return _refuse(qnpu, src, call.pid, "register", error)
    if call.weight < 1:
        error = SubroutineError(f"weight {call.weight} of process {call.pid}; 1 or more is allowed")
        return _refuse(qnpu, src, call.pid, "register", error)
    quotas = qnpu.settings.quotas
    if call.quotas:
        try:
            quotas = quotas_of(quotas, call.quotas)
        except ConfigError as error:
            return _refuse(qnpu, src, call.pid, "register", error)
    process = Process(
        call.pid, src, call.app, call.max_qubits, call.flavour, call.priority, now_ns,
        call.deadline_ns, call.weight, quotas, call.quotas, call.first_socket,
    )  # fmt: skip
    qnpu.processes[src, call.pid] = process
    for socket, remote_node, remote_socket, min_fidelity in call.sockets:
        _open(qnpu, process, OpenEprSocket(call.pid, socket, remote_node, remote_socket, min_fidelity))
    qnpu.netstack.agreement.sockets_opened(process, now_ns)


def open_epr_socket(qnpu: Qnpu, src: str, call: OpenEprSocket, now_ns: int) -> None:
    """Open one more EPR socket."""
    process = qnpu.processes.get((src, call.pid))
    if process is None:
        return _refuse(qnpu, src, call.pid, "open EPR socket", _unknown(call.pid))
    _open(qnpu, process, call)
    qnpu.netstack.agreement.sockets_opened(process, now_ns)


def _open(qnpu: Qnpu, process: Process, call: OpenEprSocket) -> None:
    name = "open EPR socket"
    mine = (call.remote_node, call.remote_socket)
    error: QnosError
    if call.socket in process.sockets:
        error = LimitError(f"EPR socket {call.socket} is open already")
        return _refuse(qnpu, process.owner, process.pid, name, error)
    if len(process.sockets) >= process.quotas.epr_sockets:
        error = exceeded(process, "epr_sockets", f"the program has {len(process.sockets)} EPR sockets open")
        return _refuse(qnpu, process.owner, process.pid, name, error)
    for other in qnpu.processes.values():
        if other is not process and other.sockets.get(call.socket, (-1, -1, 0))[:2] == mine:
            error = LimitError(f"EPR socket {call.socket} to that socket belongs to process {other.pid}")
            return _refuse(qnpu, process.owner, process.pid, name, error)
    if call.socket < 0 or call.remote_socket < 0 or not qnpu.neighbours.is_node(call.remote_node):
        error = LimitError(
            f"EPR socket {call.socket} to socket {call.remote_socket} of node {call.remote_node}: "
            f"socket ids are 0 or more, nodes 0..{qnpu.neighbours.nodes - 1}"
        )
        return _refuse(qnpu, process.owner, process.pid, name, error)
    if not 0 <= call.min_fidelity <= 100:
        error = LimitError(f"minimum fidelity {call.min_fidelity} is not in 0..100 percent")
        return _refuse(qnpu, process.owner, process.pid, name, error)
    process.sockets[call.socket] = (*mine, call.min_fidelity)


def submit(qnpu: Qnpu, src: str, call: Submit, now_ns: int) -> None:
    """Queue a subroutine; a bad one is refused before it runs."""
    process = qnpu.processes.get((src, call.pid))
    try:
        if process is None:
            raise _unknown(call.pid)
        quotas = process.quotas
        if len(process.queue) >= quotas.queued_subroutines:
            what = f"the program has {len(process.queue)} subroutines queued"
            raise exceeded(process, "queued_subroutines", what)
        program = qnpu.loader.load(call.code, process.flavour)
        if len(program.code) > quotas.subroutine_instructions:
            what = f"the subroutine has {len(program.code)} instructions"
            raise exceeded(process, "subroutine_instructions", what)
    except QnosError as error:
        return qnpu.send_cnpu(src, Aborted(call.pid, call.subroutine, Fault.of(error)), finished=True)
    qnpu.trace("procmgr", "PROCMGR_SUBROUTINE_ADDED", call.pid, (call.subroutine,))
    process.queue.append(Subroutine(call.subroutine, program))
    qnpu.start_next(process)
    return None


def cancel(qnpu: Qnpu, src: str, call: Cancel, now_ns: int) -> None:
    """Abort a subroutine that is queued or running; one that is over is no error."""
    process = qnpu.processes.get((src, call.pid))
    if process is None:
        return
    error = SubroutineError(f"subroutine {call.subroutine} was cancelled", cause="CANCELLED")
    if process.current is not None and process.current.number == call.subroutine:
        qnpu.abort(process, error, now_ns)
        return
    for index, queued in enumerate(process.queue):
        if queued.number == call.subroutine:
            qnpu.abort_queued(process, index, error)
            return


def read_memory(qnpu: Qnpu, src: str, call: ReadMemory, now_ns: int) -> None:
    """Registers and arrays as they are; of an unknown process: all None."""
    process = qnpu.processes.get((src, call.pid))
    registers: list[tuple[int, int | None]] = []
    for register_byte in call.registers:
        known = process is not None and 0 <= register_byte < len(process.registers)
        registers.append((register_byte, process.registers[register_byte] if known and process else None))
    arrays = []
    room = RETURNED_VALUES
    for address in call.arrays:
        array = None if process is None else process.arrays.get(address)
        room -= len(array or ())
        if room < 0:
            error = LimitError(f"one answer holds {RETURNED_VALUES} values; ask for fewer arrays")
            return _refuse(qnpu, src, call.pid, "read memory", error)
        arrays.append((address, None if array is None else tuple(array)))
    qnpu.send_cnpu(src, Memory(call.pid, call.ref, tuple(registers), tuple(arrays)))
    return None


def inspect(qnpu: Qnpu, src: str, call: Inspect, now_ns: int) -> None:
    """Pass the question on to the world, which alone knows states; the answer goes through us as well."""
    process = qnpu.processes.get((src, call.pid))
    try:
        if process is None:
            raise _unknown(call.pid)
        places = []
        for virtual in call.qubits:
            if VirtualQubit(virtual) not in process.virtual:
                raise SubroutineError(f"virtual qubit {virtual} is not bound")
            places.append(int(process.virtual[VirtualQubit(virtual)]))
    except SubroutineError as error:
        qnpu.send_cnpu(src, Inspected(call.pid, call.ref, (), error.message))
    else:
        qnpu.ask_world(Inspect(call.pid, call.ref, call.scope, tuple(places)))


def stop(qnpu: Qnpu, src: str, call: Stop, now_ns: int) -> None:
    """The process is gone: its qubits are free, its requests withdrawn."""
    process = qnpu.processes.get((src, call.pid))
    if process is not None:
        qnpu.remove(process, now_ns)


def status(qnpu: Qnpu, src: str, call: Status, now_ns: int) -> None:
    """The process table."""
    qnpu.send_cnpu(src, StatusReport(call.ref, process_table(qnpu), qnpu.memory.count_free()))


def process_table(qnpu: Qnpu) -> tuple[ProcessStatus, ...]:
    """One row per process."""
    return tuple(
        ProcessStatus(
            p.pid,
            p.app,
            p.state,
            len(p.queue) + (p.current is not None),
            tuple(p.virtual.values()),
            len(p.requests),
        )
        for p in qnpu.processes.values()
    )


def _refuse(qnpu: Qnpu, src: str, pid: int, call: str, error: QnosError) -> None:
    qnpu.send_cnpu(src, Refused(pid, call, Fault.of(error)))


def _unknown(pid: int) -> SubroutineError:
    return SubroutineError(f"process {pid} is not registered")


SYSCALLS: dict[type[Any], Callable[..., None]] = {
    Register: register,
    OpenEprSocket: open_epr_socket,
    Submit: submit,
    Cancel: cancel,
    ReadMemory: read_memory,
    Stop: stop,
    Status: status,
    Inspect: inspect,
}
