"""The processor: runs the subroutine of one process until it ends or needs something that is not there yet.

It may run ahead of `now` over registers, branches and arrays that no open request writes, and stamps gates
with the process's own clock. Before anything whose meaning depends on the moment (waiting, loads of request
arrays, qalloc, qfree, EPR instructions, returns, operations with a result) it stops until simulated time
has caught up. Costs are spent before the operation is issued.

`run(process, now_ns)` says how it ended: one of the constants below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from netqasm_isa import opcodes as op
from netqasm_isa import register_name
from qdriver.driver import Operation
from qdriver.spec import VirtualQubit
from qnpu.alu import ARITHMETIC, branch, compute
from qnpu.arrays import array_at, index_in, lacking, new_array, raise_failed
from qnpu.code import GATE, GATE2, MEASURE_ROTATED
from qnpu.collective import COLLECTIVE, Collective
from qnpu.entangling import Entangling
from qnpu.process import Process, WaitReason
from qnpu.quotas import exceeded
from qnpu.traps import Trap, failure_tag, no_qubit, trap
from qruntime.errors import DriverError, error_of
from qruntime.qdevice import ROTATION_GATES, OpCode

if TYPE_CHECKING:
    from qnpu.main import Qnpu

FINISHED: Final = "finished"  # the subroutine is over
WAITING: Final = "waiting"  # process.wait says for what; the processor is free
SLEEPING: Final = "sleeping"  # the process keeps the processor until its clock: a timer is needed
DRAINING: Final = "draining"  # it keeps it until the end of its last device operation: likewise
PACED: Final = (
    "paced"  # it keeps it until a gate that is issued then begins when the device is done: likewise
)
OUTCOME: Final = "outcome"  # the process keeps the processor until the device answers

_INT_MAX: Final = 2**31 - 1


class Processor:
    """Interprets lowered code for one process at a time."""

    def __init__(self, qnpu: Qnpu, preemptive: bool) -> None:
        settings = qnpu.settings
        self.netstack = qnpu.netstack
        self._network = qnpu.network
        self._entangling: Entangling = qnpu.network.entangling
        self._driver = qnpu.driver
        self._memory = qnpu.memory
        self._line = qnpu.line
        self._placement = qnpu.placement
        self._holders = qnpu.holders
        self._gate_ns = settings.gate_ns
        self._measure_ns = settings.measure_ns
        self._classical_ns = settings.classical_instruction_ns
        self._preemptive = preemptive
        self._notes = qnpu.notes
        self._next_ref = 0
        self._collective = Collective(qnpu, self.network_measurement)

    def reset(self) -> None:
        """As new."""
        self._next_ref = 0

    def run(self, process: Process, now_ns: int) -> str:
        """Go on with the current subroutine.

        Raises `Trap`, or `DriverError` where the hardware refuses, if it must be aborted; `pc` is then at
        the culprit.
        """
        subroutine = process.current
        assert subroutine is not None
        code = subroutine.code
        length = len(code)
        pc = stretch = subroutine.pc
        registers = process.registers
        virtual = process.virtual
        classical_ns = self._classical_ns
        preemptive = self._preemptive
        submit = self._driver.submit
        entangling = self._entangling
        measurable = self._placement.measurable
        joined = self._placement.joined
        tag = failure_tag(process.pid)
        note = self._notes.taker()
        clock = process.clock_ns if process.clock_ns > now_ns else now_ns
        try:
            if subroutine.refused is not None:
                raise subroutine.refused
            while pc < length:
                ins = code[pc]
                kind = ins[0]
                if classical_ns and kind not in _QUANTUM and subroutine.paid != pc:
                    clock += classical_ns
                    subroutine.paid = pc
                if kind == op.SET:
                    registers[ins[1]] = ins[2]

                elif kind == GATE:
                    qubit = virtual.get(registers[ins[1]])
                    if qubit is None:
                        return SLEEPING if clock > now_ns else self._unbound(process, ins[1])
                    if preemptive and (ahead := self._ahead(ins[2], qubit, clock, now_ns)):
                        return ahead
                    if entangling.in_the_way and (waits := self._wait_for_device(process, clock, now_ns)):
                        return waits
                    clock += self._gate_ns
                    process.device_end_ns = submit(
                        Operation(OpCode.ONE_QUBIT, ins[2], qubit, -1, ins[3], ins[4], tag), clock
                    )
                    if note is not None:
                        note(process, pc, ins[1])

                elif kind == op.MEAS or kind == MEASURE_ROTATED:
                    qubit = virtual.get(registers[ins[1]])
                    if qubit is None:
                        return SLEEPING if clock > now_ns else self._unbound(process, ins[1])
                    if entangling.in_the_way and (waits := self._wait_for_device(process, clock, now_ns)):
                        return waits
                    if not measurable[qubit]:
                        if clock > now_ns:
                            return SLEEPING
                        busy_ns = self._placement.to_measure(process, qubit, now_ns)
                        if busy_ns is None:
                            return WAITING
                        clock = busy_ns
                        continue
                    if subroutine.paid != pc:
                        clock += self._measure_ns
                        if kind == MEASURE_ROTATED:
                            clock += self._gate_ns * sum(1 for n in ins[4] if n)
                        subroutine.paid = pc
                    if clock > now_ns:
                        return SLEEPING
                    if kind == MEASURE_ROTATED:
                        for gate, n in zip(ROTATION_GATES[ins[3]], ins[4], strict=True):
                            if n:
                                submit(Operation(OpCode.ONE_QUBIT, gate, qubit, -1, n, ins[5], tag), now_ns)
                    self._measure(process, qubit, ins, pc, now_ns)
                    subroutine.paid = -1
                    pc += 1
                    return OUTCOME

                elif kind == op.STORE:
                    if clock > now_ns and ins[2] in process.open_arrays:
                        return SLEEPING
                    value = registers[ins[1]]
                    if value is None:
                        raise trap(f"register {register_name(ins[1])} is undefined")
                    array = array_at(process, ins[2])
                    array[index_in(process, ins[2], array, ins[3])] = value

                elif kind == op.LOAD:
                    address = ins[2]
                    if address in process.open_arrays or address in process.failed:
                        if clock > now_ns:
                            return SLEEPING
                        raise_failed(process, address)
                    array = array_at(process, address)
                    index = index_in(process, address, array, ins[3])
                    value = array[index]
                    if value is None:
                        raise trap(f"entry @{address}[{index}] has no value")
                    registers[ins[1]] = value

                elif kind == op.QFREE:
                    if clock > now_ns:
                        return SLEEPING
                    qubit = virtual.get(registers[ins[1]])
                    if qubit is None:
                        return SLEEPING if clock > now_ns else self._unbound(process, ins[1])
                    del virtual[VirtualQubit(registers[ins[1]])]
                    self.netstack.process.release(process, qubit)

                elif kind == op.QALLOC:
                    if clock > now_ns:
                        return SLEEPING
                    if not self._allocate(process, ins[1], now_ns):
                        return WAITING

                elif kind == op.INIT:
                    qubit = virtual.get(registers[ins[1]])
                    if qubit is None:
                        return SLEEPING if clock > now_ns else self._unbound(process, ins[1])
                    if preemptive and (ahead := self._ahead("init", qubit, clock, now_ns)):
                        return ahead
                    if entangling.in_the_way and (waits := self._wait_for_device(process, clock, now_ns)):
                        return waits
                    clock += self._gate_ns
                    process.device_end_ns = submit(Operation(OpCode.INIT, "init", qubit, ref=tag), clock)
                    if note is not None:
                        note(process, pc, ins[1])

                elif kind == GATE2:
                    first = virtual.get(registers[ins[1]])
                    if first is None:
                        return SLEEPING if clock > now_ns else self._unbound(process, ins[1])
                    second = virtual.get(registers[ins[2]])
                    if second is None:
                        return SLEEPING if clock > now_ns else self._unbound(process, ins[2])
                    if first == second:
                        raise trap(f"both operands are virtual qubit {registers[ins[1]]}")
                    if preemptive and (ahead := self._ahead(ins[3], first, clock, now_ns)):
                        return ahead
                    if entangling.in_the_way and (waits := self._wait_for_device(process, clock, now_ns)):
                        return waits
                    if (first, second) not in joined and process.flavour == "vanilla":
                        if clock > now_ns:
                            return SLEEPING
                        busy_ns = self._placement.together(process, first, second, now_ns)
                        if busy_ns is None:
                            return WAITING
                        clock = busy_ns
                        continue
                    clock += self._gate_ns
                    process.device_end_ns = submit(
                        Operation(OpCode.TWO_QUBIT, ins[3], first, second, ins[4], ins[5], tag), clock
                    )
                    if note is not None:
                        note(process, pc, ins[1], ins[2])

                elif op.JMP <= kind <= op.BGE:
                    subroutine.executed += pc - stretch + 1
                    if subroutine.executed > process.quotas.instruction_budget:
                        what = f"the subroutine has executed {subroutine.executed} instructions"
                        raise Trap(exceeded(process, "instruction_budget", what))
                    pc = stretch = branch(ins, kind, pc, registers)
                    subroutine.paid = -1
                    continue

                elif kind == op.ARRAY:
                    new_array(process, ins[1], ins[2])

                elif op.WAIT_ALL <= kind <= op.WAIT_SINGLE:
                    if clock > now_ns:
                        return SLEEPING
                    process.wait = lacking(process, ins, kind)
                    if process.wait is not None:
                        return WAITING

                elif kind == op.RET_REG:
                    if clock > now_ns:
                        return SLEEPING
                    value = registers[ins[1]]
                    if value is None:
                        raise trap(f"register {register_name(ins[1])} is undefined")
                    subroutine.count_returned(1)
                    subroutine.returned_registers.append((ins[1], value))

                elif kind == op.RET_ARR:
                    if clock > now_ns:
                        return SLEEPING
                    array = array_at(process, ins[1])
                    subroutine.count_returned(1 + len(array))
                    subroutine.returned_arrays.append((ins[1], tuple(array)))

                elif kind in ARITHMETIC:
                    registers[ins[1]] = compute(kind, ins, registers)

                elif kind == op.CREATE_EPR or kind == op.RECV_EPR:
                    if clock > now_ns:
                        return SLEEPING
                    self._request(process, kind, ins, now_ns)

                elif kind == op.UNDEF:
                    if clock > now_ns and ins[1] in process.open_arrays:
                        return SLEEPING
                    array = array_at(process, ins[1])
                    array[index_in(process, ins[1], array, ins[2])] = None

                elif kind == op.LEA:
                    registers[ins[1]] = ins[2]

                elif kind == op.BREAKPOINT:
                    if clock > now_ns:
                        return SLEEPING
                    qubits = [virtual[v] for v in sorted(virtual)]
                    self._driver.breakpoint(ins[1], ins[2], qubits, now_ns)

                elif kind in COLLECTIVE:
                    if entangling.in_the_way and (waits := self._wait_for_device(process, clock, now_ns)):
                        return waits
                    if subroutine.paid != pc:
                        clock += self._measure_ns if kind == op.MEAS_ALL else self._gate_ns
                        subroutine.paid = pc
                    if clock > now_ns:
                        return SLEEPING
                    if not self._collective.run(process, ins, now_ns):
                        return WAITING
                    if process.outcome_ref >= 0:
                        pc += 1
                        return OUTCOME

                else:
                    raise AssertionError(f"processor met operation {kind} that the loader let pass")
                pc += 1
            if preemptive:  # what it has still to spend is its own, what the device takes is not
                if clock > now_ns:
                    return SLEEPING
                if process.device_end_ns > now_ns:
                    return DRAINING
            elif max(clock, process.device_end_ns) > now_ns:
                clock = max(clock, process.device_end_ns)
                return SLEEPING
            return FINISHED
        except (Trap, DriverError) as error:
            if clock > now_ns:  # it happens when time gets there, not before
                if isinstance(error, DriverError):
                    subroutine.refused = error  # to ask again would cost again, for ever
                return SLEEPING
            raise
        finally:
            subroutine.pc = pc
            subroutine.executed += max(pc - stretch, 0)
            process.clock_ns = clock

    # --- the longer instructions ----------------------------------------------------------------------

    def _ahead(self, gate: str, qubit: int, clock: int, now_ns: int) -> str:
        """How a process stops before a gate under a preemptive policy; empty if it need not.

        The device must not be given more than one gate ahead: whoever gets the processor would have to wait
        for all of them.
        """
        if clock > now_ns:
            return SLEEPING
        return PACED if self._driver.could_begin_ns(gate, qubit) - self._gate_ns > now_ns else ""

    def _wait_for_device(self, process: Process, clock: int, now_ns: int) -> str:
        """How the process stops because the device attempts entanglement; empty if it can have it."""
        if clock > now_ns:
            return SLEEPING
        if self._network.sharing.lend(now_ns):
            return ""
        process.wait = WaitReason("device")
        return WAITING

    def _unbound(self, process: Process, register: int) -> str:
        """A quantum instruction on an id that no qubit is bound to: wait for an open request, else
        abort."""
        virtual = process.registers[register]
        if virtual is None:
            raise trap(f"register {register_name(register)} is undefined")
        for request in process.requests:
            if request.will_bind(virtual):
                process.wait = WaitReason("qubit", address=request.results_address, virtual=virtual)
                return WAITING
        failed = next(iter(process.failed.values()), None)
        if failed is not None:
            raise Trap(error_of(failed))
        raise trap(f"virtual qubit {virtual} is not allocated")

    def _measure(self, process: Process, qubit: int, ins: tuple[Any, ...], pc: int, now_ns: int) -> None:
        ref = self._next_ref
        self._next_ref = ref + 1
        process.outcome_ref = ref
        process.outcome_register = ins[2]
        operation = Operation(OpCode.MEASURE, "measure", qubit, ref=ref)
        process.device_end_ns = self._driver.submit(operation, now_ns)
        if (note := self._notes.taker()) is not None:
            note(process, pc, ins[1])

    def network_measurement(self, qubit: int, now_ns: int) -> int:
        """Measure for the network process, or one of several; returns the reference its outcome will
        carry."""
        ref = self._next_ref
        self._next_ref = ref + 1
        self._driver.submit(Operation(OpCode.MEASURE, "measure", qubit, ref=ref), now_ns)
        return ref

    def _allocate(self, process: Process, register: int, now_ns: int) -> bool:
        """True if done, False if the process must wait for memory."""
        virtual = process.registers[register]
        if virtual is None:
            raise trap(f"register {register_name(register)} is undefined")
        if virtual < 0:
            raise trap(f"virtual qubit {virtual} is negative")
        if virtual in process.virtual:
            raise trap(f"virtual qubit {virtual} is already allocated")
        if any(request.will_bind(virtual) for request in process.requests):
            raise trap(f"virtual qubit {virtual} is reserved by an open entanglement request")
        if len(process.virtual) >= process.quotas.qubits:
            raise Trap(exceeded(process, "qubits", f"the program holds {len(process.virtual)} qubits"))
        role = self._memory.role_of(process, virtual)
        if role is None:
            spared = self._line.spared(process) if self._line.places else ()
            qubit = self._memory.take(process.pid, None, spared)
            while qubit is None and self._network.kept.evict_unclaimed():
                qubit = self._memory.take(process.pid, None, self._line.spared(process))
        else:
            qubit = self._placement.place_for(process, role, now_ns)
        if qubit is not None:
            self._memory.bind(process, virtual, qubit)
            if self._line.places:
                self._line.leave(process)
            return True
        holders = self._holders()
        if all(holders[qubit] == process.pid for qubit in self._memory.wanted(role)):
            raise Trap(no_qubit(len(self._memory.owners), role))
        process.wait = WaitReason("memory", virtual=virtual, communication=role)
        return False

    def _request(self, process: Process, kind: int, ins: tuple[int, ...], now_ns: int) -> None:
        values: list[int] = []
        ignored = (
            ins[3] if process.registers[ins[3]] is None else -1
        )  # the id array of M requests is never set
        for register in ins[1:]:
            value = process.registers[register]
            if value is None and register != ignored:
                raise trap(f"register {register_name(register)} is undefined")
            values.append(-1 if value is None else value)
        if kind == op.CREATE_EPR:
            peer, socket, ids, arguments, results = values
            self.netstack.create(process, peer, socket, ids, arguments, results, now_ns)
        else:
            peer, socket, ids, results = values
            self.netstack.receive(process, peer, socket, ids, results, now_ns)


_QUANTUM: Final = frozenset((GATE, GATE2, MEASURE_ROTATED, op.MEAS, op.INIT, *COLLECTIVE))
