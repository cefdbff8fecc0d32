"""The compiler of one program: SDK calls append instructions, `finish` makes a subroutine of them.

Registers are given out so that code stays short. Virtual qubit k sits in Qk for k < 16, constants sit in bank
C, both set once at the head of the subroutine; outcomes go to bank M, which `ret_reg` hands over; loop
counters count up from R0; R10 to R15 are scratch. What does not fit is loaded where it is used. No register
is expected to survive from one subroutine to the next.

The code of a loop or branch may run never or often, so outcomes in there go to an array.
"""

from __future__ import annotations

from typing import Final

from cnpu.checks import INT32_MAX, INT32_MIN, integer
from cnpu.compiled import Compiled, Instruction, encode, known_code
from cnpu.control import Block, Branch, Loop
from cnpu.futures import Array, ArrayFuture, Future, RegisterFuture
from cnpu.qubit import Qubit
from cnpu.source import Mark, caller
from netqasm_isa import opcodes as op
from qruntime.errors import ProgramError, QnosError
from qruntime.limits import ARRAY_LENGTH

BANK_SIZE: Final = 16
COUNTERS: Final = 10  # R0..R9
SCRATCH: Final = tuple(range(COUNTERS << 2, BANK_SIZE << 2, 4))  # more than any one instruction needs
NEVER_RAN: Final = -1


