"""A subroutine on its way: `handle = node.submit()`, later `await handle`."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from cnpu.builder import NEVER_RAN
from cnpu.compiled import Compiled
from cnpu.tasks import Completing, Park
from qruntime.errors import Fault, PredecessorAborted, QnosError, error_of
from qruntime.messages import Done

if TYPE_CHECKING:
    from cnpu.program import Program

SETTLED = -1  # number of a handle for nothing


class Submitted:
    """What a program holds of a subroutine it sent.

    `await` it to have its futures filled; that raises the error of a subroutine that was aborted. `number`
    counts the subroutines of the program, -1 if there was nothing to send.
    """

    __slots__ = (
        "_charged",
        "_program",
        "compiled",
        "done",
        "error",
        "heard",
        "number",
        "result",
        "root",
        "waiting",
    )

    def __init__(self, program: Program, number: int, compiled: Compiled | None) -> None:
        self._program = program
        self._charged = False
        self.number = number
        self.compiled = compiled  # None: raw bytes
        self.done = number == SETTLED
        self.error: QnosError | None = None
        self.heard = False  # the program got the error, or that of one it took along
        self.root: Submitted | None = None  # the earlier one that took this one along
        self.result: Done | None = None
        self.waiting: list[Completing] = []

    def __await__(self) -> Generator[Park, Any, Submitted]:
        program = self._program
        if not self.done:
            yield Completing(program, self)
        if self.number != SETTLED and not self._charged:
            self._charged = True
            program.spend(program.cnpu.settings.after_result_ns)
        if self.error is not None:
            self.heard = True
            if self.root is not None:
                self.root.heard = True
            raise self.error
        return self

    def settle(self, result: Done) -> None:
        """It is done."""
        self.done = True
        self.result = result
        if self.compiled is not None:
            self.compiled.settle(result.registers, result.arrays)

    def fail(self, fault: Fault, earlier: Submitted | None) -> None:
        """It was refused or aborted, maybe as a consequence of the last abort before it."""
        self.done = True
        self.error = error = self._explained(fault)
        index, delivered = error.data.get("index"), error.data.get("delivered")
        if isinstance(error, PredecessorAborted):
            index = None
            if earlier is not None:
                self.root = earlier
                error.__cause__ = earlier.error
        if self.compiled is not None:
            reached = index if isinstance(index, int) else NEVER_RAN
            pairs = delivered if isinstance(delivered, int) else 0
            self._program.builder.undo(self.compiled, reached, pairs)

    def _explained(self, fault: Fault) -> QnosError:
        """The error with the source line of the SDK call at fault."""
        index = fault.data.get("index")
        place = None
        if self.compiled is not None and isinstance(index, int):
            place = self.compiled.place(index)
        if place is None:
            return error_of(fault)
        quoted = f"`{fault.data.get('instruction', '')}`"
        if quoted in fault.message:
            message = fault.message.replace(quoted, f"{quoted} ({place})", 1)
        else:
            message = f"{fault.message} ({place})"
        return error_of(Fault(fault.code, message, {**fault.data, "file": place.file, "line": place.line}))
