"""A QNPU without quantum mechanics, for tests of the CNPU: `FakeQnpu`, and `Bench` to run programs on.

It runs the classical instructions of a subroutine, keeps books of which virtual qubits are bound, takes
measurement outcomes from a script and delivers entanglement when it is waited for. What programs asked for
can be read off afterwards.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from cnpu import Cnpu, CnpuSettings, Ended, Launch
from netqasm_isa import decode, disassemble_instruction, lookup
from netqasm_isa import opcodes as op
from qruntime.actors import Arrival, Effect, Emit, Event, Message, Send, Wait
from qruntime.errors import Fault
from qruntime.kernel import Kernel
from qruntime.messages import Aborted, Done, RequestFailed, Submit
from qruntime.rng import Streams

_BRANCHES = {
    op.JMP: lambda: True,
    op.BEQ: lambda a, b: a == b,
    op.BNE: lambda a, b: a != b,
    op.BLT: lambda a, b: a < b,
    op.BGE: lambda a, b: a >= b,
    op.BEZ: lambda a: a == 0,
    op.BNZ: lambda a: a != 0,
}
_ARITHMETIC = {
    op.ADD: lambda a, b: a + b,
    op.SUB: lambda a, b: a - b,
    op.ADDM: lambda a, b, m: (a + b) % m,
    op.SUBM: lambda a, b, m: (a - b) % m,
}
_BUDGET = 100_000


class Faulty(Exception):
    """An instruction cannot be run."""


class Machine:
    """Registers, arrays and bound qubits of one process, and the interpreter over them."""

    def __init__(self, outcomes: deque[int]) -> None:
        self.registers: dict[int, int] = {}
        self.arrays: dict[int, list[int | None]] = {}
        self.bound: set[int] = set()
        self.trail: list[tuple[Any, ...]] = []  # (mnemonic, virtual ids or operands) of quantum instructions
        self.requests: list[dict[str, Any]] = []
        self._outcomes = outcomes
        self._undelivered: dict[tuple[int, int], list[Any]] = {}  # (results address, pair) -> ten entries

    def run(self, instructions: Sequence[tuple[Any, ...]]) -> Done:
        """Run to the end; what it returned, as `Done` with pid and subroutine -1."""
        returned: list[tuple[int, int]] = []
        arrays: list[tuple[int, tuple[int | None, ...]]] = []
        at = 0
        for _ in range(_BUDGET):
            if at == len(instructions):
                return Done(-1, -1, tuple(returned), tuple(arrays))
            ins = instructions[at]
            code, operands = ins[0], ins[1:]
            try:
                if code in _BRANCHES:
                    taken = _BRANCHES[code](*map(self._read, operands[:-1]))
                    at = operands[-1] if taken else at + 1
                    continue
                if code == op.RET_REG:
                    returned.append((operands[0], self._read(operands[0])))
                elif code == op.RET_ARR:
                    arrays.append((operands[0], tuple(self._array(operands[0]))))
                else:
                    self._step(code, operands)
            except Faulty as fault:
                raise Faulty(at, disassemble_instruction(ins), str(fault)) from None
            at += 1
        raise Faulty(at, "", "endless")

    def _read(self, register: int) -> int:
        if register not in self.registers:
            raise Faulty(f"register {register} is not set")
        return self.registers[register]

    def _array(self, address: int) -> list[int | None]:
        if address not in self.arrays:
            raise Faulty(f"no array @{address}")
        return self.arrays[address]

    def _entry(self, address: int, index: int) -> int:
        if not 0 <= index < len(self._array(address)):
            raise Faulty(f"index {index} outside of array @{address}")
        return index

    def _step(self, code: int, operands: tuple[Any, ...]) -> None:
        registers = self.registers
        if code == op.SET or code == op.LEA:
            registers[operands[0]] = operands[1]
        elif code in _ARITHMETIC:
            registers[operands[0]] = _ARITHMETIC[code](*map(self._read, operands[1:]))
        elif code == op.ARRAY:
            self.arrays[operands[1]] = [None] * self._read(operands[0])
        elif code == op.STORE:
            self._array(operands[1])[self._entry(operands[1], self._read(operands[2]))] = self._read(
                operands[0]
            )
        elif code == op.LOAD:
            value = self._array(operands[1])[self._entry(operands[1], self._read(operands[2]))]
            if value is None:
                raise Faulty(f"an entry of array @{operands[1]} has no value")
            registers[operands[0]] = value
        elif code == op.WAIT_ALL:
            self._wait(operands[0], self._read(operands[1]), self._read(operands[2]))
        elif code in (op.CREATE_EPR, op.RECV_EPR):
            self._request(code, operands)
        else:
            self._quantum(code, operands)

    def _quantum(self, code: int, operands: tuple[Any, ...]) -> None:
        row = lookup(code, "vanilla")
        ids = [self._read(operands[position - 1]) for position in row.qubits]
        if code == op.QALLOC:
            if ids[0] in self.bound:
                raise Faulty(f"qubit {ids[0]} is bound already")
            self.bound.add(ids[0])
        for virtual_id in ids:
            if virtual_id not in self.bound:
                raise Faulty(f"qubit {virtual_id} is not allocated")
        if code == op.QFREE:
            self.bound.remove(ids[0])
        for position in row.writes:
            self.registers[operands[position - 1]] = self._outcomes.popleft()
        numbers = [operands[position - 1] for position in row.immediates]
        self.trail.append((row.mnemonic, *ids, *numbers))

    def _request(self, code: int, operands: tuple[Any, ...]) -> None:
        node, socket = map(self._read, operands[:2])
        address = self._read(operands[-1])
        pairs = len(self._array(address)) // 10
        arguments = self._array(self._read(operands[3])) if code == op.CREATE_EPR else None
        keeps = self.registers.get(operands[2]) in self.arrays and (arguments is None or arguments[0] == 0)
        ids = list(self._array(self._read(operands[2]))) if keeps else []
        self.requests.append(
            {"node": node, "socket": socket, "ids": ids, "pairs": pairs, "arguments": arguments}
        )
        receiver = int(code == op.RECV_EPR)
        for pair in range(pairs):
            fields = [0, 0, ids[pair], receiver, 100 + pair, 0, node, 7 + pair, 0, 0] if keeps else [
                1, 0, None, 2, receiver, 100 + pair, 0, node, 7 + pair, 0,
            ]  # fmt: skip
            self._undelivered[address, pair] = fields

    def _wait(self, address: int, start: int, stop: int) -> None:
        """Deliver the pairs that are waited for, each when its id is free."""
        results = self._array(address)
        for pair in range(start // 10, -(-stop // 10)):
            fields = self._undelivered.pop((address, pair), None)
            if fields is None:
                continue
            if fields[0] == 1:
                fields[2] = self._outcomes.popleft()
            elif fields[2] in self.bound:
                raise Faulty(f"waits for ever: qubit {fields[2]} is bound")
            else:
                self.bound.add(fields[2])
            results[10 * pair : 10 * pair + 10] = fields
        entries = results[start:stop]
        if len(entries) != stop - start or None in entries:
            raise Faulty(f"waits for ever at @{address}[{start}:{stop}]")


class FakeQnpu:
    """An actor that answers Submit with Done or Aborted, `run_ns` + latency after it arrived.

    `outcomes` are the measurement outcomes in order, for all processes. Subroutine numbers in `silent` are
    never answered; those in `faults` are aborted with that fault, those in `failures` followed by a failed
    request.
    """

    def __init__(self, node: str, latency_ns: int, run_ns: int = 0, outcomes: Iterable[int] = ()) -> None:
        self.name = f"{node}/qnpu"
        self.tracing = False
        self.outcomes = list(outcomes)
        self.run_ns = run_ns
        self.silent: set[int] = set()
        self.faults: dict[int, Fault] = {}
        self.failures: dict[int, Fault] = {}
        self._latency_ns = latency_ns
        self._cnpu = f"{node}/cnpu"
        self.reset(0)

    def reset(self, shot: int) -> None:
        self.received: list[tuple[int, Message]] = []
        self.machines: dict[int, Machine] = {}
        self._script = deque(self.outcomes)

    def handle(self, event: Event, now_ns: int) -> Sequence[Effect]:
        if not isinstance(event, Arrival):
            return ()
        message = event.message
        self.received.append((now_ns, message))
        if not isinstance(message, Submit) or message.subroutine in self.silent:
            return ()
        answers = [self._answer(message)]
        if message.subroutine in self.failures:
            answers.append(RequestFailed(message.pid, self.failures[message.subroutine]))
        return [Send(self._cnpu, answer, self.run_ns + self._latency_ns) for answer in answers]

    def waits(self) -> list[Wait]:
        return []

    def texts(self) -> list[str]:
        """The subroutines that arrived, as text without header."""
        return [
            "\n".join(disassemble_instruction(ins) for ins in decode(message.code).instructions)
            for _, message in self.received
            if isinstance(message, Submit)
        ]

    def times(self, kind: type[Message]) -> list[int]:
        """When messages of a type arrived, in ns."""
        return [now_ns for now_ns, message in self.received if isinstance(message, kind)]

    def _answer(self, message: Submit) -> Message:
        if message.subroutine in self.faults:
            return Aborted(message.pid, message.subroutine, self.faults[message.subroutine])
        machine = self.machines.setdefault(message.pid, Machine(self._script))
        try:
            done = machine.run(decode(message.code).instructions)
        except Faulty as fault:
            index, instruction, reason = fault.args
            text = f"subroutine {message.subroutine} instruction {index} `{instruction}`: {reason}"
            data = {"index": index, "instruction": instruction}
            return Aborted(message.pid, message.subroutine, Fault("SUBROUTINE", text, data))
        return Done(message.pid, message.subroutine, done.registers, done.arrays)


class Bench:
    """Nodes alice, bob and charlie on a kernel, linked all to all; run programs on them.

    Latencies are 10 ns to the QNPU and 100 ns between nodes unless given.
    """

    def __init__(
        self,
        settings: CnpuSettings | None = None,
        *,
        outcomes: dict[str, list[int]] | None = None,
        run_ns: int = 0,
        nodes: tuple[str, ...] = ("alice", "bob", "charlie"),
        qnpu_ns: int = 10,
        cnpu_ns: int = 100,
        seed: int = 1,
        linked: bool = True,
        tracing: bool = False,
    ) -> None:
        self.nodes = nodes
        self.records: list[tuple[str, Emit]] = []
        self.cnpus = {
            node: Cnpu(
                node,
                nodes,
                settings or CnpuSettings(),
                qnpu_latency_ns=qnpu_ns,
                cnpu_latency_ns={peer: cnpu_ns for peer in nodes if peer != node},
                linked=[peer for peer in nodes if peer != node and linked],
                streams=Streams(seed),
                max_qubits=5,
            )
            for node in nodes
        }
        self.qnpus = {node: FakeQnpu(node, qnpu_ns, run_ns, (outcomes or {}).get(node, ())) for node in nodes}
        channels = {(f"{a}/cnpu", f"{b}/cnpu"): cnpu_ns for a in nodes for b in nodes if a != b}
        for node in nodes:
            channels[f"{node}/cnpu", f"{node}/qnpu"] = qnpu_ns
            channels[f"{node}/qnpu", f"{node}/cnpu"] = qnpu_ns
        self.kernel = Kernel(
            [*self.cnpus.values(), *self.qnpus.values()],
            channels,
            on_record=(lambda actor, emit: self.records.append((actor, emit))) if tracing else None,
        )

    def launch(
        self, session: int = 0, start_ns: int = 0, place: dict[str, str] | None = None, **mains: Any
    ) -> None:
        """Add a session: `mains` gives the program of each role; a role is placed on the node of its name."""
        placement = {role: (place or {}).get(role, role) for role in mains}
        for role, main in mains.items():
            inputs = {}
            if isinstance(main, tuple):
                main, inputs = main
            launch = Launch(session, "test", role, main, inputs, placement, start_ns)
            self.cnpus[placement[role]].launches.append(launch)

    def run(self, shot: int = 0) -> dict[tuple[int, str], Ended]:
        """One shot; how the programs ended."""
        self.records.clear()
        self.kernel.reset(shot)
        self.kernel.run()
        ended: dict[tuple[int, str], Ended] = {}
        for cnpu in self.cnpus.values():
            ended.update(cnpu.ended)
        return ended


def run(bench: Bench | None = None, /, **mains: Any) -> dict[str, Ended]:
    """One session, one shot: how each role ended."""
    bench = bench or Bench()
    bench.launch(**mains)
    return {role: ended for (_, role), ended in bench.run().items()}