class Builder:
    """Builds the subroutines of one program, one after another.

    `flavour` is the instruction set that `finish` encodes for. The SDK's objects (`Qubit`, `EprSocket`,
    futures) append to `code`; a program has no need to touch this.
    """

    __slots__ = (
        "_addresses",
        "_ahead",
        "_blocks",
        "_branches",
        "_constants",
        "_counters",
        "_flavour",
        "_ids",
        "_pinned",
        "_scratch",
        "_spill",
        "_spilled",
        "_temporary",
        "code",
        "events",
        "handed_over",
        "marks",
        "outcomes",
        "serial",
    )

    def __init__(self, flavour: str = "vanilla") -> None:
        self._flavour = flavour
        self._ids = 0  # bit k: virtual qubit k is in use
        self._addresses = 0  # bit a: array @a is in use
        self.serial = -1  # of the subroutine being built
        self._begin()

    def _begin(self) -> None:
        self.serial += 1
        self.code: list[Instruction] = []
        self.marks: list[tuple[int, Mark]] = []
        self.outcomes: list[RegisterFuture] = []
        self.handed_over: list[Array] = []
        self.events: list[tuple[int, Qubit, int, int]] = []
        self._constants: dict[int, int] = {}
        self._pinned = 0
        self._branches: list[int] = []
        self._blocks: list[Block] = []
        self._ahead: list[tuple[int, int]] = []
        self._temporary = 0
        self._scratch = 0
        self._counters = 0
        self._spill: Array | None = None
        self._spilled = 0

    def mark(self, depth: int = 1) -> Mark:
        """Note that the instructions from here on stem from the present SDK call.

        The application is known to be at least `depth` frames above the caller, which saves looking at those.
        """
        mark = caller(depth + 2)
        self.marks.append((len(self.code), mark))
        return mark

    @property
    def pending(self) -> bool:
        """Whether there is something to send."""
        return bool(self.code)

    # --- registers --------------------------------------------------------------------------------

    def constant(self, value: int) -> int:
        """A register that holds `value` (int32)."""
        register = self._constants.get(value)
        if register is not None:
            return register
        used = len(self._constants)
        if used < BANK_SIZE:
            self._constants[value] = register = used << 2 | 1
            return register
        register = self.scratch()
        self.code.append((op.SET, register, value))
        return register

    def qubit(self, virtual_id: int) -> int:
        """A register that holds a virtual qubit id."""
        if virtual_id < BANK_SIZE:
            self._pinned |= 1 << virtual_id
            return virtual_id << 2 | 2
        register = self.scratch()
        self.code.append((op.SET, register, virtual_id))
        return register

    def operand(self, value: int | Future, name: str) -> int:
        """A register that holds an int32 or the value of a future."""
        if isinstance(value, Future):
            if value.builder is not self:
                raise ProgramError(f"{name} is a future of another program")
            return value.load()
        return self.constant(integer(value, name, INT32_MIN, INT32_MAX))

    def scratch(self) -> int:
        """A register for the instruction that comes next."""
        self._scratch = at = (self._scratch + 1) % len(SCRATCH)
        return SCRATCH[at]

    def counter(self) -> int:
        """A register for a loop, given back with `release_counters`."""
        if self._counters == COUNTERS:
            raise ProgramError(f"loops need more than {COUNTERS} counters; nest fewer of them")
        self._counters += 1
        return (self._counters - 1) << 2

    def release_counters(self, number: int) -> None:
        """The innermost `number` counters are free again."""
        self._counters -= number

    # --- qubits -----------------------------------------------------------------------------------

    def take_id(self) -> int:
        """The lowest unused virtual qubit id, now used."""
        ids = self._ids
        lowest = ~ids & (ids + 1)
        self._ids = ids | lowest
        return lowest.bit_length() - 1

    def release_id(self, virtual_id: int) -> None:
        """The id is unused again."""
        self._ids &= ~(1 << virtual_id)

    def bound(self, qubit: Qubit, virtual_id: int, pair: int) -> None:
        """The next instruction binds the id: as pair `pair` of a request, or by qalloc (-1)."""
        self.events.append((len(self.code), qubit, virtual_id, pair))

    def unbind(self, qubit: Qubit, virtual_id: int, register: int) -> None:
        """Emit qfree."""
        self.events.append((len(self.code), qubit, virtual_id, _FREED))
        self.code.append((op.QFREE, register))
        self.release_id(virtual_id)

    def undo(self, compiled: Compiled, index: int, delivered: int) -> None:
        """A subroutine was aborted at instruction `index` (`NEVER_RAN`: before its first).

        Handles go back to what is true at the QNPU: what it did not get to bind is free again, what it did
        not get to free is still bound. `delivered` pairs of the request that `index` waits for are there.
        """
        reached = index - compiled.offset if index != NEVER_RAN else NEVER_RAN
        self._roll_back(compiled.events, reached, delivered)

    def _roll_back(self, events: list[tuple[int, Qubit, int, int]], reached: int, delivered: int) -> None:
        for at, qubit, virtual_id, pair in reversed(events):
            if at < reached or (at == reached and 0 <= pair < delivered):
                continue
            bit = 1 << virtual_id
            if pair != _FREED:
                self._ids &= ~bit
                qubit.lose()
            elif not self._ids & bit:
                self._ids |= bit
                qubit.regain(virtual_id)

    # --- arrays -----------------------------------------------------------------------------------

    def take_address(self, *, lives: bool = False) -> int:
        """The lowest unused array address; free again with the next subroutine unless it `lives`."""
        addresses = self._addresses
        lowest = ~addresses & (addresses + 1)
        self._addresses = addresses | lowest
        if not lives:
            self._temporary |= lowest
        return lowest.bit_length() - 1

    def array(self, address: int, length: int) -> None:
        """Emit the making of an array."""
        self.code.append((op.ARRAY, self.constant(length), address))

    def results_array(self, length: int) -> Array:
        """Emit an array for this subroutine only that is handed over at its end."""
        array = Array(self, self.take_address(), length, lives=False)
        self._declare_ahead(array)
        self.array(array.address, length)
        self.hand_over(array)
        return array

    def new_array(self, length: int, init: list[int] | tuple[int, ...] | int | None = None) -> Array:
        """Emit an array that lives as long as the program.

        `length` 1..2^20; `init` is one int32 for all entries, a sequence of `length` of them, or None to
        leave the entries undefined.
        """
        length = integer(length, "length", 1, ARRAY_LENGTH)
        self.mark()
        array = Array(self, self.take_address(lives=True), length, lives=True)
        self._declare_ahead(array)
        self.array(array.address, length)
        self.hand_over(array)
        if init is not None:
            self._fill(array, init)
        return array

    def _declare_ahead(self, array: Array) -> None:
        """Inside a block its making may be skipped, and ret_arr of an array that was never made is an
        error."""
        if self._blocks:
            self._ahead.append((array.address, len(array)))

    def _fill(self, array: Array, init: list[int] | tuple[int, ...] | int) -> None:
        length = len(array)
        if isinstance(init, int):
            self.fill(array.address, length, self.constant(integer(init, "init", INT32_MIN, INT32_MAX)))
            return
        if len(init) != length:
            raise ProgramError(f"init has {len(init)} entries; the array has {length}")
        for i, value in enumerate(init):
            source = self.constant(integer(value, f"init[{i}]", INT32_MIN, INT32_MAX))
            self.code.append((op.STORE, source, array.address, self.constant(i)))

    def fill(self, address: int, length: int, register: int) -> None:
        """Emit stores of one register to entries 0..length-1, as a loop if there are more than three."""
        if length <= 3:
            for i in range(length):
                self.code.append((op.STORE, register, address, self.constant(i)))
            return
        counters = 1
        if register in SCRATCH:  # the loop may need scratch itself
            counters = 2
            source = self.counter()
            self.code.append((op.SET, source, 0))
            self.code.append((op.ADD, source, source, register))
            register = source
        counter = self.counter()
        self.code.append((op.SET, counter, 0))
        body = len(self.code)
        self.code.append((op.STORE, register, address, counter))
        self.code.append((op.ADD, counter, counter, self.constant(1)))
        self.branch((op.BLT, counter, self.constant(length)), body)
        self.release_counters(counters)

    def hand_over(self, array: Array) -> None:
        """Return the array at the end of this subroutine."""
        if array.serial != self.serial:
            array.serial = self.serial
            self.handed_over.append(array)

    # --- outcomes ---------------------------------------------------------------------------------

    def outcome(self, future: ArrayFuture | None, mark: Mark) -> tuple[int, RegisterFuture | ArrayFuture]:
        """Where a measurement puts its outcome: the register, and the future to keep it in."""
        if future is not None:
            if future.builder is not self:
                raise ProgramError("future is an array entry of another program")
            future.check_writable()
            return self.scratch(), future
        used = len(self.outcomes)
        if used < BANK_SIZE and not self._blocks:
            register = used << 2 | 3
            outcome = RegisterFuture(self, register, self.serial, mark)
            self.outcomes.append(outcome)
            return register, outcome
        spill = self._spill
        if spill is None:
            # Made at the head of the subroutine, when its length is known.
            self._spill = spill = Array(self, self.take_address(), ARRAY_LENGTH, lives=False)
            self.hand_over(spill)
        self._spilled += 1
        return self.scratch(), ArrayFuture(spill, self._spilled - 1)

    # --- control flow -----------------------------------------------------------------------------

    def branch(self, head: Instruction, target: int) -> int:
        """Emit a branch or jump to an index of `code`; returns its own index."""
        at = len(self.code)
        self._branches.append(at)
        self.code.append((*head, target))
        return at

    def land(self, at: int) -> None:
        """The branch at index `at` goes here."""
        self.code[at] = (*self.code[at][:-1], len(self.code))

    def enter(self, block: Block) -> int:
        """A block begins; returns the set of virtual ids in use."""
        self._blocks.append(block)
        return self._ids

    def leave(self, block: Block) -> int:
        """The innermost block ends; returns the set of virtual ids in use."""
        if self._blocks.pop() is not block:
            raise ProgramError("loops and branches must be closed in the reverse order of opening")
        return self._ids

    def loop(self, stop: int | Future, start: int = 0, step: int = 1) -> Loop:
        """`with node.loop(n) as i:` the body runs on the QNPU for i = start, start + step, ... below
        `stop`."""
        if not isinstance(stop, Future):
            stop = integer(stop, "stop", INT32_MIN, INT32_MAX)
        return Loop(
            self, stop, integer(start, "start", INT32_MIN, INT32_MAX), integer(step, "step", 1, INT32_MAX)
        )

    def if_eq(self, a: int | Future, b: int | Future) -> Branch:
        """The body runs on the QNPU if a equals b."""
        if b.__class__ is int and b == 0:
            return Branch(self, op.BNZ, a, None)
        return Branch(self, op.BNE, a, b)

    def if_ne(self, a: int | Future, b: int | Future) -> Branch:
        """The body runs on the QNPU if a differs from b."""
        if b.__class__ is int and b == 0:
            return Branch(self, op.BEZ, a, None)
        return Branch(self, op.BEQ, a, b)

    def if_lt(self, a: int | Future, b: int | Future) -> Branch:
        """The body runs on the QNPU if a is less than b."""
        return Branch(self, op.BGE, a, b)

    def if_ge(self, a: int | Future, b: int | Future) -> Branch:
        """The body runs on the QNPU if a is b or more."""
        return Branch(self, op.BLT, a, b)

    def if_ez(self, a: int | Future) -> Branch:
        """The body runs on the QNPU if a is 0."""
        return Branch(self, op.BNZ, a, None)

    def if_nz(self, a: int | Future) -> Branch:
        """The body runs on the QNPU if a is not 0."""
        return Branch(self, op.BEZ, a, None)

    # --- the end of a subroutine ------------------------------------------------------------------

    def finish(self) -> Compiled:
        """The subroutine of everything emitted since the last one.

        Raises `ProgramError` inside of a loop or branch. What cannot be sent is dropped: `ProgramError` if
        the flavour lacks an instruction, `LimitError` if it is too long.
        """
        if self._blocks:
            raise ProgramError(f"a subroutine cannot be sent inside of {self._blocks[-1].describe()}")
        declared = self._declarations()
        returned = tuple([array.address for array in self.handed_over])
        # All that the bytes depend on, without putting the instructions together.
        recipe = (
            self._flavour,
            self._pinned,
            tuple(self._constants),
            tuple(declared),
            tuple(self.code),
            len(self.outcomes),
            returned,
        )
        encoded = known_code(recipe)
        if encoded is None:
            head = self._head(declared)
            try:
                encoded = encode(
                    (*head, *self._body(len(head)), *self._tail()), self._flavour, len(head), recipe
                )
            except QnosError:
                self.drop()
                raise
        compiled = Compiled(encoded, self)
        self._addresses &= ~self._temporary
        self._begin()
        return compiled

    def instructions(self) -> tuple[Instruction, ...]:
        """What `finish` would encode now."""
        head = self._head(self._declarations())
        return (*head, *self._body(len(head)), *self._tail())

    def drop(self) -> None:
        """Forget what was emitted since the last subroutine; what it was to make or free is as before."""
        self._roll_back(self.events, NEVER_RAN, 0)
        self._addresses &= ~self._temporary
        self._begin()

    def _declarations(self) -> list[Instruction]:
        """Arrays made at the head: whether or not a block makes them, or when their length is known at the
        end."""
        arrays = self._ahead
        if self._spill is not None:
            arrays = [*arrays, (self._spill.address, self._spilled)]
        declared: list[Instruction] = []
        for address, length in arrays:
            register = self._constants.get(length)
            if register is None and len(self._constants) < BANK_SIZE:
                register = self.constant(length)
            if register is None:
                register = SCRATCH[0]
                declared.append((op.SET, register, length))
            declared.append((op.ARRAY, register, address))
        return declared

    def _head(self, declared: list[Instruction]) -> list[Instruction]:
        qubits = (k for k in range(BANK_SIZE) if self._pinned >> k & 1)
        head: list[Instruction] = [(op.SET, k << 2 | 2, k) for k in qubits]
        head += [(op.SET, register, value) for value, register in self._constants.items()]
        return head + declared

    def _tail(self) -> list[Instruction]:
        tail: list[Instruction] = [(op.RET_REG, k << 2 | 3) for k in range(len(self.outcomes))]
        return tail + [(op.RET_ARR, array.address) for array in self.handed_over]

    def _body(self, offset: int) -> list[Instruction]:
        if not self._branches:
            return self.code
        body = list(self.code)
        for at in self._branches:
            body[at] = (*body[at][:-1], body[at][-1] + offset)
        return body


_FREED: Final = -2  # in `events`, where pairs count from 0 and qalloc is -1
