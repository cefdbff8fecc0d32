"""The node as a program sees it: the one argument of every program, and all it may await."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Mapping
from random import Random
from typing import TYPE_CHECKING, Any

from cnpu.arguments import FIDELITY_NOT_STATED
from cnpu.checks import duration, integer
from cnpu.control import Branch, Loop
from cnpu.entanglement import EprSocket
from cnpu.futures import Array, Future
from cnpu.raw import compile_raw
from cnpu.sockets import Socket
from cnpu.submitted import Submitted
from cnpu.tasks import Joining, Sleeping
from netqasm_isa import Subroutine, register_name
from netqasm_isa import opcodes as op
from netqasm_isa.epr import BreakpointAction
from qruntime.errors import ProgramError
from qruntime.rng import shot_key

if TYPE_CHECKING:
    from cnpu.builder import Builder
    from cnpu.program import Program

_LOG_CUT = 200  # characters of a log line that go into the trace


class Node:
    """What a program works with.

    `name` of the node, own `role`, the `peers` (other roles of the session); time, random numbers and log;
    sockets; subroutines; several tasks at once. Qubits are made with `Qubit(node)`.
    """

    __slots__ = ("_program", "_rng", "_sockets", "builder", "name", "role")

    def __init__(self, program: Program) -> None:
        self._program = program
        self.builder: Builder = program.builder
        self.name = program.cnpu.node
        self.role = program.role
        self._rng: Random | None = None
        self._sockets: dict[str, Socket] = {}

    @property
    def program(self) -> Program:
        """What runs this program: for runtimes of programs in other styles, which are built on ours."""
        return self._program

    @property
    def peers(self) -> list[str]:
        """The other roles of the session, in their order."""
        return list(self._program.routes.peers)

    @property
    def linked(self) -> list[str]:
        """The peers with whose node ours shares an entanglement link, in their order: those `epr` can
        reach."""
        return self._program.routes.linked

    # --- time, chance, log ------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """The program's time: simulated ns since the start of the shot."""
        return self._program.clock_ns

    async def sleep_ns(self, duration_ns: int) -> None:
        """Wait for so many simulated ns."""
        program = self._program
        await Sleeping(program, program.clock_ns + duration(duration_ns, "duration_ns"))

    @property
    def rng(self) -> Random:
        """Random numbers of this program, the same for the same seed and shot."""
        rng = self._rng
        if rng is None:
            program = self._program
            cnpu = program.cnpu
            name = f"program/{self.name}/{program.session}/{self.role}"
            self._rng = rng = Random(shot_key(cnpu.streams.seed, name, cnpu.shot))
        return rng

    def log(self, *values: object) -> None:
        """Note a line, as `print` would write it, in the program's log and in the trace."""
        program = self._program
        text = " ".join(map(str, values))
        program.log.append((program.clock_ns, text))
        if program.cnpu.tracing:
            program.emit("PROGRAM_LOG", text[:_LOG_CUT])

    # --- peers ------------------------------------------------------------------------------------

    def socket(self, peer: str) -> Socket:
        """The classical socket to a peer; raises `ProgramError` if there is no such role or no channel."""
        socket = self._sockets.get(peer)
        if socket is None:
            program = self._program
            program.routes.classical(peer)
            mailbox = program.cnpu.mailbox(program.session, program.role, peer)
            self._sockets[peer] = socket = Socket(program, peer, mailbox)
        return socket

    def epr(self, peer: str, min_fidelity: int = FIDELITY_NOT_STATED) -> EprSocket:
        """The EPR socket to a peer; raises `ProgramError` if there is no such role or no link.

        `min_fidelity` in percent, 0..100, is asked of every request made with it; 100 means not stated.
        """
        socket, remote_node = self._program.routes.epr(peer)
        return EprSocket(self, peer, socket, remote_node, integer(min_fidelity, "min_fidelity", 0, 100))

    # --- subroutines ------------------------------------------------------------------------------

    async def flush(self) -> None:
        """Run what was emitted so far on the QNPU; its futures have values afterwards.

        Nothing emitted: returns at once. Raises the error of an aborted subroutine.
        """
        if self.builder.pending:
            await self._program.submit()

    def submit(self) -> Submitted:
        """Send what was emitted so far and go on; `await` the handle to have the values.

        Several subroutines may be on their way; they run in order.
        """
        return self._program.submit()

    async def run_subroutine(
        self, subroutine: str | bytes | Subroutine, values: Mapping[str, int] | None = None
    ) -> tuple[dict[str, int], dict[int, list[int | None]]]:
        """Run NetQASM text, bytes or a `Subroutine`, with `values` for its templates.

        Returns what ret_reg and ret_arr handed over: register name -> value and address -> entries. Registers
        and arrays are the program's, shared with what the SDK emits. What was emitted before is sent first.
        """
        program = self._program
        code = compile_raw(subroutine, values, program.launch.flavour)
        if self.builder.pending:
            program.submit()
        submitted = await program.submit_code(code)
        result = submitted.result
        assert result is not None
        registers = {register_name(register): value for register, value in result.registers}
        return registers, {address: list(entries) for address, entries in result.arrays}

    def new_array(self, length: int, init: list[int] | tuple[int, ...] | int | None = None) -> Array:
        """An array of the program at the QNPU; see `Builder.new_array`."""
        return self.builder.new_array(length, init)

    def loop(self, stop: int | Future, start: int = 0, step: int = 1) -> Loop:
        """`with node.loop(n) as i:` the body runs on the QNPU for i = start, start + step, ... below
        `stop`."""
        return self.builder.loop(stop, start, step)

    def if_eq(self, a: int | Future, b: int | Future) -> Branch:
        """`with node.if_eq(a, b):` the body runs on the QNPU if a equals b."""
        return self.builder.if_eq(a, b)

    def if_ne(self, a: int | Future, b: int | Future) -> Branch:
        """The body runs if a differs from b."""
        return self.builder.if_ne(a, b)

    def if_lt(self, a: int | Future, b: int | Future) -> Branch:
        """The body runs if a is less than b."""
        return self.builder.if_lt(a, b)

    def if_ge(self, a: int | Future, b: int | Future) -> Branch:
        """The body runs if a is b or more."""
        return self.builder.if_ge(a, b)

    def if_ez(self, a: int | Future) -> Branch:
        """The body runs if a is 0."""
        return self.builder.if_ez(a)

    def if_nz(self, a: int | Future) -> Branch:
        """The body runs if a is not 0."""
        return self.builder.if_nz(a)

    def insert_breakpoint(self, everywhere: bool = False, role: int = 0) -> None:
        """Have the state of the program's qubits put into the trace when the QNPU gets here; the program
        learns nothing from it.

        Each qubit by itself; with `everywhere` all together with those of the program that reaches a
        breakpoint of another `role` (0 or 1).
        """
        self.builder.mark()
        kind = integer(role, "role", 0, 1)
        action = BreakpointAction.DUMP_GLOBAL_STATE if everywhere else BreakpointAction.DUMP_LOCAL_STATE
        self.builder.code.append((op.BREAKPOINT, int(action), kind))

    # --- several things at once -------------------------------------------------------------------

    async def gather(self, *awaitables: Awaitable[Any]) -> list[Any]:
        """Run all at once; their results in order. The first error cancels the others and is raised."""
        coroutines = _coroutines(awaitables)
        if not coroutines:
            return []
        results: list[Any] = await Joining(self._program, coroutines, only_first=False)
        return results

    async def first_of(self, *awaitables: Awaitable[Any]) -> tuple[int, Any]:
        """Run all until one is over: its index and result. The others are cancelled; an error is raised."""
        coroutines = _coroutines(awaitables)
        if not coroutines:
            raise ProgramError("first_of needs at least one awaitable")
        winner: tuple[int, Any] = await Joining(self._program, coroutines, only_first=True)
        return winner

    async def timeout(self, limit_ns: int, awaitable: Awaitable[Any]) -> Any:
        """The result of `awaitable`; after `limit_ns` it is cancelled and `ProgramTimeout` raised."""
        coroutines = _coroutines((awaitable,))
        try:
            limit_ns = duration(limit_ns, "limit_ns")
        except ProgramError:
            coroutines[0].close()
            raise
        _, result = await Joining(self._program, coroutines, only_first=True, limit_ns=limit_ns)
        return result


def _coroutines(awaitables: tuple[Awaitable[Any], ...]) -> list[Coroutine[Any, Any, Any]]:
    wrong = next((a for a in awaitables if not hasattr(a, "__await__")), None)
    if wrong is not None:
        for awaitable in awaitables:
            if isinstance(awaitable, Coroutine):
                awaitable.close()
        raise ProgramError(f"{wrong!r} cannot be awaited; a coroutine is needed, like node.flush()")
    return [a if isinstance(a, Coroutine) else _awaited(a) for a in awaitables]


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
